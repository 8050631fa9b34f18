"""Prices times figures; what has no price is not counted."""

import pytest

from pipeline.planning.estimate import Estimate
from pipeline.planning.money import money
from pipeline.recipe import Prices

FIGURES = {
    "workers": 10,
    "wall": Estimate(3600, 1800, 7200),
    "memory": Estimate.exactly(2e9),
    "shuffle": Estimate.exactly(5e9),
    "output": Estimate.exactly(3e9),
    "files": Estimate.exactly(500),
}


@pytest.mark.parametrize(
    "price, name, cost",
    [
        ("vcpu_hour", "vcpu", 10),
        ("memory_gb_hour", "memory", 20),
        ("shuffle_gb", "shuffle", 5),
        ("storage_gb_month", "storage", 3),
        ("thousand_requests", "requests", 1),
    ],
)
def test_a_price_is_paid_for_its_figure_alone(price, name, cost):
    found = money(Prices(**{price: 1.0}), **FIGURES)
    assert {key: estimate.value for key, estimate in found.items()} == {name: pytest.approx(cost)}


def test_workers_are_paid_for_as_long_as_the_run_may_last():
    found = money(Prices(vcpu_hour=1.0), **FIGURES)["vcpu"]
    assert (found.low, found.high) == (5, 20)


def test_without_prices_nothing_is_said():
    assert money(Prices(), **FIGURES) == {}
