"""Books as RedPajama v1 deduplicates them: one goes where any earlier book's SimHash differs in at most five bits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.books import DropAlikeBooks
from filters.simhash import BLOCKS, block_keys, near_earlier_in_block, simhash
from pipeline.rounds import Judge, by_unit, pack, unpack

_BOOK = np.dtype([("hash", "<u8"), ("place", "<u8"), ("doc_id", "S32")])
"""A book's SimHash, its unit and row in one number, and its id."""
_BOOKS = b"B"
_ROW_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeRounds:
    """Keeps the first of books that are alike, one round; units and their rows are in the order of the source's list.

    Of two hashes that differ in five bits one of six blocks is the same: each book is sent six times, 48 bytes each,
    and books with an equal block come together.
    """

    partitions: int

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ValueError(f"partitions must be at least 1, got {self.partitions}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """Each book once for each block of its hash."""
        row = 0
        for batch in batches:
            books = np.zeros(batch.num_rows, _BOOK)
            books["hash"] = simhash(batch.column("text"))
            books["place"] = np.arange(row, row + len(books), dtype=np.uint64) | np.uint64(unit << _ROW_BITS)
            books["doc_id"] = [doc_id.encode() for doc_id in batch.column("doc_id").to_pylist()]
            row += len(books)
            for block in range(len(BLOCKS)):
                targets = block * self.partitions + block_keys(books["hash"], block).astype(np.int64) % self.partitions
                for partition, rows in by_unit(targets, books):
                    yield partition, pack(_BOOKS, unit, rows)

    @property
    def judges(self) -> tuple[Judge, ...]:
        """One: who has an earlier book alike, told to each unit."""
        return (self._judge,)

    def _judge(self, partition: int, messages: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        books = np.concatenate([np.frombuffer(unpack(message)[2], _BOOK) for message in messages])
        books = books[np.argsort(books["place"])]
        gone = books[near_earlier_in_block(books["hash"].copy(), partition // self.partitions)]
        for unit, rows in by_unit((gone["place"] >> np.uint64(_ROW_BITS)).astype(np.int64), gone):
            yield unit, pack(_BOOKS, unit, rows["doc_id"])

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filter that drops a unit's books that have an earlier one alike."""
        dropped = (np.frombuffer(unpack(message)[2], "S32").tolist() for message in messages)
        return (DropAlikeBooks(dropped=frozenset(doc_id.decode() for ids in dropped for doc_id in ids)),)
