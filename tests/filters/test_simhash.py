"""SimHash gives what RedPajama v1's library gives, and finds what its index finds."""

import hashlib
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.gutenberg import unwrap
from filters.simhash import BLOCKS, MAX_DISTANCE, block_keys, near_earlier_in_block, simhash, word_characters
from pipeline.corpora.books import book


def specification(text):
    """`Simhash(get_features(text)).value` of the original, in plain Python."""
    letters = re.sub(r"[^\w]+", "", text.lower())
    runs = [letters[at : at + 6] for at in range(max(len(letters) - 6 + 1, 1))]
    halves = [int.from_bytes(hashlib.md5(run.encode()).digest()[-8:], "big") for run in runs]
    return sum(1 << bit for bit in range(64) if sum(half >> bit & 1 for half in halves) > len(runs) / 2)


def hashes(*texts):
    return simhash(pa.array(texts, pa.large_string())).tolist()


@pytest.mark.parametrize(
    "text, value",
    [
        ("", 0xE9800998ECF8427E),
        ("Hello, World!", 0x30AF9AF3D48C8F89),
        ("naïve café ÉTÉ — œuvre 12_3 Ⅷ ²", 0x4408B6A700201A2C),
        ("日本語のテキストです、これは", 0x42DC001445142113),
        ("İstanbul ΣΑΣ 😀 𝔘𝔫𝔦", None),
        ("abcde", None),
        ("abcdef", None),
        ("abcdefg", None),
        ("..--..", None),
        ("x" * 10_000, None),
    ],
)
def test_a_hash_is_the_originals(text, value):
    """The numbers are those of leonsim/simhash 2.1.2."""
    assert hashes(text) == [specification(text)]
    assert value is None or hashes(text) == [value]


@given(st.lists(st.text(max_size=40), max_size=5))
def test_hashes_of_any_texts_are_the_originals(texts):
    assert hashes(*texts) == [specification(text) for text in texts]


def test_a_slice_of_texts_is_hashed_alone():
    texts = pa.array(["one and only", "two of them all", "three"], pa.large_string())
    assert simhash(texts[1:]).tolist() == hashes("two of them all", "three")


def test_case_and_marks_count_for_nothing():
    assert hashes("It was a dark, stormy night.") == hashes("it WAS\\na dark stormy--night".replace("\\n", "\n"))


def test_letters_are_those_of_python():
    table = word_characters()
    for code in (*range(0x3000), 0xD800, 0x1D518, 0x10FFFF):
        assert table[code] == bool(re.match(r"\w", chr(code)))


def near_earlier(hashes):
    """Over all blocks, as the rounds of books alike put them together."""
    return np.logical_or.reduce([near_earlier_in_block(hashes, block) for block in range(len(BLOCKS))])


def brute_force(values):
    return [
        any((value ^ other).bit_count() <= MAX_DISTANCE for other in values[:at]) for at, value in enumerate(values)
    ]


def flipped(value, bits):
    for bit in bits:
        value ^= 1 << bit
    return value


@pytest.mark.parametrize("distance, near", [(0, True), (5, True), (6, False)])
def test_five_bits_are_near_and_six_are_not(distance, near):
    values = [0x0123456789ABCDEF, flipped(0x0123456789ABCDEF, range(0, 10 * distance, 10))]
    assert near_earlier(np.array(values, np.uint64)).tolist() == [False, near]


@given(
    st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 63), max_size=8)), max_size=20),
)
def test_all_near_pairs_are_found_and_no_others(seeds, changes):
    values = [flipped(seeds[seed % len(seeds)], bits) for seed, bits in changes]
    assert near_earlier(np.array(values, np.uint64)).tolist() == brute_force(values)


def test_blocks_share_the_bits_out():
    bits = sorted(bit for lowest, width in BLOCKS for bit in range(lowest, lowest + width))
    assert bits == list(range(64))
    assert block_keys(np.array([0xFFFF << 48], np.uint64), 5).tolist() == [0x3FFF]


def test_a_book_goes_also_for_one_that_goes_itself():
    row = [0, flipped(0, range(5)), flipped(0, range(10)), flipped(0, range(15))]
    assert near_earlier(np.array(row, np.uint64)).tolist() == [False, True, True, True]


def test_no_hashes_have_no_pairs():
    assert near_earlier(np.zeros(0, np.uint64)).tolist() == []


@pytest.mark.real
def test_every_edition_of_a_real_book_is_near_its_first(real_data):
    paths = sorted((real_data / "books").rglob("*.txt"))
    texts = [unwrap(book("book", path.read_bytes()).text).text for path in paths]
    titles = [path.relative_to(real_data / "books" / "gitenberg").parts[0] for path in paths]
    near = near_earlier(simhash(pa.array(texts, pa.large_string()))).tolist()
    assert near == [title in titles[:at] for at, title in enumerate(titles)]
