"""Minima side by side are those of one permutation after another."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.minima import LANES, lower_minima

NUMBERS = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))


@numba.njit
def lowered(row, at, factors, terms, hashes, count):
    lower_minima(row, at, factors, terms, hashes, count)


def block(numbers):
    return st.lists(numbers, min_size=LANES, max_size=LANES)


@given(block(NUMBERS), block(NUMBERS), block(NUMBERS), st.lists(NUMBERS, max_size=9), st.data())
def test_each_place_is_lowered_to_the_least_of_its_permutation(row, factors, terms, hashes, data):
    count = data.draw(st.integers(0, len(hashes)))
    mine, *arrays = (np.array(numbers, np.uint32) for numbers in (row, factors, terms, hashes))
    lowered(mine, 0, *arrays, count)
    assert mine.tolist() == [
        min([before, *((value * factor + term) % 2**32 for value in hashes[:count])])
        for before, factor, term in zip(row, factors, terms, strict=True)
    ]


@pytest.mark.parametrize("at", [0, 1, LANES])
def test_only_the_block_from_a_place_on_is_touched(at):
    row, ones = np.full(2 * LANES, 9, np.uint32), np.ones(2 * LANES, np.uint32)
    terms = np.arange(2 * LANES, dtype=np.uint32) % 4
    lowered(row, at, ones, terms, np.array([1], np.uint32), 1)
    assert row.tolist() == [1 + place % 4 if at <= place < at + LANES else 9 for place in range(2 * LANES)]
