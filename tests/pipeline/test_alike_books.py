"""Books as RedPajama v1 deduplicates them: the same whichever way blocks come, and as one search over all would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shuffled import verdicts_of

from filters.batch import document_batch
from filters.simhash import BLOCKS, near_earlier_in_block, simhash
from pipeline.alike_books import AlikeRounds
from pipeline.corpora.registry import document_stages
from pipeline.recipe import Recipe
from pipeline.source_sections import Books

WORDS = " ".join(f"word{number}" for number in range(400))


def batch(*texts, first=0):
    return document_batch(
        {"doc_id": f"{first + row:032d}", "source": "books", "origin": "o", "text": text}
        for row, text in enumerate(texts)
    )


def kept(rounds, units, seed=0):
    verdicts = verdicts_of(rounds, units, seed)
    filters = [rounds.filters(blocks)[0] for blocks in verdicts]
    return [
        text
        for rule, batches in zip(filters, units, strict=True)
        for each in batches
        for text, why in zip(each.column("text").to_pylist(), rule.apply(each).reason.to_pylist(), strict=True)
        if why is None
    ]


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_first_of_books_alike_stays_in_any_order_of_blocks(partitions, seed):
    units = [[batch("another tale", WORDS)], [batch(WORDS + " end", "a third one", first=2)]]
    assert kept(AlikeRounds(partitions=partitions), units, seed) == ["another tale", WORDS, "a third one"]


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([WORDS, WORDS + " x", WORDS[:1500], "short", "other", ""]), max_size=8), st.integers(0, 8)
)
def test_units_and_partitions_change_no_verdict(texts, cut):
    units = [[batch(*texts[:cut])], [batch(*texts[cut:], first=cut)]]
    hashes = simhash(batch(*texts).column("text"))
    near = np.logical_or.reduce([near_earlier_in_block(hashes, block) for block in range(len(BLOCKS))])
    assert kept(AlikeRounds(partitions=2), units) == [text for text, gone in zip(texts, near, strict=True) if not gone]


def test_a_unit_of_several_batches_counts_its_rows_on():
    units = [[batch("one"), batch(WORDS, first=1), batch(WORDS, first=2)]]
    assert kept(AlikeRounds(partitions=2), units) == ["one", WORDS]


def test_no_blocks_are_an_empty_verdict():
    assert AlikeRounds(partitions=1).filters(())[0].dropped == frozenset()
    assert list(AlikeRounds(partitions=1).sketch(0, [])) == []


def test_a_book_travels_six_times():
    sent = list(AlikeRounds(partitions=4).sketch(7, [batch(WORDS)]))
    assert [partition // 4 for partition, _ in sent] == list(range(6))
    assert {len(block) for _, block in sent} == {9 + 48}


def test_no_partitions_are_refused():
    with pytest.raises(ValueError, match="partitions must be at least 1, got 0"):
        AlikeRounds(partitions=0)


def test_books_go_through_it_in_the_faithful_mode_alone():
    recipe = Recipe(name="x", books=Books(mode="faithful"))
    assert document_stages(recipe, "books") == ("clean", "dedup")
    assert document_stages(Recipe(name="x"), "books") == ("clean", "near-dedup")


def test_places_hold_a_unit_and_a_row():
    (_, block), *_ = AlikeRounds(partitions=1).sketch(3, [batch("a", "b")])
    assert np.frombuffer(block[9:], np.dtype([("h", "<u8"), ("p", "<u8"), ("i", "S32")]))["p"].tolist() == [
        3 << 32,
        3 << 32 | 1,
    ]
