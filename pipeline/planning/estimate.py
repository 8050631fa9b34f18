"""Figures with their uncertainty: from pieces of a stratified sample to the whole.

Source: Cochran 1977, Sampling Techniques, sections 6.2 and 6.10 (ratio estimator, separate by stratum). Differs: a
piece has a fixed part as well, which is counted once a unit, since a sampled piece may be the head of a unit.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_T = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81)
"""Student's t for a two-sided interval of 90%, for 1 to 10 degrees of freedom."""
_NORMAL = 1.64
LONE_SPREAD = 0.35
"""What a lone piece is taken to be off by, as a share: it has no other to be held against."""
UNSEEN_SPREAD = 0.7
"""And a stratum of which no piece was read, which is taken to be like the others of its source."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the interval that it lies in nine times of ten as far as the sample can tell."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> "Estimate":
        """A figure that is known."""
        return cls(value, value, value)

    @classmethod
    def within(cls, value: float, share: float) -> "Estimate":
        """A figure that may be off by a share of itself."""
        return cls(value, max(0.0, value * (1 - share)), value * (1 + share))

    def __add__(self, other: "Estimate") -> "Estimate":
        """The sum; errors of the two are taken to be independent."""
        value = self.value + other.value
        below = math.hypot(self.value - self.low, other.value - other.low)
        above = math.hypot(self.high - self.value, other.high - other.value)
        return Estimate(value, max(0.0, value - below), value + above)

    def times(self, factor: "Estimate | float") -> "Estimate":
        """The product; with an estimate, both intervals at their ends."""
        if not isinstance(factor, Estimate):
            return Estimate(self.value * factor, self.low * factor, self.high * factor)
        return Estimate(self.value * factor.value, self.low * factor.low, self.high * factor.high)

    def to_json(self) -> dict[str, float]:
        """The three numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, held: Mapping[str, float]) -> "Estimate":
        """The estimate of a JSON object."""
        return cls(held["value"], held["low"], held["high"])


NOTHING = Estimate.exactly(0.0)


def total(estimates: Iterable[Estimate]) -> Estimate:
    """The sum."""
    return sum(estimates, NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Files of one source and about one size: the sizes of their units, and of the pieces of them that were read."""

    source: str
    unit_bytes: tuple[int, ...]
    pieces: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Bytes of all units."""
        return sum(self.unit_bytes)

    @property
    def read_bytes(self) -> int:
        """Bytes of the pieces."""
        return sum(self.pieces.values())

    @property
    def is_whole(self) -> bool:
        """Whether every unit was read, so that nothing is left to be guessed."""
        return self.read_bytes == self.bytes and len(self.pieces) == len(self.unit_bytes)


def rate(stratum: Stratum, values: Mapping[str, float], fixed: float) -> float | None:
    """The figure a byte, less the fixed part of each piece; None where no byte was read."""
    if not stratum.read_bytes:
        return None
    return sum(max(0.0, values.get(name, 0.0) - fixed) for name in stratum.pieces) / stratum.read_bytes


def expand(strata: Sequence[Stratum], values: Mapping[str, float], least: float = 0.0) -> Estimate:
    """From the figures of pieces to that of all units of a source; a piece without a figure has 0.

    `least` is what the cheapest piece of any source and stage costs.
    """
    fixed = fixed_part(strata, values, least)
    own = [rate(stratum, values, fixed) for stratum in strata]
    read = sum(stratum.read_bytes for stratum in strata)
    weighted = ((found or 0.0) * stratum.read_bytes for found, stratum in zip(own, strata, strict=True))
    mean = sum(weighted) / read if read else 0.0
    value = variance = 0.0
    freedom = 0
    for stratum, found in zip(strata, own, strict=True):
        if stratum.is_whole:
            value += sum(values.get(name, 0.0) for name in stratum.pieces)
            continue
        slope = mean if found is None else found
        part = len(stratum.unit_bytes) * fixed + slope * stratum.bytes
        value += part
        variance += _variance(stratum, values, fixed, slope, part)
        freedom += max(0, len(stratum.pieces) - 1)
    half = math.sqrt(variance) * (_T[freedom - 1] if 1 <= freedom <= len(_T) else _NORMAL)
    return Estimate(value, max(0.0, value - half), value + half)


def fixed_part(strata: Sequence[Stratum], values: Mapping[str, float], least: float = 0.0) -> float:
    """What a piece costs however small it is: at most what the cheapest one does, at least what any does."""
    found = [values.get(name, 0.0) for stratum in strata for name in stratum.pieces]
    smallest = min((size for stratum in strata for size in stratum.pieces.values()), default=0)
    largest = max((size for stratum in strata for size in stratum.pieces.values()), default=0)
    # Where all pieces are of a size, nothing but other stages and sources tells the fixed part from what grows.
    return min(found) if found and largest > 4 * smallest else min([*found, least])


def _variance(stratum: Stratum, values: Mapping[str, float], fixed: float, slope: float, part: float) -> float:
    """Of the stratum's estimate; taken to be of a like size where it has fewer than two pieces."""
    pieces = len(stratum.pieces)
    if not pieces:
        return float(UNSEEN_SPREAD * part / _NORMAL) ** 2
    if pieces == 1:
        return float(LONE_SPREAD * part / _NORMAL) ** 2
    off = [values.get(name, 0.0) - fixed - slope * size for name, size in stratum.pieces.items()]
    spread = sum(value * value for value in off) / (pieces - 1)
    mean = stratum.read_bytes / pieces
    left = max(0.0, 1 - stratum.read_bytes / stratum.bytes) if stratum.bytes else 0.0
    scale = stratum.bytes / mean if mean else 0.0
    return scale * scale * spread / pieces * left
