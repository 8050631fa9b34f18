"""Documents that overlap get keys in common, and a key that many have makes no squared number of pairs."""

import time
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from filters.batch import document_batch
from pipeline.near_candidates import KEY, LEVELS, MIN_SAMPLE, PAIR, BandKeys, SampledKeys, left_out, pairs_of, summed

BANDS = BandKeys(similarity=0.8, shingle_words=3, permutations=128)
SAMPLES = SampledKeys(containment=0.9, shingle_words=9, sample=64)


def words(seed, count):
    rng = Random(seed)
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(count))


def keys_of(maker, *texts):
    batch = document_batch([{"doc_id": str(index), "text": text} for index, text in enumerate(texts)])
    return maker.keys(np.arange(7, 7 + len(texts), dtype=np.uint64), batch)


def test_bands_are_as_many_for_each_document_and_none_for_one_without_words():
    found = keys_of(BANDS, words(1, 50), "…", words(2, 50))
    assert set(found["document"].tolist()) == {7, 9}
    assert (found["keys"] == len(found) // 2).all()
    assert found["bytes"].tolist() == [len(words(1, 50))] * (len(found) // 2) + [len(words(2, 50))] * (len(found) // 2)


@pytest.mark.parametrize("maker", [BANDS, SAMPLES])
def test_equal_texts_have_equal_keys_and_others_have_others(maker):
    found = keys_of(maker, words(1, 900), words(1, 900), words(2, 900))
    one, again, other = (set(found["key"][found["document"] == document].tolist()) for document in (7, 8, 9))
    assert one == again
    assert not one & other


@pytest.mark.parametrize("sizes", [(3,), (1, 2), (2, 1), (1, 1, 1)])
@pytest.mark.parametrize("maker", [BANDS, SAMPLES])
def test_keys_do_not_depend_on_how_documents_lie_in_batches(maker, sizes):
    batch = document_batch(
        [{"doc_id": str(seed), "text": words(seed, count)} for seed, count in enumerate((9000, 9, 300))]
    )
    whole = maker.keys(np.arange(3, dtype=np.uint64), batch)
    starts = np.cumsum([0, *sizes])
    parts = [
        maker.keys(np.arange(start, start + size, dtype=np.uint64), batch.slice(start, size))
        for start, size in zip(starts, sizes, strict=False)
    ]
    assert np.array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("count, level", [(40_000, 0), (3000, 1), (200, 5), (20, 7)])
def test_a_short_text_is_sampled_more_densely(count, level):
    found = keys_of(SAMPLES, words(9, count))
    assert set(found["level"].tolist()) == {level}
    assert (found["keys"] == len(found)).all()
    assert level == LEVELS - 1 or len(found) >= MIN_SAMPLE


def records(*rows):
    """KEY rows of (key, document, bytes)."""
    found = np.zeros(len(rows), KEY)
    for row, (key, document, size) in zip(found, rows, strict=True):
        row["key"], row["document"], row["bytes"] = key, document, size
    return found


def all_pairs(*args):
    found = summed(np.concatenate([np.zeros(0, PAIR), *pairs_of(*args)]))
    return found[["longer", "shorter", "shared"]].tolist()


def test_shared_keys_are_counted_by_pair_the_longer_document_first():
    rows = records((5, 1, 9), (5, 2, 8), (6, 2, 8), (6, 1, 9), (7, 2, 8), (8, 3, 8), (8, 2, 8))
    assert all_pairs(rows) == [(1, 2, 2), (2, 3, 1)]
    assert all_pairs(records()) == []


@pytest.mark.parametrize("size, pairs, lost", [(3, 3, 0), (4, 5, 1), (50, 49 + 48, 48 * 47 // 2)])
def test_a_key_that_many_have_is_paired_with_the_longest_alone(size, pairs, lost):
    rows = records(*((7, document, document) for document in range(size)))
    found = all_pairs(rows, 2)
    assert {longer for longer, _, _ in found} == {size - 1, size - 2}
    assert (len(found), left_out(rows, 2)) == (pairs, lost)


def test_a_million_documents_with_one_key_take_seconds_and_one_turn_of_pairs_at_a_time():
    rows = np.zeros(1_000_000, KEY)
    rows["document"] = np.arange(len(rows))
    start = time.perf_counter()
    sizes = [len(pairs) for pairs in pairs_of(rows, 3)]
    assert sizes == [999_999, 999_998, 999_997]
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize(
    "shared, sample, is_one", [(63, 100, True), (62, 100, False), (11, 12, True), (10, 12, False), (1, 1, False)]
)
def test_samples_must_show_nearly_the_overlap_that_is_looked_for(shared, sample, is_one):
    pairs = np.zeros(1, PAIR)
    pairs["shared"], pairs["sample"] = shared, sample
    assert SAMPLES.are_candidates(pairs).tolist() == [is_one]
    assert BANDS.are_candidates(pairs).tolist() == [True]


def test_samples_are_compared_as_densely_as_the_sparser_of_the_two():
    rows = records((1, 1, 90), (1, 2, 80))
    rows["keys"], rows["level"] = (70, 100), (0, 2)
    (found,) = pairs_of(rows)
    assert found["sample"].tolist() == [25]


def test_a_slice_of_a_batch_has_its_own_lengths():
    batch = document_batch([{"doc_id": "a", "text": "x" * 5}, {"doc_id": "b", "text": "y"}]).slice(1)
    assert isinstance(batch.column("text"), pa.LargeStringArray)
    assert set(BANDS.keys(np.array([1], np.uint64), batch)["bytes"].tolist()) == {1}
