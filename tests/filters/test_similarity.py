"""Pairs of sets are compared as Python's sets are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.shingles import shingle_sets
from filters.similarity import containment, jaccard, shared

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
    unions = [max(1, len(sets[one] | sets[other])) for one, other in pairs]
    assert jaccard(hashes, offsets, pairs).tolist() == [x / y for x, y in zip(common, unions, strict=True)]
    least = [max(1, min(len(sets[one]), len(sets[other]))) for one, other in pairs]
    assert containment(hashes, offsets, pairs).tolist() == [x / y for x, y in zip(common, least, strict=True)]


@pytest.mark.parametrize(
    "one, other, shares",
    [
        ("a b c d", "a b c d", (2, 1.0, 1.0)),
        ("a b c d e", "x a b c d", (2, 0.5, 2 / 3)),
        ("a b c", "z a b c z", (1, 1 / 3, 1.0)),
        ("a b", "a b", (1, 1.0, 1.0)),
        ("", "", (0, 0.0, 0.0)),
        ("", "a b c", (0, 0.0, 0.0)),
        ("a b c", "d e f", (0, 0.0, 0.0)),
    ],
)
def test_shares_of_two_texts(one, other, shares):
    sets, pair = shingle_sets(pa.array([one, other]), 3), [(0, 1)]
    assert (shared(*sets, pair)[0], jaccard(*sets, pair)[0], containment(*sets, pair)[0]) == pytest.approx(shares)


def test_no_pairs_share_nothing():
    assert [len(share(*packed([{1}]), [])) for share in (shared, jaccard, containment)] == [0, 0, 0]
