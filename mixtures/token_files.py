"""Token files laid end to end: one line of tokens, read at any place into memory of the caller's."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtures.byte_ranges import Files, Range
from mixtures.permutation import Integers


class TokenFiles:
    """Files of ids, (name, tokens) each, in the order given. Nothing is looked at before it is read."""

    def __init__(self, files: Files, shards: Sequence[tuple[str, int]], dtype: np.dtype[Any]) -> None:
        self.files = files
        self.dtype = dtype
        self._names = [name for name, _ in shards]
        self._sizes = np.array([tokens for _, tokens in shards], np.int64)
        self._ends = np.cumsum(self._sizes)
        self._checked = np.zeros(len(self._names), bool)

    @property
    def tokens(self) -> int:
        """How many tokens the line has."""
        return int(self._ends[-1]) if self._names else 0

    def read(self, start: int, count: int) -> NDArray[Any]:
        """Tokens `start` … `start + count`. Raises ValueError where they are not all there."""
        found = np.empty(count if count > 0 else 0, self.dtype)
        self.files.read(self.ranges(np.array([start], np.int64), count, np.zeros(1, np.int64), as_bytes(found)))
        return found

    def ranges(self, starts: Integers, count: int, rows: Integers, into: memoryview) -> Iterator[Range]:
        """Where `count` tokens from each of `starts` on lie; they go to these rows of `into`, rows of `count` tokens.

        Raises ValueError where they are not all there, or a file that they need has not the size that it should.
        """
        low, high = (int(starts.min()), int(starts.max())) if starts.size else (0, -count)
        if low < 0 or count < 0 or high + count > self.tokens:
            raise ValueError(f"tokens {low} … {high + count} are not within 0 … {self.tokens}")
        if not starts.size or not count:
            return
        number = np.searchsorted(self._ends, starts, side="right")
        last = np.searchsorted(self._ends, starts + (count - 1), side="right")
        self._check(number, last)
        width, names, size = self.dtype.itemsize, self._names, count * self.dtype.itemsize
        offset = (starts - self._ends[number] + self._sizes[number]) * width
        places = zip(number.tolist(), last.tolist(), offset.tolist(), rows.tolist(), strict=True)
        for shard, end, first, row in places:
            room = into[row * size : row * size + size]
            if shard == end:
                yield names[shard], first, room
            else:
                yield from self._across(shard, first, room)

    def _across(self, shard: int, offset: int, room: memoryview) -> Iterator[Range]:
        while len(room):
            here = min(len(room), int(self._sizes[shard]) * self.dtype.itemsize - offset)
            if here:
                yield self._names[shard], offset, room[:here]
            shard, offset, room = shard + 1, 0, room[here:]

    def _check(self, number: Integers, last: Integers) -> None:
        """The sizes of files that are read for the first time."""
        needed = set(number.tolist())
        for first, end in zip(number[number < last].tolist(), last[number < last].tolist(), strict=True):
            needed.update(range(first, end + 1))
        for shard in sorted(needed):
            if not self._checked[shard]:
                self._compare(shard, self.files.size(self._names[shard]))
                self._checked[shard] = True

    def check(self, folder: str = "") -> None:
        """Compare the sizes of all files, which lie in this folder, by one listing.

        Raises FileNotFoundError or ValueError for the first that is missing or has another size.
        """
        found = self.files.sizes(folder)
        for shard, name in enumerate(self._names):
            size = found.get(name.removeprefix(f"{folder}/"))
            if size is None:
                raise FileNotFoundError(f"{self.files.address(name)} is missing")
            self._compare(shard, size)
        self._checked[:] = True

    def _compare(self, shard: int, size: int) -> None:
        expected = int(self._sizes[shard]) * self.dtype.itemsize
        if size != expected:
            raise ValueError(f"{self.files.address(self._names[shard])} must have {expected} bytes, has {size}")


def as_bytes(ids: NDArray[Any]) -> memoryview:
    """The memory of a contiguous array, to be written to."""
    return memoryview(ids.reshape(-1).view(np.uint8).data)
