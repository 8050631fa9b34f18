"""Sets and samples hold the shingles that the loop finds."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.shingle_loop import MASK, letters, next_shingles
from filters.shingles import shingle_hashes, shingle_sets
from tokenizer.kernels import text_buffers

TEXTS = st.text(st.sampled_from("ab é.中"), max_size=60)


def shingles_of(text, size):
    values, offsets = text_buffers(pa.array([text], pa.large_string()))
    ring, room = np.zeros(size, np.uint64), np.zeros(len(text) + 1, np.uint64)
    found, *_ = next_shingles(values, int(offsets[0]), int(offsets[1]), ring, np.uint64(0), 0, letters(), room)
    return set(room[:found].tolist())


def sample(text, size=3, limit=MASK):
    values, offsets = text_buffers(pa.array([text], pa.large_string()))
    hashes, words = shingle_hashes(values, int(offsets[0]), int(offsets[1]), size, limit)
    return hashes.tolist(), words


def sets_of(texts, size):
    hashes, offsets = shingle_sets(pa.array(texts, pa.large_string()), size)
    return [hashes[start:end].tolist() for start, end in pairwise(offsets)]


@given(TEXTS, st.integers(1, 4), st.sampled_from([MASK, MASK // 2, MASK // 64, 0]))
def test_a_sample_has_the_shingles_up_to_its_limit(text, size, limit):
    assert sample(text, size, limit)[0] == sorted(value for value in shingles_of(text, size) if value <= limit)


@given(st.lists(TEXTS, max_size=5), st.integers(1, 4))
@example(["a", "中a", "a中", "", "a b"], 1)
def test_sets_have_the_shingles_of_each_text_once(texts, size):
    assert sets_of(texts, size) == [sorted(shingles_of(text, size)) for text in texts]


def test_a_limit_that_is_a_hash_is_in_the_sample():
    hashes, _ = sample("one two three four five", 1)
    assert sample("one two three four five", 1, hashes[2])[0] == hashes[:3]


@pytest.mark.parametrize("words", [0, -1])
def test_a_shingle_has_a_word_at_least(words):
    with pytest.raises(ValueError, match=f"words must be at least 1, got {words}"):
        shingle_sets(pa.array(["a"]), words)


def test_no_texts_have_no_sets():
    hashes, offsets = shingle_sets(pa.array([], pa.large_string()), 3)
    assert (hashes.tolist(), offsets.tolist(), hashes.dtype, offsets.dtype) == ([], [0], np.uint64, np.int64)


def test_a_slice_of_texts_has_its_own_sets():
    texts = pa.array(["zzz zzz zzz", "one two three", "yyy"], pa.string())
    hashes, offsets = shingle_sets(texts[1:2], 3)
    assert (hashes.tolist(), offsets.tolist()) == (sample("one two three")[0], [0, 1])


def test_order_of_words_matters():
    assert sample("one two three")[0] != sample("two one three")[0]


def test_sample_is_the_part_below_the_limit_and_of_the_right_size():
    text = " ".join(map(str, range(20_000)))
    everything, _ = sample(text)
    some, _ = sample(text, limit=MASK // 64)
    assert some == [value for value in everything if value <= MASK // 64]
    assert 200 < len(some) < 430


def test_text_within_a_buffer_is_read_from_its_offsets():
    array = pa.array(["zzz zzz zzz", "one two three", "yyy"], pa.large_string())
    values, offsets = text_buffers(array)
    hashes, words = shingle_hashes(values, int(offsets[1]), int(offsets[2]), 3, MASK)
    assert (hashes.tolist(), words) == (sample("one two three")[0], 3)
    assert hashes.dtype == np.uint64


@pytest.mark.parametrize("shared", [0, 300, 700, 1000])
def test_sampled_overlap_agrees_with_datasketch(shared):
    from datasketch import MinHash

    first = [f"word{index}" for index in range(1000)]
    second = first[:shared] + [f"other{index}" for index in range(1000 - shared)]
    sketches = [
        MinHash.bulk([[" ".join(words[i : i + 3]).encode() for i in range(998)]], num_perm=256)[0]
        for words in (first, second)
    ]
    ours = [set(sample(" ".join(words))[0]) for words in (first, second)]
    jaccard = len(ours[0] & ours[1]) / len(ours[0] | ours[1])
    assert sketches[0].jaccard(sketches[1]) == pytest.approx(jaccard, abs=0.09)
