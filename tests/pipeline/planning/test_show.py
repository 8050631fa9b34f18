"""Figures as people read them."""

import pytest

from pipeline.planning.show import duration, size


@pytest.mark.parametrize(
    "count, shown",
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e6, "2.5 MB"), (999e9, "999 GB"), (1.234e15, "1,234 TB")],
)
def test_a_size_has_a_unit_that_fits(count, shown):
    assert size(count) == shown


@pytest.mark.parametrize(
    "seconds, shown",
    [(0.5, "0.5 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (3.6e7, "10,000 h")],
)
def test_a_time_has_a_unit_that_fits(seconds, shown):
    assert duration(seconds) == shown
