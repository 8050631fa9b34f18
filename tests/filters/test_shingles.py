"""The loop gives what plain Python gives."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.shingles import MASK, MIX_1, MIX_2, SHINGLE_STEP, WORD_START, WORD_STEP, shingle_hashes
from tokenizer.kernels import text_buffers


def mixed(word):
    word = (word ^ word >> 30) * MIX_1 & MASK
    word = (word ^ word >> 27) * MIX_2 & MASK
    return word ^ word >> 31


def words_of(text):
    """The specification, read slowly."""
    plain = "".join(
        unicodedata.normalize("NFKD", c.lower())[:1] for c in text if unicodedata.category(c) not in ("Mn", "Cf")
    )
    return "".join(c if c.isalnum() or ord(c) > 0xFFFF else " " for c in plain).split()


def hashes_in_python(text, size, limit):
    hashed = []
    for word in words_of(text):
        value = WORD_START
        for character in word:
            value = (value ^ ord(character)) * WORD_STEP & MASK
        hashed.append(mixed(value))
    found = set()
    for at in range(len(hashed) - size + 1):
        rolling = 0
        for value in hashed[at : at + size]:
            rolling = (rolling * SHINGLE_STEP + value) & MASK
        found.add(mixed(rolling))
    return sorted(value for value in found if value <= limit)


def sample(text, size=3, limit=MASK):
    values, offsets = text_buffers(pa.array([text], pa.large_string()))
    hashes, words = shingle_hashes(values, int(offsets[0]), int(offsets[1]), size, limit)
    return hashes.tolist(), words


TEXTS = st.text(st.sampled_from("aB zé’'_-1\n\u0301\u00ad中文ßİǅ 😀"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(1, 4), st.sampled_from([MASK, MASK // 2, MASK // 64, 0]))
def test_hashes_are_those_of_the_specification(text, size, limit):
    assert sample(text, size, limit)[0] == hashes_in_python(text, size, limit)


@pytest.mark.parametrize(
    "one, other",
    [
        ("Cunégonde said: don’t!", "cunegonde SAID don't"),
        ("e\u0301te\u0301 il y a", "été il y a"),
        ("_one_  two\r\nthree", "one two three"),
        ("soft\u00adware is good", "software is good"),
    ],
)
def test_editions_in_other_type_have_the_same_shingles(one, other):
    assert sample(one)[0] == sample(other)[0]


@pytest.mark.parametrize(
    "text, words, shingles", [("", 0, 0), ("a b", 2, 0), ("a b c", 3, 1), ("a b c d", 4, 2), (" -- ", 0, 0)]
)
def test_words_and_shingles_are_counted(text, words, shingles):
    hashes, counted = sample(text)
    assert (counted, len(hashes)) == (words, shingles)


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
