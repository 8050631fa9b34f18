"""SentencePiece's table of characters: strings and what stands for them, as a model file holds it.

Source: google/sentencepiece 0.2.3, src/normalizer.cc, `DecodePrecompiledCharsMap`; s-yata/darts-clone, darts.h.
It is a double array: a unit says where those that may follow it lie, and each of these names its own byte. A damaged
one is refused here, because SentencePiece goes wherever a unit points to.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled, next_code_point

CHANGES, INNER = 1, 2
"""Flags of a code point: it is a key by itself; it stands second in a key."""

CODE_POINTS = 0x110000

_LABEL, _VALUE, _HAS_VALUE = np.uint32(0x800000FF), np.uint32(0x7FFFFFFF), np.uint32(1 << 8)
_MOST_KEYS = 16
"""Times the units; keys may share their ends, so there are more than units: six times as many in NFKC."""


class Charsmap(NamedTuple):
    """`units` over UTF-8 bytes (none: nothing changes); their values point into `targets`, strings each with a zero."""

    units: NDArray[np.uint32]
    targets: NDArray[np.uint8]


def parse_charsmap(packed: bytes) -> Charsmap:
    """A length, then the units, then the strings. Raises ValueError where they are damaged."""
    if not packed:
        return Charsmap(np.empty(0, np.uint32), np.frombuffer(b"\0", np.uint8))
    size = int.from_bytes(packed[:4], "little")
    if not 0 < size < len(packed) - 4 or size % 4 or packed[-1]:
        raise ValueError(f"its table of characters has {len(packed)} bytes, of them {size} for keys")
    units = np.frombuffer(packed, "<u4", size // 4, 4).astype(np.uint32)
    targets = np.frombuffer(packed, np.uint8, offset=4 + size)
    targets.tobytes().decode()
    if not _stays_inside(units, len(targets)):
        raise ValueError("its table of characters points outside of itself")
    return Charsmap(units, targets)


def flag_keys(units: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The flags of each code point. Raises ValueError where the table has no end of keys."""
    flags = np.zeros(CODE_POINTS, np.uint8)
    if len(units) and not _walk_keys(units, flags):
        raise ValueError("its table of characters has no end of keys")
    return flags


@compiled(numba.uint32(numba.uint32))
def _offset(unit: Any) -> Any:
    """Where the units that follow one lie, seen from it."""
    return (unit >> np.uint32(10)) << ((unit & np.uint32(1 << 9)) >> np.uint32(6))


@compiled(numba.boolean(numba.uint32[::1], numba.int64))
def _stays_inside(units: NDArray[np.uint32], target_bytes: int) -> Any:
    """Whether every walk, over whatever bytes, stays among the units and leads to one of so many bytes of targets."""
    seen = np.zeros(len(units), np.bool_)
    bases = np.empty(len(units) + 1, np.uint32)
    bases[0] = _offset(units[0])
    count = 1
    while count:
        count -= 1
        base = bases[count]
        if base | np.uint32(0xFF) >= len(units):
            return False
        for label in range(256):
            node = base ^ np.uint32(label)
            unit = units[node]
            if seen[node] or unit & _LABEL != np.uint32(label):
                continue
            seen[node] = True
            below = node ^ _offset(unit)
            if unit & _HAS_VALUE and (below >= len(units) or units[below] & _VALUE >= target_bytes):
                return False
            bases[count] = below
            count += 1
    return True


@compiled(numba.types.UniTuple(numba.int64, 2)(numba.uint32[::1], BYTES, numba.int64, numba.int64))
def matched(units: NDArray[np.uint32], values: NDArray[np.uint8], at: int, end: int) -> Any:
    """Bytes of the longest key of a Darts double array that stands here, 0 for none, and its value."""
    length, value = 0, np.uint32(0)
    if not len(units):
        return length, value
    node = _offset(units[0])
    for place in range(at, end):
        node ^= np.uint32(values[place])
        if node >= len(units) or units[node] & _LABEL != np.uint32(values[place]):
            break
        unit = units[node]
        node ^= _offset(unit)
        if unit & _HAS_VALUE and node < len(units):
            length, value = place + 1 - at, units[node] & _VALUE
    return length, value


@compiled(numba.boolean(numba.uint32[::1], numba.uint8[::1]))
def _walk_keys(units: NDArray[np.uint32], flags: NDArray[np.uint8]) -> Any:
    """Sets the flags, for the first eight bytes of each key; False where there are too many, as in circles of units."""
    nodes, labels, key = np.zeros(9, np.uint32), np.zeros(9, np.int64), np.zeros(9, np.uint8)
    nodes[0] = _offset(units[0])
    depth, steps = 0, 0
    while depth >= 0:
        labels[depth] += 1
        label = np.uint32(labels[depth])
        if label > 255:
            depth -= 1
            continue
        node = nodes[depth] ^ label
        if node >= len(units) or units[node] & _LABEL != label:
            continue
        key[depth] = label
        first, after = next_code_point(key, 0, 9)
        if after == depth + 1 and units[node] & _HAS_VALUE:
            flags[first] |= CHANGES
        if after <= depth:
            second, last = next_code_point(key, after, 9)
            if last == depth + 1:
                flags[second] |= INNER
                continue
        depth += 1
        steps += 1
        if steps > _MOST_KEYS * len(units):
            return False
        nodes[depth], labels[depth] = node ^ _offset(units[node]), 0
    return True
