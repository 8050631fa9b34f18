"""Budgets are whole, exact, and nobody is off by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.mixture import Ratios, asked_shares, describe_sources, largest_remainder, plan_of


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


def ratios(weights=None, sequences=20, sequence_tokens=10):
    return Ratios(sequences=sequences, sequence_tokens=sequence_tokens, weights=weights or {"a": 0.75, "b": 0.25})


def test_a_plan_has_whole_blocks_and_drops_the_tail():
    plan = plan_of([ratios(sequences=12)], {"a": 39, "b": 30}, block_tokens=10, seed=0)
    assert (plan.blocks, plan.phases[0].schedule.counts, plan.sequences) == ((3, 3), (9, 3), 12)


def test_figures_of_a_source_are_of_all_phases():
    phases = [ratios(sequences=12), ratios({"a": 1.0}, sequences=3, sequence_tokens=20)]
    plan = plan_of(phases, {"a": 39, "b": 61}, block_tokens=10, seed=0)
    assert describe_sources(plan, {"a": 39, "b": 61}) == {
        "a": {
            "available_tokens": 39, "blocks": 3, "unused_tokens": 9, "sequences": 12, "tokens": 150, "epochs": 5.0,
            "readings": {"5": 3},
        },
        "b": {
            "available_tokens": 61, "blocks": 6, "unused_tokens": 1, "sequences": 3, "tokens": 30, "epochs": 0.5,
            "readings": {"0": 3, "1": 3},
        },
    }  # fmt: skip


def test_a_source_with_a_share_and_nothing_to_give_is_refused():
    with pytest.raises(ValueError, match="a has a share of 15 sequences and not one to give"):
        plan_of([ratios()], {"a": 9, "b": 10}, block_tokens=10, seed=0)


@pytest.mark.parametrize("weight", [0, -0.1, 1.01])
def test_a_weight_out_of_bounds_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be above 0 and at most 1"):
        ratios({"a": weight})


@pytest.mark.parametrize("weights", [{"a": 0.5, "b": 0.4}, {"a": 0.6, "b": 0.5}])
def test_weights_that_do_not_sum_to_one_are_refused(weights):
    with pytest.raises(ValueError, match="weights must sum to 1"):
        ratios(weights)


def test_a_phase_without_a_sequence_is_refused():
    with pytest.raises(ValueError, match="a phase has at least one sequence of 10 tokens, got 0"):
        ratios(sequences=0)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="sequence_tokens must be at least 1, got 0"):
        ratios(sequence_tokens=0)


def test_what_was_asked_is_over_all_phases():
    asked = asked_shares([(2000, {"c4": 0.75, "books": 0.25}), (6000, {"c4": 0.5, "arxiv": 0.5})])
    assert asked == pytest.approx({"c4": 0.75 * 0.25 + 0.5 * 0.75, "books": 0.25 * 0.25, "arxiv": 0.5 * 0.75})
