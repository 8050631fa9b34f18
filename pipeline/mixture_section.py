"""The recipe's `[mixture]`: which shares of which sources, in sequences of which length, and from which step on."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from mixtures.llama1 import TABLE, TOTAL_TOKENS
from pipeline.section import SOURCES, Positive, Section
from pipeline.spelling import nearest_name

if TYPE_CHECKING:
    from mixtures.mixture import Ratios

MIN_SEQUENCE_TOKENS = 8
MAX_SEQUENCE_TOKENS = 1 << 24
"""A block is held in memory whole."""

LengthOrZero = Annotated[int, Field(ge=0, le=MAX_SEQUENCE_TOKENS)]


class Change(Section):
    """From training step `from_step` on the stream has other weights, sequences of another length, or both.

    What is left out, or 0, stays as before. A source is in the mixture where the weights name it, so it may enter or
    leave at a change. Steps are counted in batches of `trainer.batch_sequences`.
    """

    from_step: Positive
    weights: Mapping[str, float] = Field(default_factory=dict)  # Empty: as before.
    sequence_tokens: LengthOrZero = 0

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if 0 < self.sequence_tokens < MIN_SEQUENCE_TOKENS:
            raise ValueError(f"sequence_tokens must be 0 or at least {MIN_SEQUENCE_TOKENS}, got {self.sequence_tokens}")
        if self.weights:
            check_weights(self.weights)
        elif not self.sequence_tokens:
            raise ValueError("must name weights or sequence_tokens, got neither")
        return self


class Mixture(Section):
    """How much of each source, and in what pieces: Table 1 of the paper."""

    total_tokens: Positive = TOTAL_TOKENS
    sequence_tokens: Annotated[int, Field(ge=MIN_SEQUENCE_TOKENS, le=MAX_SEQUENCE_TOKENS)] = 2048
    block_tokens: LengthOrZero = 0  # What is shuffled; 0: a sequence each.
    shard_sequences: Positive = 16_384  # 64 MiB: one shard is one group of the engine's shuffle.
    weights: Mapping[str, float] = Field(default_factory=lambda: {row.source: row.weight for row in TABLE})
    changes: tuple[Change, ...] = ()

    @property
    def block_width(self) -> int:
        """Tokens of a block."""
        return self.block_tokens or self.sequence_tokens

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources that have a share at any step, in the paper's order."""
        named = {name for weights in (self.weights, *(change.weights for change in self.changes)) for name in weights}
        return tuple(source for source in SOURCES if source in named)

    @model_validator(mode="after")
    def _weights_are_a_mixture(self) -> Self:
        check_weights(self.weights)
        return self

    @model_validator(mode="after")
    def _lengths_fit_and_steps_increase(self) -> Self:
        self._check_length("sequence_tokens", self.sequence_tokens)
        if self.total_tokens < self.sequence_tokens:
            raise ValueError(
                f"total_tokens must be at least one sequence of {self.sequence_tokens}, got {self.total_tokens}"
            )
        step = 0
        for index, change in enumerate(self.changes):
            if change.from_step <= step:
                raise ValueError(
                    f"changes.{index}.from_step must be above {step}, that of the change before it,"
                    f" got {change.from_step}"
                )
            step = change.from_step
            if change.sequence_tokens:
                self._check_length(f"changes.{index}.sequence_tokens", change.sequence_tokens)
        return self

    def _check_length(self, key: str, width: int) -> None:
        if max(width, self.block_width) % min(width, self.block_width):
            raise ValueError(f"{key} must divide block_tokens = {self.block_width} or be a multiple of it, got {width}")

    def phases(self, batch_sequences: int) -> "tuple[Ratios, ...]":
        """The stream's phases, one change after another; the last has what `total_tokens` still pays for.

        Raises ValueError where a change begins when nothing is left to pay for it.
        """
        found: list[Ratios] = []
        left, width, weights, step = self.total_tokens, self.sequence_tokens, self.weights, 0
        for index, change in enumerate(self.changes):
            sequences = left // width
            next_width = change.sequence_tokens or width
            bound = step + (left - next_width) // (batch_sequences * width)
            if change.from_step > bound:
                raise ValueError(
                    f"mixture.changes.{index}.from_step must be at most {bound}, where total_tokens ="
                    f" {self.total_tokens} still pay for a sequence, got {change.from_step}"
                )
            until = (change.from_step - step) * batch_sequences
            found.append(_ratios(sequences, width, weights, until))
            left, step = left - until * width, change.from_step
            width, weights = next_width, change.weights or weights
        return (*found, _ratios(left // width, width, weights, None))


def _ratios(sequences: int, width: int, weights: Mapping[str, float], until: int | None) -> "Ratios":
    from mixtures.mixture import Ratios  # It loads NumPy; TAB asks for the keys alone.
    from mixtures.schedule import MAX_SEQUENCES

    if sequences > MAX_SEQUENCES:
        raise ValueError(f"mixture.total_tokens must be at most {MAX_SEQUENCES} sequences of {width}, got {sequences}")
    ordered = {source: weights[source] for source in SOURCES if source in weights}
    return Ratios(sequences=sequences, sequence_tokens=width, weights=ordered, until=until)


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise ValueError where they are not shares of known sources that sum to one."""
    for name, weight in weights.items():
        if name not in SOURCES:
            raise ValueError(f"weights.{name} is no source{nearest_name(name, SOURCES)}")
        if not 0 < weight <= 1:
            raise ValueError(f"weights.{name} must be above 0 and at most 1, got {weight}")
    total = math.fsum(weights.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"weights must sum to 1, got {total:.6g}")
