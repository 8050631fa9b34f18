"""Which source each position of a stream belongs to: exact integer arithmetic both ways, with no table built.

The sources are interleaved evenly. At every position each source of LLaMA's Table 1 has come to within one sequence of
its share of the stream so far, so any stretch holds it to within two; what is reached for that table is 1.45. No order
at all keeps every stretch to within one: of 200 positions at those ratios an exhaustive search finds none.
"""

from collections.abc import Mapping

import numpy as np

from mixtures.permutation import Integers

MAX_SEQUENCES = 3_037_000_499
"""The longest schedule: a product of two positions still fits 63 bits."""


class Schedule:
    """Positions dealt to sources, so many to each; `names` are the sources in the order given.

    Raises ValueError for a count below 0, or a sum that is not 1 … MAX_SEQUENCES.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.names = tuple(counts)
        self.counts = tuple(counts.values())
        self.sequences = sum(self.counts)
        for name, count in counts.items():
            if count < 0:
                raise ValueError(f"{name}: sequences must be at least 0, got {count}")
        if not 1 <= self.sequences <= MAX_SEQUENCES:
            raise ValueError(f"a schedule holds 1 to {MAX_SEQUENCES} sequences, got {self.sequences}")
        # Largest first: a source's distance from its share grows with how little is left when its turn comes.
        turns = [number for number, count in enumerate(self.counts) if count]
        self._turns = sorted(turns, key=lambda number: (-self.counts[number], self.names[number]))
        left = np.cumsum([0] + [self.counts[number] for number in reversed(self._turns)])[::-1]
        self._lefts: list[int] = left.tolist()

    def deal(self, positions: Integers) -> tuple[Integers, Integers]:
        """The source of each position, and how many of that source come before it.

        Of `left` places a source with `n` of them takes those where (place · n + left / 2) / left steps up to a whole
        number; the places in between are numbered again from zero for the sources that follow.
        """
        source, ordinal = np.empty_like(positions), np.empty_like(positions)
        waiting, place = np.arange(positions.size), positions
        for number, left in zip(self._turns, self._lefts, strict=False):
            n = self.counts[number]
            before = (place * n + left // 2) // left
            taken = ((place + 1) * n + left // 2) // left > before
            source[waiting[taken]], ordinal[waiting[taken]] = number, before[taken]
            waiting, place = waiting[~taken], (place - before)[~taken]
        return source, ordinal

    def gather(self, source: int, ordinals: Integers) -> Integers:
        """The inverse of `deal`: the positions of a source's n-th sequences, counted from 0."""
        turn = self._turns.index(source)
        left = self._lefts[turn]
        place = -(-((ordinals + 1) * left - left // 2) // self.counts[source]) - 1
        for earlier in range(turn - 1, -1, -1):
            left, rest = self._lefts[earlier], self._lefts[earlier + 1]
            place = (place * left + left // 2) // rest
        return place
