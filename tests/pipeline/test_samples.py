"""Samples of documents: exact, independent of order, bounded."""

import random

import pytest

from pipeline.samples import Draw, rank


def drawn(ids, most=10, value=1.0, purpose="test"):
    draw = Draw(purpose, most)
    for doc_id in ids:
        draw.add(doc_id, value)
    return draw


IDS = [f"doc{i}" for i in range(5000)]


def chosen(draw, **limits):
    sample = draw.sample(**limits)
    return [doc_id for doc_id in IDS if sample.holds(doc_id)]


def test_a_rank_is_the_same_everywhere():
    assert rank("test", "doc1") == rank("test", "doc1") < 1 << 64
    assert len({rank("test", "doc1"), rank("other", "doc1"), rank("test", "doc2")}) == 3
    assert rank("test", "doc1") == 9638444757335370005


@pytest.mark.parametrize("most", [1, 10, 4999, 5000, 6000])
def test_a_sample_has_exactly_the_documents_it_says(most):
    draw = drawn(IDS, most)
    sample = draw.sample()
    assert (sample.documents, sample.candidates) == (min(most, 5000), 5000)
    assert len(chosen(draw)) == sample.documents


def test_order_does_not_matter():
    shuffled = random.Random(1).sample(IDS, len(IDS))
    assert chosen(drawn(IDS)) == chosen(drawn(shuffled))


def test_another_purpose_draws_other_documents():
    assert set(chosen(drawn(IDS))).isdisjoint(chosen(drawn(IDS, purpose="other")))


@pytest.mark.parametrize("total, documents", [(0.0, 1), (29.9, 2), (30.0, 3), (1e9, 10)])
def test_numbers_sum_to_at_most_the_limit_but_one_is_always_in(total, documents):
    assert len(chosen(drawn(IDS, value=10.0), max_total=total)) == documents


def test_a_smaller_sample_is_part_of_a_larger_one():
    draw = drawn(IDS, 100)
    assert set(chosen(draw, max_documents=10)) < set(chosen(draw))
    assert len(chosen(draw, max_documents=10)) == 10


def test_a_document_met_twice_is_drawn_once():
    draw = drawn(["a", "b", "a", "a"], 3)
    assert (draw.sample().documents, draw.sample().candidates) == (2, 4)


def test_values_are_those_of_the_sampled_documents():
    draw = Draw("test", 3)
    for i, doc_id in enumerate(IDS):
        draw.add(doc_id, float(i))
    assert sorted(draw.values()) == sorted(float(IDS.index(doc_id)) for doc_id in chosen(draw))


def test_nothing_drawn_holds_nothing():
    sample = Draw("test", 5).sample()
    assert (sample.documents, sample.candidates, sample.holds("doc1")) == (0, 0, False)
    assert Draw("test", 5).values().tolist() == []


def test_memory_follows_the_sample_not_the_candidates():
    draw = drawn((f"doc{i}" for i in range(20_000)), 10)
    assert len(draw._ranks) <= 2 * 10 + 1024
