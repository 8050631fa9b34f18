"""Budgets are whole, exact, and nobody is off by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.mixture import Component, Mixture, largest_remainder


def mixture(weights, *, total_tokens=2000, sequence_tokens=10, available_tokens=1000):
    parts = [Component(name=n, weight=w, available_tokens=available_tokens) for n, w in weights.items()]
    return Mixture(components=parts, total_tokens=total_tokens, sequence_tokens=sequence_tokens)


def test_budgets_are_exact_where_the_weights_divide_the_total():
    weights = {"a": 0.67, "b": 0.15, "c": 0.045, "d": 0.045, "e": 0.045, "f": 0.025, "g": 0.02}
    assert largest_remainder(200, weights) == {"a": 134, "b": 30, "c": 9, "d": 9, "e": 9, "f": 5, "g": 4}


def test_the_largest_remainder_is_served_first():
    assert largest_remainder(10, {"a": 0.41, "b": 0.28, "c": 0.31}) == {"a": 4, "b": 3, "c": 3}


def test_of_equal_remainders_the_first_named_is_served_first():
    assert largest_remainder(1, {"b": 0.5, "a": 0.5}) == {"b": 1, "a": 0}


def test_nothing_to_share_gives_nothing():
    assert largest_remainder(0, {"a": 0.5, "b": 0.5}) == {"a": 0, "b": 0}


@given(st.integers(0, 10**12), st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_budgets_sum_to_the_total_and_lie_within_one_of_the_weights(total, parts):
    weights = {str(i): part / sum(parts) for i, part in enumerate(parts)}
    found = largest_remainder(total, weights)
    assert sum(found.values()) == total
    assert all(abs(found[str(i)] * sum(parts) - total * part) < sum(parts) * 1.01 for i, part in enumerate(parts))


def test_shares_count_whole_sequences_and_drop_the_tail():
    shares = mixture({"a": 0.75, "b": 0.25}, total_tokens=129, sequence_tokens=10, available_tokens=39).shares()
    assert [(share.name, share.sequences, share.available) for share in shares] == [("a", 9, 3), ("b", 3, 3)]


def test_epochs_follow_from_the_sizes():
    assert mixture({"a": 0.75, "b": 0.25}).epochs() == {"a": 1.5, "b": 0.5}


def test_a_source_with_a_share_and_nothing_to_give_is_refused():
    with pytest.raises(ValueError, match="a has a share of 200 sequences"):
        mixture({"a": 1.0}, available_tokens=9).shares()


@pytest.mark.parametrize("weight", [0, -0.1, 1.01])
def test_a_weight_out_of_bounds_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be above 0 and at most 1"):
        Component(name="a", weight=weight, available_tokens=1)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="available_tokens must be at least 0, got -1"):
        Component(name="a", weight=1, available_tokens=-1)


@pytest.mark.parametrize("weights", [{"a": 0.5, "b": 0.4}, {"a": 0.6, "b": 0.5}])
def test_weights_that_do_not_sum_to_one_are_refused(weights):
    with pytest.raises(ValueError, match="weights must sum to 1"):
        mixture(weights)


def test_a_budget_below_one_sequence_is_refused():
    assert mixture({"a": 1.0}, total_tokens=10).sequences == 1
    with pytest.raises(ValueError, match="total_tokens must be at least one sequence of 10, got 9"):
        mixture({"a": 1.0}, total_tokens=9)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="sequence_tokens must be at least 1, got 0"):
        mixture({"a": 1.0}, sequence_tokens=0)
