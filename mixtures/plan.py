"""The plan of a stream: which tokens of which source lie where in it, a pure function both ways, with no index built.

A source is one line of tokens, its shards end to end, cut into blocks of `block_tokens`. Each epoch goes through all
blocks in an order of its own, a keyed permutation; the last epoch is cut where the budget ends, so 2.45 epochs are
every block twice and 45 % of them, chosen by the key, a third time. A sequence is a block, unless its phase has
sequences of another length: then it is a part of a block, or several blocks one behind another.

A stream is one line of tokens, too: one phase or more, each with a length of sequence and a share for each source of
its own. A phase goes on in each source where the one before stopped, so nothing is read again before all has been read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mixtures.permutation import Integers, Permutation
from mixtures.schedule import Schedule

ABSENT = -1
"""Where in the stream a part of a block lies that a phase leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """One phase of a stream: its sequences' length, and how many of them each source gives.

    With `until` the next phase begins after so many sequences: what comes before does not change with it.
    """

    sequence_tokens: int
    sequences: Mapping[str, int]
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Where a phase lies: `first` is its first position, `first_token` that position's place in the stream's tokens.

    Of each source, by number, it begins with block `first_blocks[number]`, epochs counted through, and ends before
    block `end_blocks[number]`. A sequence is `pieces` runs of `piece_tokens`, each within one block of a source.
    """

    first: int
    first_token: int
    sequences: int
    sequence_tokens: int
    piece_tokens: int
    first_blocks: tuple[int, ...]
    end_blocks: tuple[int, ...]
    schedule: Schedule

    @property
    def end(self) -> int:
        """The first position behind it."""
        return self.first + self.sequences

    @property
    def tokens(self) -> int:
        """Tokens of the whole phase."""
        return self.sequences * self.sequence_tokens

    @property
    def pieces(self) -> int:
        """Runs of tokens in a sequence: 1 unless it is longer than a block."""
        return self.sequence_tokens // self.piece_tokens


class Places(NamedTuple):
    """For each position its source (n), and for each piece of its sequence epoch and first token (n, pieces)."""

    source: Integers
    epoch: Integers
    token: Integers


class Plan:
    """The plan for sources of so many blocks, in phases. Raises ValueError where it cannot be."""

    def __init__(self, blocks: Mapping[str, int], phases: Sequence[Shares], *, block_tokens: int, seed: int) -> None:
        self.names = tuple(blocks)
        self.blocks = tuple(blocks.values())
        self.block_tokens = block_tokens
        self.seed = seed
        self.phases = tuple(self._laid(phases))
        self.sequences = self.phases[-1].end
        self.tokens = sum(phase.tokens for phase in self.phases)

    def _laid(self, phases: Sequence[Shares]) -> Iterator[Phase]:
        if not phases:
            raise ValueError("a stream has at least one phase")
        first = first_token = 0
        used = (0,) * len(self.names)
        for shares in phases:
            width = shares.sequence_tokens
            if max(width, self.block_tokens) % min(width, self.block_tokens):
                raise ValueError(
                    f"sequence_tokens must divide block_tokens = {self.block_tokens} or be a multiple of it,"
                    f" got {width}"
                )
            schedule = Schedule({name: shares.sequences.get(name, 0) for name in self.names}, shares.until)
            for name, count, available in zip(self.names, schedule.counts, self.blocks, strict=True):
                if count and available < 1:
                    raise ValueError(f"{name} has a share of {count} sequences and not one to give")
            # A block of which a part has been read is not begun again.
            ends = tuple(
                before - (-count * width // self.block_tokens)
                for before, count in zip(used, schedule.counts, strict=True)
            )
            phase = Phase(
                first=first,
                first_token=first_token,
                sequences=schedule.sequences,
                sequence_tokens=width,
                piece_tokens=min(width, self.block_tokens),
                first_blocks=used,
                end_blocks=ends,
                schedule=schedule,
            )
            yield phase
            first, first_token, used = phase.end, first_token + phase.tokens, ends

    def runs(self, start: int, count: int) -> Iterator[tuple[Phase, int, int]]:
        """(phase, first position, how many) of positions `start` … `start + count`, phase by phase."""
        if start < 0 or count < 0 or start + count > self.sequences:
            raise ValueError(f"sequences {start} … {start + count} are not within 0 … {self.sequences}")
        for phase in self.phases:
            first, end = max(start, phase.first), min(start + count, phase.end)
            if first < end:
                yield phase, first, end - first

    def phase_of(self, position: int) -> Phase:
        """The phase of one position."""
        return next(self.runs(position, 1))[0]

    def source_of(self, start: int, count: int) -> Integers:
        """The source of each of these positions, as a number into `names`."""
        found = [
            phase.schedule.deal(np.arange(first - phase.first, first - phase.first + many))[0]
            for phase, first, many in self.runs(start, count)
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    def places(self, positions: Integers) -> Places:
        """What lies at these positions, which are of one phase."""
        positions = np.atleast_1d(np.asarray(positions, dtype=np.int64))
        if not positions.size:
            return Places(positions, positions.reshape(0, 1), positions.reshape(0, 1))
        low, high = int(positions.min()), int(positions.max())
        phase, *more = (run[0] for run in self.runs(low, high - low + 1))
        if more:
            raise ValueError(f"positions {low} and {high} are not of one phase")
        source, ordinal = phase.schedule.deal(positions - phase.first)
        piece = ordinal[:, None] * phase.pieces + np.arange(phase.pieces)
        parts = self.block_tokens // phase.piece_tokens
        turn, part = np.divmod(piece, parts)
        epoch, token = np.empty_like(turn), np.empty_like(turn)
        for number in np.unique(source).tolist():
            mine = source == number
            epoch[mine], within = np.divmod(turn[mine] + phase.first_blocks[number], self.blocks[number])
            block = self._ordered(number, epoch[mine], within)
            token[mine] = block * self.block_tokens + part[mine] * phase.piece_tokens
        return Places(source, epoch, token)

    def landings(self, phase: Phase, source: int, epoch: int, blocks: Integers) -> Integers:
        """The token of the stream with which each part of those blocks of a source's epoch begins: (n, parts).

        The inverse of `places`. A block has several parts where sequences are shorter than it. ABSENT is for a part
        that is not in this phase.
        """
        blocks = np.atleast_1d(np.asarray(blocks, dtype=np.int64))
        if blocks.size and not (blocks.min() >= 0 and blocks.max() < self.blocks[source]):
            raise ValueError(f"{self.names[source]}: blocks must lie in 0 … {self.blocks[source] - 1}")
        parts = self.block_tokens // phase.piece_tokens
        turn = epoch * self.blocks[source] + self._permutation(source, epoch).inverse(blocks)
        part = (turn - phase.first_blocks[source])[:, None] * parts + np.arange(parts)
        ordinal, piece = np.divmod(part, phase.pieces)
        inside = (ordinal >= 0) & (ordinal < phase.schedule.counts[source])
        found = np.full(part.shape, ABSENT, np.int64)
        place = phase.schedule.gather(source, ordinal[inside])
        found[inside] = phase.first_token + place * phase.sequence_tokens + piece[inside] * phase.piece_tokens
        return found

    def epochs(self, phase: Phase, source: int) -> range:
        """The epochs of a source that a phase reads of."""
        if not phase.schedule.counts[source]:
            return range(0)
        available = self.blocks[source]
        return range(phase.first_blocks[source] // available, -(-phase.end_blocks[source] // available))

    def readings(self, source: int) -> dict[int, int]:
        """How many blocks of a source the stream has so often: 2.45 epochs of 100 are {2: 55, 3: 45}.

        A block counts once it is begun, though the rest of one can be passed over where sequences change their length.
        """
        blocks, begun = self.blocks[source], self.phases[-1].end_blocks[source]
        if not blocks:
            return {}
        times, more = divmod(begun, blocks)
        return {often: count for often, count in ((times, blocks - more), (times + 1, more)) if count}

    def _ordered(self, source: int, epochs: Integers, within: Integers) -> Integers:
        found = np.empty_like(within)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            found[chosen] = self._permutation(source, epoch).forward(within[chosen])
        return found

    def _permutation(self, source: int, epoch: int) -> Permutation:
        return Permutation(self.blocks[source], f"tokenmill order {self.seed} {self.names[source]} {epoch}")

    def to_record(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "seed": self.seed,
            "block_tokens": self.block_tokens,
            "sequences": self.sequences,
            "tokens": self.tokens,
            "phases": [
                {
                    "sequences": phase.sequences,
                    "sequence_tokens": phase.sequence_tokens,
                    "shares": dict(zip(self.names, phase.schedule.counts, strict=True)),
                }
                | ({"dealt": dict(zip(self.names, phase.schedule.dealt, strict=True))} if phase.schedule.is_cut else {})
                for phase in self.phases
            ],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Plan":
        """The plan that a stream's record describes; its `sources` say how many blocks each has."""
        return cls(
            {name: int(source["blocks"]) for name, source in record["sources"].items()},
            [
                Shares(
                    sequence_tokens=int(phase["sequence_tokens"]),
                    sequences=phase.get("dealt", phase["shares"]),
                    until=sum(phase["shares"].values()),
                )
                for phase in record["phases"]
            ],
            block_tokens=int(record["block_tokens"]),
            seed=int(record["seed"]),
        )
