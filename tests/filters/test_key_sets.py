"""Sets of keys do what Python's sets do."""

import collections

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.key_sets import KeySet, chosen_keys, held_twice, repeated, sorted_keys

WORD = (1 << 64) - 1
KEYS = st.one_of(st.integers(0, WORD), st.integers(0, 20), st.sampled_from([WORD, WORD - 1, 1 << 63, (1 << 63) - 1]))


def array(keys):
    return np.array(list(keys), np.uint64)


@given(st.sets(KEYS, max_size=100), st.lists(KEYS, max_size=50))
@example(set(range(0, 200, 2)), [0, 1, 198, 199])
def test_a_set_holds_its_keys_and_no_others(held, asked):
    asked = [*asked, *held]
    assert KeySet.of(array(sorted(held))).holds(array(asked)).tolist() == [key in held for key in asked]


@pytest.mark.parametrize("keys", [[2, 1], [2, 2]])
def test_keys_out_of_order_are_refused(keys):
    with pytest.raises(ValueError, match="keys must be sorted and each there once"):
        KeySet.of(array(keys))


@given(st.lists(st.lists(KEYS, max_size=30), max_size=8))
@example([[], [0], [], [0, WORD], [WORD]])
@example([[5, 5], [6]])
@example([list(range(3000)), list(range(0, 6000, 2))])
def test_keys_that_are_there_twice_are_found_wherever_they_are(rows):
    rows = [sorted(row) for row in rows]
    times = collections.Counter(key for row in rows for key in row)
    starts = np.cumsum([0, *map(len, rows)])
    found = held_twice(array(key for row in rows for key in row), starts)
    assert found.tolist() == [times[key] >= 2 for row in rows for key in row]


@pytest.mark.parametrize("rows, keys", [(1, 5000), (3, 20_000), (300, 200), (2000, 3)])
def test_many_rows_and_many_ranges_give_the_same(rows, keys):
    chance = np.random.default_rng(rows)
    held = [np.sort(chance.integers(0, rows * keys, keys).astype(np.uint64) << np.uint64(40)) for _ in range(rows)]
    together = np.concatenate(held)
    found, times = np.unique(together, return_counts=True)
    starts = np.arange(rows + 1) * keys
    assert np.array_equal(held_twice(together, starts), np.isin(together, found[times > 1]))


def test_keys_of_which_nearly_all_lie_close_together_are_counted_too():
    keys = array(sorted([*range(50_000), *range(10_000), WORD]))
    assert held_twice(keys, np.array([0, len(keys)])).sum() == 20_000


@given(st.lists(st.tuples(KEYS, st.booleans()), max_size=50))
@example([(0, True), (0, True), (0, False), (WORD, True)])
def test_chosen_keys_of_a_sorted_row_are_given_once(row):
    row = sorted(row)
    found = chosen_keys(array(key for key, _ in row), np.array([flag for _, flag in row], np.bool_))
    assert found.tolist() == sorted({key for key, flag in row if flag})


@pytest.mark.parametrize("times", [1, 2])
@given(st.lists(KEYS, max_size=50))
def test_keys_are_put_in_order_each_so_many_times_at_most(times, keys):
    left = [key for key, held in sorted(collections.Counter(keys).items()) for _ in range(min(held, times))]
    assert sorted_keys(array(keys), times=times).tolist() == left


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=60))
def test_a_repeat_is_a_candidate_that_an_earlier_candidate_of_its_document_equals(lines):
    document = np.cumsum([begins for _, _, begins in lines]).astype(np.int32)
    keys, candidates = array(key for key, _, _ in lines), np.array([candidate for _, candidate, _ in lines], np.bool_)
    seen, expected = set(), []
    for place, key, candidate in zip(document.tolist(), keys.tolist(), candidates.tolist(), strict=True):
        expected.append(candidate and (place, key) in seen)
        seen |= {(place, key)} if candidate else set()
    assert repeated(keys, document, candidates).tolist() == expected
