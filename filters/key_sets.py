"""Sets of 64-bit keys that are hashes: looked up, counted over many sorted rows, found again in one document.

Hashes fall evenly over their range. So a key's high bits say where it lies in a sorted array, and the keys of a narrow
range, few enough for the processor's nearest cache, can be put into a table and judged before the next ones are.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from tokenizer.kernels import OFFSETS, compiled

Array = np.ndarray[Any, Any]

_KEYS = numba.types.Array(numba.uint64, 1, "C", readonly=True)
_FLAGS = numba.boolean[::1]
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # The golden ratio: neighbours land far from each other.
_RANGE_KEYS = 1024  # Keys of a range: their table has 16 KB.
_RANGE_KEYS_A_ROW = 8  # Where there are many rows, looking at each of them must be worth the while.


@dataclass(frozen=True, slots=True)
class KeySet:
    """Sorted keys, each there once, and where those begin that share so many high bits."""

    keys: Array
    starts: Array

    @classmethod
    def of(cls, keys: Array) -> "KeySet":
        """The set of sorted keys; raises ValueError where they are not."""
        if len(keys) > 1 and not np.all(keys[:-1] < keys[1:]):
            raise ValueError("keys must be sorted and each there once")
        keys = np.ascontiguousarray(keys)
        bits = max(1, len(keys).bit_length() - 1)
        prefixes = np.arange(1, 1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        return cls(keys, np.concatenate([[0], np.searchsorted(keys, prefixes), [len(keys)]]).astype(np.int64))

    def holds(self, keys: Array) -> Array:
        """Which of the keys are in the set."""
        found: Array = _held(keys, self.keys, self.starts)
        return found


@compiled(_FLAGS(_KEYS, _KEYS, OFFSETS))
def _held(keys: Array, members: Array, starts: Array) -> Array:
    shift = np.uint64(64)
    while (np.int64(1) << (np.uint64(64) - shift)) < len(starts) - 1:
        shift -= np.uint64(1)
    found = np.zeros(len(keys), np.bool_)
    for index in range(len(keys)):
        prefix = np.int64(keys[index] >> shift)
        at, end = starts[prefix], starts[prefix + 1]
        while at < end and members[at] < keys[index]:
            at += 1
        found[index] = at < end and members[at] == keys[index]
    return found


@compiled(numba.int64(_KEYS, numba.int64, numba.int64, numba.uint64))
def _end_of_range(keys: Array, at: int, end: int, last: Any) -> int:
    """The place behind the keys of a sorted row up to a key."""
    while at < end and keys[at] <= last:
        at += 1
    return at


@compiled(numba.int64(numba.uint8[::1], numba.uint64[::1], numba.uint64))
def _slot(times: Array, table: Array, key: Any) -> Any:
    """Where in an open table a key is, or goes."""
    slot = np.int64((key * _SPREAD) >> np.uint64(32)) & (len(table) - 1)
    while times[slot] and table[slot] != key:
        slot = slot + 1 & (len(table) - 1)
    return slot


@compiled(_FLAGS(_KEYS, OFFSETS))
def held_twice(keys: Array, starts: Array) -> Array:
    """Of keys in sorted rows, row i from `starts[i]` to before `starts[i + 1]`: which are there twice in all."""
    twice = np.zeros(len(keys), np.bool_)
    rows = len(starts) - 1
    at, stop = starts[:-1].copy(), starts[:-1].copy()
    size = max(_RANGE_KEYS, _RANGE_KEYS_A_ROW * rows)
    ranges = np.uint64(len(keys) // size + 1)
    low, high = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
    for row in range(rows):
        if starts[row] < starts[row + 1]:
            low, high = min(low, keys[starts[row]]), max(high, keys[starts[row + 1] - 1])
    table, times, slots = np.empty(1, np.uint64), np.empty(1, np.uint8), np.empty(0, np.int32)
    for index in range(ranges):
        last = high if index == ranges - 1 else low + (high - low) // ranges * np.uint64(index + 1)
        count = 0
        for row in range(rows):
            stop[row] = _end_of_range(keys, at[row], starts[row + 1], last)
            count += stop[row] - at[row]
        if 2 * count > len(table):
            room = 2
            while room < 3 * count:
                room *= 2
            table, times, slots = np.empty(room, np.uint64), np.empty(room, np.uint8), np.empty(room, np.int32)
        times[:] = 0
        place = 0
        for row in range(rows):
            for key in keys[at[row] : stop[row]]:
                slot = _slot(times, table, key)
                table[slot] = key
                times[slot] = min(times[slot] + 1, 2)
                slots[place] = slot
                place += 1
        place = 0
        for row in range(rows):
            for position in range(at[row], stop[row]):
                twice[position] = times[slots[place]] == 2
                place += 1
            at[row] = stop[row]
    return twice


@compiled(numba.uint64[::1](_KEYS, _FLAGS))
def chosen_keys(keys: Array, chosen: Array) -> Array:
    """Those keys of a sorted row that are chosen, each once."""
    kept = np.empty(len(keys) + 1, np.uint64)
    count = 0
    for index in range(len(keys)):  # Always written, now and then kept: a branch would be guessed wrongly.
        kept[count] = keys[index]
        count += chosen[index] and (count == 0 or kept[count - 1] != keys[index])
    return kept[:count].copy()


def sorted_keys(keys: Array, *, times: int = 1) -> Array:
    """The keys in order, each so many times at most. The array itself is sorted."""
    keys.sort()
    return keys[: _at_most(keys, times)]  # Not np.unique: its hash table is many times slower on keys nearly in order.


@compiled(numba.int64(numba.uint64[::1], numba.int64))
def _at_most(keys: Array, times: int) -> int:
    """Move what stays of sorted keys to the front; how many stay."""
    kept = 0
    for key in keys:
        if kept < times or keys[kept - times] != key:
            keys[kept] = key
            kept += 1
    return kept


@compiled(_FLAGS(_KEYS, numba.int32[::1], _FLAGS))
def repeated(keys: Array, document: Array, candidates: Array) -> Array:
    """Which of the candidate lines stand earlier in their own document, among the candidates."""
    again = np.zeros(len(keys), np.bool_)
    table, times = np.empty(1, np.uint64), np.empty(1, np.uint8)
    first = 0
    while first < len(keys):
        end = first
        while end < len(keys) and document[end] == document[first]:
            end += 1
        room = 2
        while room < 2 * (end - first):
            room *= 2
        if room > len(table):
            table, times = np.empty(room, np.uint64), np.empty(room, np.uint8)
        # A table of the document's size: the next one may be short.
        own, seen = table[:room], times[:room]
        seen[:] = 0
        for line in range(first, end):
            if candidates[line]:
                slot = _slot(seen, own, keys[line])
                again[line] = seen[slot] != 0
                own[slot], seen[slot] = keys[line], 1
        first = end
    return again
