"""Which source each position of a stream belongs to: exact integer arithmetic both ways, with no table built.

The sources are interleaved evenly. Positions are split in two, as evenly as whole numbers go, each side is split again,
and so on down to single sources. A side is at most half a sequence away from its part of the side above it, so how
far a source can be from its share follows from the shape of that tree, and the best shape is searched for: at LLaMA's
Table 1 each source is at every position within 11/12 of a sequence of its share of the stream so far, and any stretch
holds it to within 11/6. No order at all keeps every stretch to within one: of 200 positions at those ratios an
exhaustive search finds none.
"""

import functools
import heapq
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mixtures.permutation import Integers

MAX_SEQUENCES = 3_037_000_499
"""The longest schedule: a product of two positions still fits 63 bits."""

MOST_SEARCHED = 7
"""Of more sources not all trees are tried: there are too many."""


class Split(NamedTuple):
    """A side of the tree that is split in two; a side that is not is the number of a source."""

    left: "Split | int"
    right: "Split | int"
    left_places: int
    places: int

    def on_the_left(self, place: Any) -> Any:
        """How many of the places before this one, or before each of these, the left side takes."""
        return (place * self.left_places + self.places // 2) // self.places


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
        # By size and name, so that the order in which sources are listed does not show.
        numbers = sorted((i for i, n in enumerate(self.dealt) if n), key=lambda i: (-self.dealt[i], self.names[i]))
        shape = _shape(tuple(self.dealt[number] for number in numbers))
        self._tree = _laid(shape, numbers, self.dealt)[0]
        self.counts = self.before(self.sequences)

    @property
    def is_cut(self) -> bool:
        """Whether it ends before all have been dealt."""
        return self.counts != self.dealt

    def before(self, position: int) -> tuple[int, ...]:
        """How many positions of each source come before this one."""
        found = [0] * len(self.names)
        sides = [(self._tree, position)]
        while sides:
            side, place = sides.pop()
            if isinstance(side, Split):
                before = side.on_the_left(place)
                sides += [(side.left, before), (side.right, place - before)]
            else:
                found[side] = place
        return tuple(found)

    def deal(self, positions: Integers) -> tuple[Integers, Integers]:
        """The source of each position, and how many of that source come before it.

        Of all `places` a side with `n` of them takes those where (place · n + places / 2) / places steps up to a whole
        number, and the other side those in between; each side numbers its places from zero.
        """
        source, ordinal = np.empty_like(positions), np.empty_like(positions)
        sides = [(self._tree, np.arange(positions.size), positions)]
        while sides:
            side, where, place = sides.pop()
            if isinstance(side, Split):
                before = side.on_the_left(place)
                taken = side.on_the_left(place + 1) > before
                sides.append((side.left, where[taken], before[taken]))
                sides.append((side.right, where[~taken], (place - before)[~taken]))
            else:
                source[where], ordinal[where] = side, place
        return source, ordinal

    def gather(self, source: int, ordinals: Integers) -> Integers:
        """The inverse of `deal`: the positions of a source's n-th sequences, counted from 0."""
        place = ordinals
        for split, is_left in _way_up(self._tree, int(source)):
            if is_left:
                place = -(-((place + 1) * split.places - split.places // 2) // split.left_places) - 1
            else:
                place = (place * split.places + split.places // 2) // (split.places - split.left_places)
        return place

    def bound(self) -> float:
        """So many sequences a source can be from its share at any position; over any stretch twice as many."""
        return _bound(self._tree, 0.0)


Shape = int | tuple["Shape", "Shape"]
"""A tree of positions in a list of counts."""


@functools.lru_cache(maxsize=256)
def _shape(counts: tuple[int, ...]) -> Shape:
    """The tree by which counts, the largest first, are split."""
    if len(counts) <= MOST_SEARCHED:
        return _best(counts, tuple(range(len(counts))), 0.0)[1]
    heap: list[tuple[int, int, Shape]] = [(count, -i, i) for i, count in enumerate(counts)]
    heapq.heapify(heap)
    for number in range(len(counts), 2 * len(counts) - 1):  # Huffman's: the two smallest together, again and again.
        one, two = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (one[0] + two[0], -number, (two[2], one[2])))
    return heap[0][2]


def _best(counts: Sequence[int], items: tuple[int, ...], above: float) -> tuple[float, Shape]:
    """How far from its share an item can be at most, and the tree that keeps it there, of all trees the best.

    The items' side can be `above` from its own share. A split moves each side by half a sequence and takes over what
    part of `above` falls to it.
    """
    if len(items) == 1:
        return above, items[0]
    whole = sum(counts[item] for item in items)
    best: tuple[float, Shape] = (float("inf"), items[0])
    for chosen in range(1 << len(items) - 1):  # The first item is always on the left: each split is met once.
        left = (items[0], *(item for bit, item in enumerate(items[1:]) if chosen >> bit & 1))
        right = tuple(item for item in items if item not in left)
        if right:
            part = sum(counts[item] for item in left) / whole
            one = _best(counts, left, 0.5 + part * above)
            if one[0] < best[0]:
                two = _best(counts, right, 0.5 + (1 - part) * above)
                best = min(best, (max(one[0], two[0]), (one[1], two[1])), key=lambda found: found[0])
    return best


def _laid(shape: Shape, numbers: Sequence[int], dealt: Sequence[int]) -> tuple[Split | int, int]:
    """The tree over sources, and how many sequences it deals."""
    if isinstance(shape, int):
        return numbers[shape], dealt[numbers[shape]]
    (left, left_count), (right, right_count) = (_laid(part, numbers, dealt) for part in shape)
    return Split(left, right, left_count, left_count + right_count), left_count + right_count


def _way_up(side: Split | int, source: int) -> list[tuple[Split, bool]]:
    """The splits above a source, the lowest first, and whether it is on the left of each; none where it is absent."""
    if not isinstance(side, Split):
        return []
    for below, is_left in ((side.left, True), (side.right, False)):
        found = _way_up(below, source)
        if found or below == source:
            return [*found, (side, is_left)]
    return []


def _bound(side: Split | int, above: float) -> float:
    if not isinstance(side, Split):
        return above
    part = side.left_places / side.places
    half = (side.places // 2 + side.places % 2) / side.places  # Of an odd number of places: half of one more.
    return max(_bound(side.left, half + part * above), _bound(side.right, half + (1 - part) * above))
