"""How sure a sample makes us: of so many that were looked at, so many were right."""

import math


def precision_interval(hits: int, sample: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval that holds the true share with at least that confidence; from 0 to 1 where nothing was looked at.

    Source: Clopper and Pearson 1934, The use of confidence or fiducial limits: exact, so never too narrow.
    """
    if not 0 <= hits <= sample:
        raise ValueError(f"hits must be from 0 to the sample's {sample}, got {hits}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _share_with_tail(hits, sample, tail)
    high = 1.0 if hits == sample else 1 - _share_with_tail(sample - hits, sample, tail)
    return low, high


def _share_with_tail(hits: int, sample: int, tail: float) -> float:
    """The share of which a sample has so many hits or more with the probability `tail`."""
    low, high = 0.0, 1.0
    while True:
        share = (low + high) / 2
        if share in (low, high):
            return share
        if _at_least(hits, sample, share) < tail:
            low = share
        else:
            high = share


def _at_least(hits: int, sample: int, share: float) -> float:
    """How probable so many hits or more are."""
    ways = math.lgamma(sample + 1)
    return math.fsum(
        math.exp(
            ways
            - math.lgamma(count + 1)
            - math.lgamma(sample - count + 1)
            + count * math.log(share)
            + (sample - count) * math.log1p(-share)
        )
        for count in range(hits, sample + 1)
    )
