"""From pieces to the whole, with an interval that is wide where little is known."""

import random

import pytest

from pipeline.planning.estimate import Estimate, Stratum, expand, fixed_part, total


def stratum(units, pieces):
    return Stratum(source="c4", unit_bytes=tuple(units), pieces=pieces)


def test_a_figure_that_goes_with_bytes_is_expanded_by_bytes():
    parts = [stratum([100] * 10, {"a": 100, "b": 100})]
    found = expand(parts, {"a": 10.0, "b": 10.0})
    assert (found.value, found.low, found.high) == (100.0, 100.0, 100.0)


def test_a_piece_that_is_the_head_of_a_unit_stands_for_all_of_it():
    parts = [stratum([1000, 1000], {"a": 100, "b": 100})]
    assert expand(parts, {"a": 5.0, "b": 5.0}).value == pytest.approx(100.0)


def test_what_a_piece_costs_however_small_is_counted_once_a_unit():
    """A piece takes 1 and a hundredth a byte."""
    small, large = stratum([1] * 50, {"s": 1}), stratum([1000] * 4, {"a": 100, "b": 100})
    values = {"s": 1.01, "a": 2.0, "b": 2.0}
    assert fixed_part([small, large], values) == pytest.approx(1.01)
    assert expand([small, large], values).value == pytest.approx(50 + 4 + 40, rel=0.02)


def test_the_interval_holds_the_truth_nine_times_of_ten():
    dice, held = random.Random(4), 0
    for _ in range(400):
        units = [dice.uniform(50, 150) for _ in range(200)]
        costs = [size * dice.lognormvariate(0, 0.4) for size in units]
        chosen = dice.sample(range(200), 4)
        parts = [stratum(units, {str(i): units[i] for i in chosen})]
        found = expand(parts, {str(i): costs[i] for i in chosen})
        held += found.low <= sum(costs) <= found.high
    assert 0.84 < held / 400 < 0.96


def test_a_lone_piece_is_not_taken_for_the_truth():
    found = expand([stratum([100] * 10, {"a": 100})], {"a": 1.0})
    assert found.low < 8 < 10 < 12 < found.high


def test_a_stratum_of_which_nothing_was_read_is_taken_to_be_like_the_others():
    found = expand([stratum([100], {"a": 100}), stratum([900], {})], {"a": 1.0})
    assert found.value == pytest.approx(10.0)
    assert found.high > 15


def test_a_stratum_that_was_read_whole_is_known():
    assert expand([stratum([3, 7], {"a": 3, "b": 7})], {"a": 9.0, "b": 2.0}) == Estimate.exactly(11.0)


def test_errors_of_a_sum_are_independent_and_a_product_takes_the_ends():
    one = Estimate(10, 7, 14)
    assert total([one, Estimate(20, 16, 23)]) == Estimate(30, 25, 35)
    assert one.times(Estimate(2, 1, 3)) == Estimate(20, 7, 42)
    assert one.times(2) == Estimate(20, 14, 28)


def test_an_estimate_is_read_as_it_was_written():
    assert Estimate.from_json(Estimate(2, 1, 3).to_json()) == Estimate(2, 1, 3)
    assert Estimate.within(10, 0.2) == Estimate(10, 8, 12)
