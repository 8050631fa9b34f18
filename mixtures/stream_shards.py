"""The stream's shards: which positions each holds, worked out from the plan, with no list of them built."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixtures.permutation import Integers
from mixtures.plan import Phase, Plan

MAX_SHARD_TOKENS = 1 << 28
"""A shard is put together in memory: 512 MiB, or twice as much where ids take four bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShard:
    """Positions `first` … `end` of the stream, all of one phase."""

    phase: Phase
    first: int
    end: int

    @property
    def first_token(self) -> int:
        """Where it begins in the stream's tokens."""
        return self.phase.first_token + (self.first - self.phase.first) * self.phase.sequence_tokens

    @property
    def tokens(self) -> int:
        """How many it has."""
        return (self.end - self.first) * self.phase.sequence_tokens


class StreamShards:
    """The shards of a stream in order: each of one phase, of about the same size throughout.

    A shard has `sequences` of the first phase's length, or as many tokens in longer or shorter ones. Where a phase ends
    changes its last shard alone.
    """

    def __init__(self, plan: Plan, sequences: int) -> None:
        self._phases = plan.phases
        tokens = min(sequences * plan.phases[0].sequence_tokens, MAX_SHARD_TOKENS)
        self._sequences = [max(1, tokens // phase.sequence_tokens) for phase in plan.phases]
        counts = [-(-phase.sequences // held) for phase, held in zip(plan.phases, self._sequences, strict=True)]
        self._firsts = np.cumsum([0, *counts]).tolist()

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def __iter__(self) -> Iterator[StreamShard]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> StreamShard:
        if not 0 <= index < len(self):
            raise IndexError(f"stream shards are 0 … {len(self) - 1}, got {index}")
        number = int(np.searchsorted(self._firsts, index, side="right")) - 1
        phase, held = self._phases[number], self._sequences[number]
        first = phase.first + (index - self._firsts[number]) * held
        return StreamShard(phase=phase, first=first, end=min(first + held, phase.end))

    def of_phase(self, phase: Phase) -> range:
        """The shards of a phase."""
        number = self._phases.index(phase)
        return range(self._firsts[number], self._firsts[number + 1])

    def holding(self, phase: Phase, tokens: Integers) -> Integers:
        """Of tokens of the stream, all of one phase, the shard that each is in."""
        number = self._phases.index(phase)
        width = self._sequences[number] * phase.sequence_tokens
        found: Integers = (tokens - phase.first_token) // width + self._firsts[number]
        return found
