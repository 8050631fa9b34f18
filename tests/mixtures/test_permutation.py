"""A keyed permutation is a bijection, and never changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.permutation import Permutation

GOLDEN_PERMUTATION = [7, 9, 0, 3, 5, 1, 4, 6, 2, 8]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 16, 100, 1025])
def test_a_permutation_reaches_every_value_once(size):
    assert sorted(Permutation(size, "key").forward(np.arange(size)).tolist()) == list(range(size))


@given(st.integers(1, 10**12), st.text(max_size=5), st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_a_permutation_can_be_undone(size, key, values):
    values = np.array(values) % size
    permutation = Permutation(size, key)
    assert permutation.inverse(permutation.forward(values)).tolist() == values.tolist()
    assert (permutation.forward(values) < size).all()


def test_another_key_gives_another_permutation():
    one, two = (Permutation(1000, key).forward(np.arange(1000)) for key in "ab")
    assert (one != two).mean() > 0.9


def test_a_permutation_leaves_no_run_in_place():
    moved = Permutation(10_000, "key").forward(np.arange(10_000))
    assert abs(np.corrcoef(moved, np.arange(10_000))[0, 1]) < 0.05
    assert (np.diff(moved) == 1).sum() < 10


def test_a_permutation_never_changes():
    assert Permutation(10, "tokenmill").forward(np.arange(10)).tolist() == GOLDEN_PERMUTATION


def test_an_empty_permutation_is_refused():
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        Permutation(0, "key")
