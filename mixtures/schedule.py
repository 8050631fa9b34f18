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

    Of the positions only those below `until` are used, where it is given: `sequences` is their number, and `counts` are
    those of each source among them. What they hold does not change with it.
    Raises ValueError for a count below 0, a sum that is not 1 … MAX_SEQUENCES, or an end that is not 1 … that sum.
    """

    def __init__(self, dealt: Mapping[str, int], until: int | None = None) -> None:
        self.names = tuple(dealt)
        self.dealt = tuple(dealt.values())
        whole = sum(self.dealt)
        for name, count in dealt.items():
            if count < 0:
                raise ValueError(f"{name}: sequences must be at least 0, got {count}")
        if not 1 <= whole <= MAX_SEQUENCES:
            raise ValueError(f"a schedule holds 1 to {MAX_SEQUENCES} sequences, got {whole}")
        self.sequences = whole if until is None else until
        if not 1 <= self.sequences <= whole:
            raise ValueError(f"a schedule of {whole} sequences ends at 1 to {whole}, got {until}")
        # Largest first: a source's distance from its share grows with how little is left when its turn comes.
        turns = [number for number, count in enumerate(self.dealt) if count]
        self._turns = sorted(turns, key=lambda number: (-self.dealt[number], self.names[number]))
        left = np.cumsum([0] + [self.dealt[number] for number in reversed(self._turns)])[::-1]
        self._lefts: list[int] = left.tolist()
        self.counts = self.before(self.sequences)

    @property
    def is_cut(self) -> bool:
        """Whether it ends before all have been dealt."""
        return self.counts != self.dealt

    def before(self, position: int) -> tuple[int, ...]:
        """How many positions of each source come before this one."""
        found = [0] * len(self.names)
        for number, left in zip(self._turns, self._lefts, strict=False):
            found[number] = (position * self.dealt[number] + left // 2) // left
            position -= found[number]
        return tuple(found)

    def deal(self, positions: Integers) -> tuple[Integers, Integers]:
        """The source of each position, and how many of that source come before it.

        Of `left` places a source with `n` of them takes those where (place · n + left / 2) / left steps up to a whole
        number; the places in between are numbered again from zero for the sources that follow.
        """
        source, ordinal = np.empty_like(positions), np.empty_like(positions)
        waiting, place = np.arange(positions.size), positions
        for number, left in zip(self._turns, self._lefts, strict=False):
            n = self.dealt[number]
            before = (place * n + left // 2) // left
            taken = ((place + 1) * n + left // 2) // left > before
            source[waiting[taken]], ordinal[waiting[taken]] = number, before[taken]
            waiting, place = waiting[~taken], (place - before)[~taken]
        return source, ordinal

    def gather(self, source: int, ordinals: Integers) -> Integers:
        """The inverse of `deal`: the positions of a source's n-th sequences, counted from 0."""
        turn = self._turns.index(source)
        left = self._lefts[turn]
        place = -(-((ordinals + 1) * left - left // 2) // self.dealt[source]) - 1
        for earlier in range(turn - 1, -1, -1):
            left, rest = self._lefts[earlier], self._lefts[earlier + 1]
            place = (place * left + left // 2) // rest
        return place
