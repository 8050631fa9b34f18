"""The loop gives what plain Python gives."""

import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.shingles import (
    MASK,
    MIX_1,
    MIX_2,
    SHINGLE_STEP,
    WORD_START,
    WORD_STEP,
    letters,
    next_shingles,
    shingle_hashes,
    shingle_sets,
)
from tokenizer.kernels import text_buffers

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "YI", "THAI", "LAO", "KHMER", "MYANMAR", "IDEOGRAPHIC", "TAI")


def mixed(word):
    word = (word ^ word >> 30) * MIX_1 & MASK
    word = (word ^ word >> 27) * MIX_2 & MASK
    return word ^ word >> 31


def is_unspaced(character):
    return unicodedata.name(character, "").startswith(UNSPACED)


def words_of(text):
    """The specification, read slowly; a letter of a script without blanks has them put around it."""
    spaced = ""
    for character in text:
        category = unicodedata.category(character)
        hangul = unicodedata.name(character, "").startswith("HANGUL SYLLABLE")
        bare = character if hangul else unicodedata.normalize("NFKD", character.lower())[:1]
        if category in ("Mn", "Me", "Cf") or (category == "Mc" and is_unspaced(bare)):
            continue
        if not (category == "Mc" or bare.isalnum()):
            bare = " "
        spaced += f" {bare} " if is_unspaced(bare) and bare.isalpha() else bare
    return spaced.split()


def hash_of(words):
    rolling = 0
    for word in words:
        value = WORD_START
        for character in word:
            alone = character.isalpha() and is_unspaced(character)
            value = (value ^ (ord(character) | (1 << 24 if alone else 0))) * WORD_STEP & MASK
        rolling = (rolling * SHINGLE_STEP + mixed(value)) & MASK
    return mixed(rolling)


def hashes_in_python(text, size, limit=MASK):
    words = words_of(text)
    starts = range(max(len(words) - size + 1, min(1, len(words))))
    return sorted({value for at in starts if (value := hash_of(words[at : at + size])) <= limit})


def sample(text, size=3, limit=MASK):
    values, offsets = text_buffers(pa.array([text], pa.large_string()))
    hashes, words = shingle_hashes(values, int(offsets[0]), int(offsets[1]), size, limit)
    return hashes.tolist(), words


def sets_of(texts, size):
    hashes, offsets = shingle_sets(pa.array(texts, pa.large_string()), size)
    return [hashes[start:end].tolist() for start, end in pairwise(offsets)]


LETTERS = "aB zé’'_-1\n\u0301\u00ad中文ßİǅ 😀한국ไทก็กำ၁က္ာのデｶﾞ々คिकीक्ष\U00020000𝐚\U000e0041"
TEXTS = st.text(st.sampled_from(LETTERS), max_size=60)


@settings(max_examples=300)
@given(TEXTS, st.integers(1, 4), st.sampled_from([MASK, MASK // 2, MASK // 64, 0]))
def test_hashes_are_those_of_the_specification(text, size, limit):
    assert sample(text, size, limit) == (hashes_in_python(text, size, limit), len(words_of(text)))


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=5), st.integers(1, 4))
@example(["a", "中a", "a中", "", "a b"], 1)
def test_sets_are_those_of_the_specification_text_by_text(texts, size):
    assert sets_of(texts, size) == [hashes_in_python(text, size) for text in texts]


@given(TEXTS, st.integers(1, 4), st.integers(1, 5))
def test_a_text_read_in_chunks_has_the_same_shingles(text, size, room):
    values, offsets = text_buffers(pa.array([text], pa.large_string()))
    ring, chunk = np.zeros(size, np.uint64), np.zeros(room, np.uint64)
    at, rolling, counted, all_found = int(offsets[0]), 0, 0, []
    while at < offsets[1]:
        found, at, rolling, counted = next_shingles(
            values, at, int(offsets[1]), ring, np.uint64(rolling), counted, letters(), chunk
        )
        all_found += chunk[:found].tolist()
    assert (sorted(set(all_found)), counted) == (hashes_in_python(text, size), len(words_of(text)))


@pytest.mark.parametrize(
    "one, other",
    [
        ("Cunégonde said: don’t!", "cunegonde SAID don't"),
        ("e\u0301te\u0301 il y a", "été il y a"),
        ("_one_  two\r\nthree", "one two three"),
        ("soft\u00adware is good", "software is good"),
        ("x += f(a, b);", "x f a b"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("great 😀 day 𝐧𝐨𝐰", "great day now"),
    ],
)
def test_editions_in_other_type_have_the_same_shingles(one, other):
    assert sample(one)[0] == sample(other)[0]


@pytest.mark.parametrize(
    "text, words, shingles",
    [("", 0, 0), ("a b", 2, 1), ("a b c", 3, 1), ("a b c d", 4, 2), (" -- ", 0, 0), ("a", 1, 1), ("a b a b a b", 6, 2)],
)
def test_words_and_shingles_are_counted(text, words, shingles):
    hashes, counted = sample(text)
    assert (counted, len(hashes)) == (words, shingles)


@pytest.mark.parametrize(
    "text, words",
    [
        ("中文字很多", 5),
        ("これはペンです", 7),
        ("ภาษาไทย", 7),
        ("ພາສາລາວ", 7),
        ("ភាសាខ្មែរ", 5),
        ("မြန်မာ", 3),
        ("Python 3で書く", 5),
        ("๒๕๖๐", 1),
        ("한국어 단어", 2),
        ("हिन्दी भाषा", 2),
        ("русский язык", 2),
        ("\U00020000\U0002a6df", 2),
    ],
)
def test_scripts_without_blanks_have_a_word_a_letter(text, words):
    assert sample(text)[1] == words


@pytest.mark.parametrize("one, other", [("한국", "호국"), ("一二", "二一"), ("中 a", "中a b"), ("का", "के")])
def test_different_words_have_different_shingles(one, other):
    assert sample(one)[0] != sample(other)[0]


def test_a_text_shorter_than_a_shingle_is_no_part_of_a_longer_one():
    short, longer = sets_of(["one two", "one two three"], 3)
    assert not set(short) & set(longer)


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
