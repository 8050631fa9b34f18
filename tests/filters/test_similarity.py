"""Pairs of sets are compared as Python's sets are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.shingles import shingle_sets
from filters.similarity import shared

SETS = st.lists(st.sets(st.one_of(st.integers(0, 12), st.integers(0, (1 << 64) - 1)), max_size=20), min_size=1)


def packed(sets):
    hashes = np.array([value for held in sets for value in sorted(held)], np.uint64)
    return hashes, np.cumsum([0, *map(len, sets)])


@given(SETS, st.data())
def test_what_pairs_share_is_what_sets_share(sets, data):
    index = st.integers(0, len(sets) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=10))
    hashes, offsets = packed(sets)
    common = [len(sets[one] & sets[other]) for one, other in pairs]
    assert shared(hashes, offsets, np.array(pairs)).tolist() == common


@pytest.mark.parametrize(
    "one, other, common",
    [
        ("a b c d", "a b c d", 2),
        ("a b c d e", "x a b c d", 2),
        ("a b c", "z a b c z", 1),
        ("a b", "a b", 1),
        ("", "", 0),
        ("", "a b c", 0),
        ("a b c", "d e f", 0),
    ],
)
def test_what_two_texts_share(one, other, common):
    assert shared(*shingle_sets(pa.array([one, other]), 3), [(0, 1)])[0] == common


def test_no_pairs_share_nothing():
    assert len(shared(*packed([{1}]), [])) == 0
