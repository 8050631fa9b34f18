"""How units are judged together, without any engine: what a group stage sends, how it is judged, what is done then.

A stage shows each unit's documents to `sketch`, which gives small messages for numbered partitions. All messages of one
partition are brought together, in any order, and judged; what a judge gives goes to the partitions of the next round,
and after the last round to the units themselves, as the filters that apply the verdict. Text stays where it is.

A message is a kind of one byte, the unit that it is of or for, then rows as they lie in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.fingerprint import Array

_UNIT_BYTES = 8

Judge = Callable[[int, Iterable[bytes]], Iterator[tuple[int, bytes]]]
"""`judge(partition, messages)` gives (partition of the next round, message); of the last round, (unit, message)."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """A round whose partitions are units, and whose judge may read the unit's documents, as `sketch` did."""

    judge: Callable[[int, Iterable[bytes], Iterable[pa.RecordBatch]], Iterator[tuple[int, bytes]]]


class Rounds(Protocol):
    """How one group stage decides. A frozen, picklable object; results do not depend on the order of messages.

    Units are numbered from 0 in the order of their source's list. A message carries its unit.
    """

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """The unit's fingerprints as (partition, message) pairs, in bounded memory."""
        ...

    @property
    def judges(self) -> Sequence[Judge | LookAgain]:
        """At least one round; the keys that the last one gives are units."""
        ...

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filters that apply a unit's verdict; of no messages, the filters that apply an empty verdict."""
        ...


def pack(kind: bytes, unit: int, rows: Array) -> bytes:
    """A message; `kind` is one byte that says what the rows are."""
    return kind + unit.to_bytes(_UNIT_BYTES, "little") + rows.tobytes()


def unpack(message: bytes) -> tuple[bytes, int, bytes]:
    """The message's kind, its unit, and the bytes of its rows."""
    start = 1 + _UNIT_BYTES
    return message[:1], int.from_bytes(message[1:start], "little"), message[start:]


def by_unit(units: Array, rows: Array) -> Iterator[tuple[int, Array]]:
    """Each unit with its rows, in their order; units in theirs."""
    order = np.argsort(units, kind="stable")
    found, starts = np.unique(units[order], return_index=True)
    for unit, start, end in zip(found.tolist(), starts, [*starts[1:], len(order)], strict=False):
        yield unit, rows[order[start:end]]
