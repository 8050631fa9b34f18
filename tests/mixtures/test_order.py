"""The order is a bijection, holds the ratios in any window, and never changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.order import MAX_SEQUENCES, Order, Permutation, Share

TABLE = {"commoncrawl": 670, "c4": 150, "github": 45, "wikipedia": 45, "books": 45, "arxiv": 25, "stackexchange": 20}

GOLDEN_PERMUTATION = [7, 9, 0, 3, 5, 1, 4, 6, 2, 8]
GOLDEN_ORDER = [
    (2, 0, 1),
    (0, 0, 0),
    (1, 0, 1),
    (0, 0, 1),
    (2, 0, 0),
    (0, 0, 2),
    (1, 0, 0),
    (0, 1, 2),
    (1, 0, 2),
    (0, 1, 1),
]


def order(budgets, available=100, seed=0):
    return Order([Share(name=name, sequences=n, available=available) for name, n in budgets.items()], seed)


def everything(found):
    return found.places(np.arange(found.sequences))


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


def test_the_order_never_changes():
    places = everything(order({"a": 5, "b": 3, "c": 2}, available=3, seed=7))
    assert [tuple(int(part[i]) for part in places) for i in range(10)] == GOLDEN_ORDER


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 30), st.integers(0, 2**64))
def test_every_position_is_found_again_from_its_place(budgets, available, seed):
    budgets = {str(i): budget for i, budget in enumerate(budgets)}
    if not sum(budgets.values()):
        return
    found = order(budgets, available, seed)
    places = everything(found)
    for position, (source, epoch, sequence) in enumerate(zip(*(part.tolist() for part in places), strict=True)):
        assert found.positions(source, epoch, np.array([sequence])).tolist() == [position]


def test_each_source_gives_exactly_its_budget():
    counts = np.bincount(everything(order(TABLE)).source, minlength=7)
    assert counts.tolist() == list(TABLE.values())


@pytest.mark.parametrize("budgets", [TABLE, {"a": 997, "b": 2, "c": 1}, dict.fromkeys("abcdefg", 100)])
def test_any_window_holds_the_ratios_to_within_two_sequences(budgets):
    found = order(budgets)
    sources, total = everything(found).source, found.sequences
    for number, budget in enumerate(budgets.values()):
        drift = np.concatenate([[0], np.cumsum(sources == number)]) - np.arange(total + 1) * budget / total
        assert drift.max() - drift.min() < 2
        assert abs(drift).max() < 2


def test_two_and_a_half_epochs_are_every_sequence_twice_and_half_of_them_thrice():
    found = order({"a": 245, "b": 1}, available=100)
    places = everything(found)
    times = np.bincount(places.sequence[places.source == 0], minlength=100)
    assert np.bincount(times).tolist() == [0, 0, 55, 45]
    assert found.epochs(0) == 3


def test_an_epoch_ends_before_the_next_begins():
    places = everything(order({"a": 245, "b": 245}, available=100))
    assert (np.diff(places.epoch[places.source == 0]) >= 0).all()


def test_less_than_an_epoch_takes_some_once_chosen_by_the_seed():
    chosen = [set(everything(order({"a": 64}, seed=seed)).sequence.tolist()) for seed in (1, 2)]
    assert [len(each) for each in chosen] == [64, 64]
    assert chosen[0] != chosen[1]


def test_a_sequence_that_the_last_epoch_leaves_out_has_no_position():
    found = order({"a": 3}, available=4).positions(0, 0, np.arange(4))
    assert sorted(found.tolist()) == [-1, 0, 1, 2]


def test_sources_may_be_listed_in_any_order():
    one, two = order(TABLE), order(dict(sorted(TABLE.items())))
    names = [np.array(found.names)[everything(found).source].tolist() for found in (one, two)]
    assert names[0] == names[1]


def test_a_source_without_a_budget_is_never_read():
    found = order({"a": 3, "b": 0}, available=0 + 3)
    assert set(everything(found).source.tolist()) == {0}
    assert found.epochs(1) == 0


def test_the_largest_stream_can_be_addressed_at_both_ends():
    half = MAX_SEQUENCES // 2
    found = order({"a": MAX_SEQUENCES - half - 1, "b": half, "c": 1}, available=MAX_SEQUENCES)
    positions = np.array([0, 1, half, MAX_SEQUENCES - 2, MAX_SEQUENCES - 1])
    places = found.places(positions)
    back = [found.positions(s, 0, np.array([q]))[0] for s, q in zip(places.source, places.sequence, strict=True)]
    assert back == positions.tolist()


def test_a_stream_too_large_to_address_is_refused():
    with pytest.raises(ValueError, match="a stream holds 1 to 3037000499 sequences, got 3037000500"):
        order({"a": MAX_SEQUENCES + 1}, available=MAX_SEQUENCES)


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="got 0"):
        order({"a": 0})


def test_a_source_named_twice_is_refused():
    share = Share(name="a", sequences=1, available=1)
    with pytest.raises(ValueError, match="named twice: a, a"):
        Order([share, share], 0)


@pytest.mark.parametrize("position", [-1, 10])
def test_a_position_outside_the_stream_is_refused(position):
    with pytest.raises(ValueError, match="positions must lie in 0 … 9"):
        order({"a": 10}).places(np.array([position]))


@pytest.mark.parametrize("sequence", [-1, 100])
def test_a_sequence_that_the_source_does_not_have_is_refused(sequence):
    with pytest.raises(ValueError, match="a: sequences must lie in 0 … 99"):
        order({"a": 10}).positions(0, 0, np.array([sequence]))


def test_a_negative_budget_is_refused():
    with pytest.raises(ValueError, match="a: sequences must be at least 0, got -1"):
        Share(name="a", sequences=-1, available=1)


def test_a_single_position_may_be_asked_for():
    found = order({"a": 5, "b": 5})
    assert [part.tolist() for part in found.places(3)] == [part[3:4].tolist() for part in everything(found)]


def test_no_position_gives_no_place():
    found = order({"a": 5})
    assert found.places(np.array([], dtype=np.int64)).sequence.tolist() == []
    assert found.positions(0, 0, np.array([], dtype=np.int64)).tolist() == []


def test_another_epoch_goes_another_way():
    places = everything(order({"a": 200}, available=100))
    first, second = places.sequence[:100], places.sequence[100:]
    assert sorted(first.tolist()) == sorted(second.tolist())
    assert (first != second).mean() > 0.9


def test_two_sources_of_one_size_go_different_ways():
    places = everything(order({"a": 100, "b": 100}))
    assert (places.sequence[places.source == 0] != places.sequence[places.source == 1]).mean() > 0.9
