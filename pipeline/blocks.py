"""Packed blocks that cross the shuffle: a kind of one byte, the unit they are of or for, then rows as in memory."""

from collections.abc import Iterator

import numpy as np

from filters.fingerprint import Array

_UNIT_BYTES = 8


def pack(kind: bytes, unit: int, rows: Array) -> bytes:
    """A block; `kind` is one byte that says what the rows are."""
    return kind + unit.to_bytes(_UNIT_BYTES, "little") + rows.tobytes()


def unpack(block: bytes) -> tuple[bytes, int, bytes]:
    """The block's kind, its unit, and the bytes of its rows."""
    start = 1 + _UNIT_BYTES
    return block[:1], int.from_bytes(block[1:start], "little"), block[start:]


def by_unit(units: Array, rows: Array) -> Iterator[tuple[int, Array]]:
    """Each unit with its rows, in their order; units in theirs."""
    order = np.argsort(units, kind="stable")
    found, starts = np.unique(units[order], return_index=True)
    for unit, start, end in zip(found.tolist(), starts, [*starts[1:], len(order)], strict=False):
        yield unit, rows[order[start:end]]
