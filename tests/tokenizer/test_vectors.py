"""Many bytes at once give what one after another gives."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.vectors import BLOCK_BYTES, matching_bytes, store_word, trailing_zeros


@numba.njit
def matches(values, at, byte):
    return matching_bytes(values, at, byte)


@numba.njit
def stored(values, at, word):
    store_word(values, at, word)


@numba.njit
def zeros(word):
    return trailing_zeros(word)


@given(st.binary(min_size=BLOCK_BYTES, max_size=80), st.integers(0, 255))
def test_a_bit_says_whether_a_byte_is_the_one_looked_for(content, byte):
    values = np.frombuffer(content, np.uint8).copy()
    for at in {0, len(content) - BLOCK_BYTES}:
        for wanted in (byte, content[at], content[at + 63]):
            window = content[at : at + BLOCK_BYTES]
            expected = sum(1 << place for place, found in enumerate(window) if found == wanted)
            assert int(matches(values, at, np.uint8(wanted))) == expected


@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_a_word_is_written_lowest_byte_first_at_any_place(at):
    values = np.zeros(16, np.uint8)
    stored(values, at, np.uint64(0x0807060504030201))
    assert values.tolist() == [0] * at + [1, 2, 3, 4, 5, 6, 7, 8] + [0] * (8 - at)


@pytest.mark.parametrize("word, count", [(1, 0), (2, 1), (0b1011000, 3), (1 << 63, 63), (0, 64)])
def test_zeros_below_the_lowest_bit_are_counted(word, count):
    assert zeros(np.uint64(word)) == count
