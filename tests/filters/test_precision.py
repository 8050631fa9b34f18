"""The interval is Clopper and Pearson's."""

import pytest

from filters.precision import precision_interval


@pytest.mark.parametrize(
    "hits, sample, low, high",
    [
        (0, 10, 0.0, 0.30850),
        (10, 10, 0.69150, 1.0),
        (3, 7, 0.09899, 0.81595),
        (95, 100, 0.88717, 0.98357),
        (1, 1, 0.025, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_interval_is_that_of_the_tables(hits, sample, low, high):
    assert precision_interval(hits, sample) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("hits, sample", [(0, 1), (1, 2), (50, 50), (17, 300), (2999, 3000), (1000, 2000)])
def test_interval_is_scipys(hits, sample, confidence):
    binomial = pytest.importorskip("scipy.stats").binomtest(hits, sample)
    assert precision_interval(hits, sample, confidence) == pytest.approx(
        tuple(binomial.proportion_ci(confidence, method="exact")), abs=1e-9
    )


def test_more_that_was_looked_at_makes_surer():
    widths = [high - low for low, high in (precision_interval(9 * n, 10 * n) for n in (1, 10, 100))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("hits, sample", [(-1, 5), (6, 5)])
def test_hits_that_cannot_be_are_refused(hits, sample):
    with pytest.raises(ValueError, match=f"hits must be from 0 to the sample's 5, got {hits}"):
        precision_interval(hits, sample)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_that_cannot_be_is_refused(confidence):
    with pytest.raises(ValueError, match=f"confidence must be between 0 and 1, got {confidence}"):
        precision_interval(1, 2, confidence)
