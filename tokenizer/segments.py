"""A bounded table of segments of text and their ids: a segment has the same pieces wherever it stands.

An entry is one cache line of 64 bytes: the segment's bytes (three words), the number of its ids, how far its ids hold,
and up to eight ids. What is longer lies in an arena. When either is full the table is emptied, so it follows the
text at hand; what is found never depends on what it holds.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled_lean

SLOTS = 1 << 19
ARENA_BYTES = 1 << 23
"""Table and arena hold 40 MiB, once they are full."""

MAX_SEGMENT_BYTES = 64
"""A longer one is hardly ever met again."""

MOST_STEPS = 256
"""A segment stands so close to its own slot, or is not kept: text made so that all segments want one slot would take
time with the square of its length."""

NO_PLACE = -(1 << 62)

MOST_IDS = 3
"""So many ids a byte of normalised text becomes at most: those of a blank's three bytes."""

_MAX_ARENA_BYTES = MAX_SEGMENT_BYTES + 1 + 4 * MOST_IDS * MAX_SEGMENT_BYTES
_PACKED_BYTES = 23
INLINE_IDS, FEW_IDS = 8, 4
"""An entry holds so many ids itself; so many are copied at once, which costs less than to ask how many there are."""

COUNT, LIMIT, FIRST_ID = 6, 7, 8
_UNPACKED = np.uint64(0xFF << 56)
_MASKS = np.array(
    [[(1 << 8 * min(8, max(0, size - at))) - 1 for at in (0, 8, 16)] for size in range(_PACKED_BYTES + 1)], np.uint64
)


class Segments(NamedTuple):
    """Three views of the table, two of the arena, and how many entries and bytes of the arena are taken."""

    words: NDArray[np.uint64]
    numbers: NDArray[np.int32]
    limits: NDArray[np.float32]
    arena: NDArray[np.uint8]
    arena_ids: NDArray[np.int32]
    used: NDArray[np.int64]


SEGMENTS = numba.types.NamedTuple(
    (
        numba.uint64[:, ::1],
        numba.int32[:, ::1],
        numba.float32[:, ::1],
        numba.uint8[::1],
        numba.int32[::1],
        numba.int64[::1],
    ),
    Segments,
)
IDS = numba.int32[::1]
WORDS = numba.uint64[:, ::1]
KEY = numba.types.UniTuple(numba.uint64, 4)


def empty_segments(slots: int = SLOTS, arena_bytes: int = ARENA_BYTES) -> Segments:
    """A table without an entry; memory is taken as it fills."""
    memory = np.zeros(slots * 64 + 64, np.uint8)
    start = -memory.ctypes.data % 64
    table = memory[start : start + slots * 64].reshape(slots, 64)
    arena = np.zeros(arena_bytes, np.uint8)
    return Segments(
        words=table.view(np.uint64),
        numbers=table.view(np.int32),
        limits=table.view(np.float32),
        arena=arena,
        arena_ids=arena.view(np.int32),
        used=np.zeros(2, np.int64),
    )


@compiled_lean(numba.uint64(BYTES, numba.int64))
def load_word(text: NDArray[np.uint8], at: int) -> Any:
    """Eight bytes as one number; the compiler makes one load of it."""
    place = np.uint64(at)
    word = np.uint64(0)
    for byte in range(8):
        word |= np.uint64(text[place + np.uint64(byte)]) << np.uint64(8 * byte)
    return word


@compiled_lean(KEY(BYTES, numba.int64, numba.int64))
def segment_key(text: NDArray[np.uint8], start: int, size: int) -> Any:
    """Three words that stand for a segment, and their hash. Reads up to 24 bytes from its start."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    if size <= _PACKED_BYTES:
        first = load_word(text, start) & _MASKS[size, 0]
        second = load_word(text, start + 8) & _MASKS[size, 1]
        third = load_word(text, start + 16) & _MASKS[size, 2] | np.uint64(size) << np.uint64(56)
        mixed = (first ^ (first >> np.uint64(29))) * multiplier
        mixed = (mixed ^ second ^ (mixed >> np.uint64(32))) * multiplier
        mixed = (mixed ^ third ^ (mixed >> np.uint64(32))) * multiplier
        return first, second, third, mixed >> np.uint64(32)
    mixed = np.uint64(size)
    for at in range(start, start + size - 7, 8):
        mixed = (mixed ^ load_word(text, at) ^ (mixed >> np.uint64(32))) * multiplier
    mixed = (mixed ^ load_word(text, start + size - 8) ^ (mixed >> np.uint64(32))) * multiplier
    return mixed, np.uint64(size), _UNPACKED, mixed >> np.uint64(32)


@compiled_lean(numba.boolean(numba.uint8[::1], numba.int64, BYTES, numba.int64, numba.int64))
def _same(arena: NDArray[np.uint8], place: int, text: NDArray[np.uint8], start: int, size: int) -> Any:
    at = 0
    while at < size and arena[place + at] == text[start + at]:
        at += 1
    return at == size


@compiled_lean(numba.int64(WORDS, numba.uint8[::1], BYTES, numba.int64, numba.int64))
def find(words: NDArray[np.uint64], arena: NDArray[np.uint8], text: NDArray[np.uint8], start: int, size: int) -> Any:
    """The slot of a segment; where it has none, -1 - the slot that it would have, or NO_PLACE."""
    first, second, third, mixed = segment_key(text, start, size)
    mask = np.uint64(len(words) - 1)
    slot = mixed & mask
    for _ in range(MOST_STEPS):
        if words[slot, 2] == np.uint64(0):
            return np.int64(-1) - np.int64(slot)
        if words[slot, 0] == first and words[slot, 1] == second:
            kept = words[slot, 2]
            if third != _UNPACKED:
                if kept == third:
                    return np.int64(slot)
            elif kept & _UNPACKED == _UNPACKED:  # Two long ones may have one hash: their bytes decide.
                place: Any = np.int64(kept & ~_UNPACKED)
                if _same(arena, place, text, start, size):
                    return np.int64(slot)
        slot = (slot + np.uint64(1)) & mask
    return np.int64(NO_PLACE)


@compiled_lean(
    numba.int64(WORDS, numba.uint8[::1], BYTES, numba.int64, numba.int64[::1], numba.int64, numba.int64[::1])
)
def find_all(words: Any, arena: Any, text: Any, start: int, cuts: Any, count: int, slots: Any) -> Any:
    """Writes the slot of each segment between the cuts, a negative number where it has none; returns how many have one.

    First all are looked for in one place, without a branch that the processor could guess wrong: so it waits for many
    lines of memory at a time. Then those that are not there are looked for properly.
    """
    mask = np.uint64(len(words) - 1)
    at = start
    for index in range(count):
        stop = cuts[np.uint64(index)]
        slots[np.uint64(index)] = -1
        if stop - at <= _PACKED_BYTES:
            first, second, third, mixed = segment_key(text, at, stop - at)
            slot = mixed & mask
            differs = words[slot, 0] ^ first | words[slot, 1] ^ second | words[slot, 2] ^ third
            slots[np.uint64(index)] = np.int64(slot) | -np.int64(differs != np.uint64(0))
        at = stop
    found = 0
    at = start
    for index in range(count):
        if slots[index] < 0 and cuts[index] - at <= MAX_SEGMENT_BYTES:
            slots[index] = find(words, arena, text, at, cuts[index] - at)
        found += slots[index] >= 0
        at = cuts[index]
    return found


@compiled_lean(numba.void(SEGMENTS, numba.int64))
def make_room(table: Segments, segments: int) -> None:
    """Empties the table if so many more segments might not go in."""
    free = len(table.words) // 4 * 3 - table.used[0]
    free_bytes = len(table.arena) - table.used[1]
    if free < segments or free_bytes < segments * _MAX_ARENA_BYTES:
        for slot in range(len(table.words)):
            table.words[slot, 2] = 0  # The word that tells an entry from a free slot.
        table.used[:] = 0


@compiled_lean(numba.int64(SEGMENTS, BYTES, numba.int64, numba.int64, IDS, numba.int64, numba.float32))
def insert(table: Segments, text: NDArray[np.uint8], start: int, size: int, ids: Any, count: int, limit: float) -> Any:
    """Keeps a segment that has no slot yet, and returns its slot. There must be room: see `make_room`.

    Where too many others want the same slot it is not kept, and the answer is negative.
    """
    key = segment_key(text, start, size)
    slot = -1 - find(table.words, table.arena, text, start, size)
    if slot == -1 - NO_PLACE:
        return NO_PLACE
    kept_bytes = (size + 3) // 4 * 4 if size > _PACKED_BYTES else 0
    needed = kept_bytes + (4 * count if count > INLINE_IDS else 0)
    place = table.used[1]
    table.used[0] += 1
    table.used[1] += needed
    table.words[slot, 0], table.words[slot, 1], table.words[slot, 2] = key[0], key[1], key[2]
    if kept_bytes:
        table.words[slot, 2] |= np.uint64(place)
        for at in range(size):
            table.arena[place + at] = text[start + at]
    table.numbers[slot, COUNT] = count
    table.limits[slot, LIMIT] = limit
    if count > INLINE_IDS:
        first = (place + kept_bytes) // 4
        table.numbers[slot, FIRST_ID] = first
        for index in range(count):
            table.arena_ids[first + index] = ids[index]
    else:
        for index in range(count):
            table.numbers[slot, FIRST_ID + index] = ids[index]
    return slot


@compiled_lean(numba.int64(SEGMENTS, numba.int64, IDS, numba.int64))
def append(table: Segments, slot: int, ids: NDArray[np.int32], used: int) -> Any:
    """Appends the ids of an entry, and returns how many."""
    count = np.int64(table.numbers[slot, COUNT])
    place = np.int64(table.numbers[slot, FIRST_ID])
    for index in range(count):
        inline = table.numbers[slot, FIRST_ID + min(index, INLINE_IDS - 1)]
        ids[used + index] = inline if count <= INLINE_IDS else table.arena_ids[place + index]
    return count
