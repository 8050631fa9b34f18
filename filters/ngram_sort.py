"""Sorts the windows of a text in bounded memory: sorted runs on disk, merged block by block.

A window is a word and the words before it, packed into 128 bits so that windows sort by their context, the nearest
word first, and then by the word itself. A row is the two halves of that key and how often the window stands.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from filters.ngram_words import BEGIN, END, Ids
from tokenizer.kernels import compiled

Rows = npt.NDArray[np.uint64]
ROW = 3
"""High half of the key, low half, count."""

_ROWS = numba.uint64[:, ::1]
_IDS = numba.uint32[::1]
_KEY = numba.uint64[::1]
_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS
_BYTES_PER_ROW = 8 * ROW
_FEW_ROWS = 48
_MIN_ROWS = 16


@compiled(numba.uint64(numba.uint64, numba.uint64, numba.int64, numba.int64))
def word_of(high: int, low: int, word_bits: int, words_after: int) -> Any:
    """One word of a key, `words_after` from its end."""
    shift = words_after * word_bits
    mask = (np.uint64(1) << np.uint64(word_bits)) - np.uint64(1)
    if shift >= 64:
        return (high >> np.uint64(shift - 64)) & mask
    found = low >> np.uint64(shift)
    if shift + word_bits > 64:
        found |= high << np.uint64(64 - shift)
    return found & mask


@compiled(numba.void(_IDS, numba.uint32))
def shift_word(before: Any, word: int) -> None:
    """The words before the next word, nearest first: this one is the nearest; nothing but `<s>` after `</s>`."""
    if word == END:
        before[:] = BEGIN
    else:
        for i in range(len(before) - 1, 0, -1):
            before[i] = before[i - 1]
        before[0] = word


@compiled(numba.types.UniTuple(numba.uint64, 2)(numba.int64, numba.int64))
def begin_context(order: int, word_bits: int) -> Any:
    """The key of the words before the first word of a sentence."""
    high, low = np.uint64(0), np.uint64(0)
    for _ in range(order - 1):
        high = (high << np.uint64(word_bits)) | (low >> np.uint64(64 - word_bits))
        low = (low << np.uint64(word_bits)) | np.uint64(BEGIN)
    return high, low


@compiled(numba.void(_IDS, _KEY, numba.int64, numba.int64, _ROWS))
def pack_windows(ids: Any, context: Any, order: int, word_bits: int, rows: Any) -> None:
    """A row for each id; `context` is the key of the words before, which is left for the ids to come."""
    bits, rest = np.uint64(word_bits), np.uint64(64 - word_bits)
    nearest = (order - 2) * word_bits
    begin_high, begin_low = begin_context(order, word_bits)
    high, low = context[0], context[1]
    for at in range(len(ids)):
        word = np.uint64(ids[at])
        rows[at, 0], rows[at, 1], rows[at, 2] = (high << bits) | (low >> rest), (low << bits) | word, np.uint64(1)
        if word == np.uint64(END):
            high, low = begin_high, begin_low
            continue
        low, high = (low >> bits) | (high << rest), high >> bits
        if nearest >= 64:
            high |= word << np.uint64(nearest - 64)
        else:
            low |= word << np.uint64(nearest)
            if nearest + word_bits > 64:
                high |= word >> np.uint64(64 - nearest)
    context[0], context[1] = high, low


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _digit(high: Any, low: Any, shift: int) -> Any:
    if shift >= 64:
        value = high >> np.uint64(shift - 64)
    else:
        value = low >> np.uint64(shift)
        if shift + _DIGIT_BITS > 64:
            value |= high << np.uint64(64 - shift)
    return np.int64(value & np.uint64(_DIGITS - 1))


@compiled(numba.boolean(_ROWS, _ROWS, numba.int64, numba.int64[::1]))
def scatter_rows(source: Any, target: Any, shift: int, ends: Any) -> Any:
    """Sort by one digit; `ends` is where the rows of each value end. False, with nothing done, where all have one."""
    ends[:] = 0
    for i in range(len(source)):
        ends[_digit(source[i, 0], source[i, 1], shift)] += 1
    if ends.max() == len(source):
        return False
    total = 0
    for value in range(_DIGITS):
        total, ends[value] = total + ends[value], total
    for i in range(len(source)):
        value = _digit(source[i, 0], source[i, 1], shift)
        to = ends[value]
        ends[value] = to + 1
        target[to, 0], target[to, 1], target[to, 2] = source[i, 0], source[i, 1], source[i, 2]
    return True


@compiled(numba.void(_ROWS))
def sort_few_rows(rows: Any) -> None:
    """Sort by insertion."""
    for i in range(1, len(rows)):
        high, low, count = rows[i, 0], rows[i, 1], rows[i, 2]
        to = i
        while to and (rows[to - 1, 0] > high or (rows[to - 1, 0] == high and rows[to - 1, 1] > low)):
            rows[to, 0], rows[to, 1], rows[to, 2] = rows[to - 1, 0], rows[to - 1, 1], rows[to - 1, 2]
            to -= 1
        rows[to, 0], rows[to, 1], rows[to, 2] = high, low, count


@compiled(numba.void(_ROWS, _ROWS, numba.int64, numba.int64[::1]))
def sort_digits(rows: Any, spare: Any, key_bits: int, ends: Any) -> None:
    """Sort by the lowest bits of the key, digit by digit from the lowest."""
    if len(rows) <= _FEW_ROWS:
        sort_few_rows(rows)
        return
    flipped = False
    for digit in range((key_bits + _DIGIT_BITS - 1) // _DIGIT_BITS):
        source, target = (spare, rows) if flipped else (rows, spare)
        if scatter_rows(source, target, digit * _DIGIT_BITS, ends):
            flipped = not flipped
    if flipped:
        rows[:] = spare


@compiled(numba.void(_ROWS, _ROWS, numba.int64))
def sort_rows(rows: Any, spare: Any, key_bits: int) -> None:
    """Sort by key: by the highest digit, and then what shares it, which the processor's cache can hold."""
    ends, own_ends = np.empty(_DIGITS, np.int64), np.empty(_DIGITS, np.int64)
    shift = max(0, key_bits - _DIGIT_BITS)
    if not scatter_rows(rows, spare, shift, ends):
        sort_digits(rows, spare, shift, own_ends)
        return
    rows[:] = spare
    start = 0
    for value in range(_DIGITS):
        if ends[value] > start:
            sort_digits(rows[start : ends[value]], spare[start : ends[value]], shift, own_ends)
        start = ends[value]


@compiled(numba.int64(_ROWS))
def combine_rows(rows: Any) -> Any:
    """Add up the counts of equal keys among sorted rows, in place; returns how many rows are left."""
    left = 0
    for i in range(len(rows)):
        if left and rows[left - 1, 0] == rows[i, 0] and rows[left - 1, 1] == rows[i, 1]:
            rows[left - 1, 2] += rows[i, 2]
        else:
            rows[left, 0], rows[left, 1], rows[left, 2] = rows[i, 0], rows[i, 1], rows[i, 2]
            left += 1
    return left


@compiled(numba.int64(_ROWS, numba.uint64, numba.uint64))
def rows_up_to(rows: Any, high: Any, low: Any) -> Any:
    """How many of the sorted rows have a key that is at most this one."""
    first, last = 0, len(rows)
    while first < last:
        middle = (first + last) // 2
        if rows[middle, 0] < high or (rows[middle, 0] == high and rows[middle, 1] <= low):
            first = middle + 1
        else:
            last = middle
    return first


def sorted_rows(rows: Rows, key_bits: int) -> Rows:
    """The rows sorted, those with equal keys as one; `rows` is used up."""
    sort_rows(rows, np.empty_like(rows), key_bits)
    return rows[: combine_rows(rows)]


class SortedRuns:
    """Windows in, distinct windows with their counts out, in the order of their keys.

    Memory is bounded by `memory_bytes`: a run is what is sorted in it at once, and all runs share it when merged.
    """

    def __init__(self, folder: Path, *, order: int, word_bits: int, memory_bytes: int) -> None:
        self.folder = folder
        self.order = order
        self.word_bits = word_bits
        self.key_bits = order * word_bits
        self.rows_a_run = max(_MIN_ROWS, memory_bytes // (4 * _BYTES_PER_ROW))
        self.paths: list[Path] = []

    def add(self, blocks: Iterable[Ids]) -> None:
        """The windows of a text."""
        context = np.array(begin_context(self.order, self.word_bits), dtype=np.uint64)
        rows, filled = np.empty((self.rows_a_run, ROW), dtype=np.uint64), 0
        for block in blocks:
            for start in _cuts(len(block), self.rows_a_run, filled):
                part = block[start.start : start.stop]
                pack_windows(part, context, self.order, self.word_bits, rows[filled : filled + len(part)])
                filled += len(part)
                if filled == len(rows):
                    self._write(rows)
                    filled = 0
        self._write(rows[:filled])

    def _write(self, rows: Rows) -> None:
        if len(rows):
            path = self.folder / f"run-{len(self.paths)}"
            sorted_rows(rows, self.key_bits).tofile(path)
            self.paths.append(path)

    def merged(self) -> Iterator[Rows]:
        """Blocks of all runs together. Each is used up by whoever takes it; the runs are removed at the end."""
        runs = [_Run(path, max(_MIN_ROWS, self.rows_a_run // (2 * len(self.paths)))) for path in self.paths]
        while runs := [run for run in runs if run.fill()]:
            # No run has a row behind the last one that is not yet read and at most this: so far the order is known.
            bound = min((run.last for run in runs if run.has_more), default=None)
            parts = [run.take(bound) for run in runs]
            parts = [part for part in parts if len(part)]
            yield parts[0] if len(parts) == 1 else sorted_rows(np.concatenate(parts), self.key_bits)
        for path in self.paths:
            path.unlink()


def _cuts(length: int, room: int, filled: int) -> Iterator[range]:
    """Ranges that cover `length` items, the first of at most `room - filled`, the others of at most `room`."""
    start = 0
    while start < length:
        stop = min(length, start + room - filled)
        yield range(start, stop)
        start, filled = stop, (filled + stop - start) % room


class _Run:
    """A sorted file and the part of it that is in memory."""

    def __init__(self, path: Path, rows_a_read: int) -> None:
        self.path = path
        self.rows_a_read = rows_a_read
        self.read_bytes = 0
        self.total_bytes = path.stat().st_size
        self.rows: Rows = np.empty((0, ROW), dtype=np.uint64)

    @property
    def has_more(self) -> bool:
        return self.read_bytes < self.total_bytes

    @property
    def last(self) -> tuple[int, int]:
        return int(self.rows[-1, 0]), int(self.rows[-1, 1])

    def fill(self) -> bool:
        """Read on where nothing is left; False at the end of the file."""
        if not len(self.rows) and self.has_more:
            count = ROW * self.rows_a_read
            found = np.fromfile(self.path, dtype=np.uint64, count=count, offset=self.read_bytes)
            self.rows = found.reshape(-1, ROW)
            self.read_bytes += found.nbytes
        return len(self.rows) > 0

    def take(self, bound: tuple[int, int] | None) -> Rows:
        taken = len(self.rows) if bound is None else rows_up_to(self.rows, np.uint64(bound[0]), np.uint64(bound[1]))
        found, self.rows = self.rows[:taken], self.rows[taken:]
        return found
