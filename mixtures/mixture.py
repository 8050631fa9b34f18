"""How many sequences of each source: whole numbers by largest remainder; the epochs follow from the sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mixtures.order import Share

TOLERANCE = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One source of a mixture: its weight, and how many tokens of it there are."""

    name: str
    weight: float
    available_tokens: int

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise ValueError(f"{self.name}: weight must be above 0 and at most 1, got {self.weight}")
        if self.available_tokens < 0:
            raise ValueError(f"{self.name}: available_tokens must be at least 0, got {self.available_tokens}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Components whose weights sum to one, and a budget of tokens in whole sequences."""

    components: Sequence[Component]
    total_tokens: int
    sequence_tokens: int

    def __post_init__(self) -> None:
        total = sum((_exact(component.weight) for component in self.components), Fraction())
        if not 1 - TOLERANCE <= total <= 1 + TOLERANCE:
            raise ValueError(f"weights must sum to 1, got {float(total):.6g}")
        if self.sequence_tokens < 1:
            raise ValueError(f"sequence_tokens must be at least 1, got {self.sequence_tokens}")
        if self.total_tokens < self.sequence_tokens:
            raise ValueError(
                f"total_tokens must be at least one sequence of {self.sequence_tokens}, got {self.total_tokens}"
            )

    @property
    def sequences(self) -> int:
        """Whole sequences that the budget pays for."""
        return self.total_tokens // self.sequence_tokens

    def shares(self) -> tuple[Share, ...]:
        """How many sequences each component gives and has. Raises ValueError where one has nothing to give."""
        budgets = largest_remainder(self.sequences, {item.name: item.weight for item in self.components})
        return tuple(
            Share(name=item.name, sequences=budgets[item.name], available=item.available_tokens // self.sequence_tokens)
            for item in self.components
        )

    def epochs(self) -> dict[str, float]:
        """How often the stream goes through each component."""
        return {share.name: share.sequences / share.available for share in self.shares() if share.available}


def largest_remainder(total: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that sum to `total` and lie within one of `total` times each weight (Hamilton's method).

    Weights are read as the decimals they are written as, so 0.045 of 200 is 9 and not 8.99…; of two equal
    remainders the one that comes first in `weights` is served first.
    """
    whole = sum((_exact(weight) for weight in weights.values()), Fraction())
    quotas = {name: total * _exact(weight) / whole for name, weight in weights.items()}
    counts = {name: quota.numerator // quota.denominator for name, quota in quotas.items()}
    by_remainder = sorted(counts, key=lambda name: quotas[name] - counts[name], reverse=True)
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _exact(weight: float) -> Fraction:
    return Fraction(repr(weight))
