"""How many sequences of each source: whole numbers by largest remainder; the epochs follow from the sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mixtures.plan import Plan, Shares

TOLERANCE = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """The mixture of one phase: so many sequences of so many tokens, at these weights, which sum to one.

    With `until` another phase begins after so many of them, and the rest is not in the stream.
    """

    sequences: int
    sequence_tokens: int
    weights: Mapping[str, float]
    until: int | None = None

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not 0 < weight <= 1:
                raise ValueError(f"{name}: weight must be above 0 and at most 1, got {weight}")
        total = sum(map(_exact, self.weights.values()), Fraction())
        if not 1 - TOLERANCE <= total <= 1 + TOLERANCE:
            raise ValueError(f"weights must sum to 1, got {float(total):.6g}")
        if self.sequence_tokens < 1:
            raise ValueError(f"sequence_tokens must be at least 1, got {self.sequence_tokens}")
        if self.sequences < 1:
            raise ValueError(
                f"a phase has at least one sequence of {self.sequence_tokens} tokens, got {self.sequences}"
            )

    def shares(self) -> Shares:
        """Sequences of each source."""
        counts = largest_remainder(self.sequences, self.weights)
        return Shares(sequence_tokens=self.sequence_tokens, sequences=counts, until=self.until)


def plan_of(phases: Sequence[Ratios], available_tokens: Mapping[str, int], *, block_tokens: int, seed: int) -> Plan:
    """The plan for sources of so many tokens. Raises ValueError where one has a share and nothing to give."""
    blocks = {name: tokens // block_tokens for name, tokens in available_tokens.items()}
    return Plan(blocks, [phase.shares() for phase in phases], block_tokens=block_tokens, seed=seed)


def asked_shares(phases: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """Each source's share of all tokens, by the tokens and the weights of each phase."""
    held = list(phases)
    total = sum(tokens for tokens, _ in held)
    found: dict[str, Fraction] = {}
    for tokens, weights in held:
        for source, weight in weights.items():
            found[source] = found.get(source, Fraction()) + Fraction(weight) * tokens / total
    return {source: float(share) for source, share in found.items()}


def describe_sources(plan: Plan, available_tokens: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """What a plan makes of each source, in figures.

    `epochs` is how often the stream goes through its blocks, `readings` how many blocks it has how often.
    """
    found = {}
    for number, (name, blocks) in enumerate(zip(plan.names, plan.blocks, strict=True)):
        counts = [(phase.schedule.counts[number], phase.sequence_tokens) for phase in plan.phases]
        tokens = sum(count * width for count, width in counts)
        found[name] = {
            "available_tokens": available_tokens[name],
            "blocks": blocks,
            "unused_tokens": available_tokens[name] - blocks * plan.block_tokens,
            "sequences": sum(count for count, _ in counts),
            "tokens": tokens,
            "epochs": round(tokens / (blocks * plan.block_tokens), 6) if blocks else 0.0,
            "readings": {str(times): count for times, count in plan.readings(number).items()},
        }
    return found


def largest_remainder(total: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that sum to `total` and lie within one of `total` times each weight (Hamilton's method).

    Weights are read as the decimals they are written as, so 0.045 of 200 is 9 and not 8.99…; of two equal
    remainders the one that comes first in `weights` is served first.
    """
    whole = sum(map(_exact, weights.values()), Fraction())
    quotas = {name: total * _exact(weight) / whole for name, weight in weights.items()}
    counts = {name: quota.numerator // quota.denominator for name, quota in quotas.items()}
    by_remainder = sorted(counts, key=lambda name: quotas[name] - counts[name], reverse=True)
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _exact(weight: float) -> Fraction:
    return Fraction(repr(weight))
