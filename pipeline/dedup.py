"""Deduplication across units: what a group stage sketches, judges and applies, without any engine.

A stage shows each unit's documents to `sketch`, which gives small packed blocks for numbered partitions. All blocks of one
partition are brought together, in any order, and judged; what a judge gives goes to the partitions of the next round,
and after the last round to the units themselves, as the filters that apply the verdict. Text stays where it lies.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import pyarrow as pa

from filters.batch import Filter

Judge = Callable[[int, Iterable[bytes]], Iterator[tuple[int, bytes]]]
"""`judge(partition, blocks)` gives (partition of the next round, block); of the last round, (unit, block)."""


class Rounds(Protocol):
    """How one group stage decides. A frozen, picklable object; results do not depend on the order of blocks.

    Units are numbered from 0 in the order of their source's list. A block is opaque to the engine and carries its unit.
    """

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """The unit's fingerprints as (partition, packed block) pairs, in bounded memory."""
        ...

    @property
    def judges(self) -> tuple[Judge, ...]:
        """At least one round; the keys that the last one gives are units."""
        ...

    def filters(self, blocks: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filters that apply a unit's verdict; of no blocks, the filters that apply an empty verdict."""
        ...
