"""Near-identical books: a book of which more than nine tenths stand in a longer one is dropped.

Overlap is containment: of the shorter sample of word shingles, the share that the longer book has as well. It finds an
edition inside a collected volume, which a similarity of whole books does not. Nothing is chained: a book goes only
when a book that is *kept* holds it, so a row of ever different editions does not collapse into one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.books import DropContainedBooks, book_key
from filters.shingle_loop import MASK
from filters.shingles import shingle_hashes
from pipeline.dedup import Judge
from tokenizer.kernels import text_buffers

Array = np.ndarray[Any, Any]

LEVELS = 8
"""A book too short for the sample is sampled twice as densely at each level, up to 128 times."""
MIN_SAMPLE = 64
"""Hashes that make a book comparable; a book with fewer is sampled more densely."""
MIN_COMMON_SAMPLE = 16
"""Two books whose common sample is smaller say nothing of each other."""
MAX_LONGER = 32
"""Of the books that share a shingle, each is compared with so many of the longest."""
_BLOCK_RECORDS = 1 << 16

_HASH = np.dtype([("hash", "<u8"), ("book", "<u8"), ("words", "<u4")])
_BOOK = np.dtype([("book", "<u8"), ("key", "S16"), ("words", "<u4"), ("level", "<u4"), ("sizes", "<u4", (LEVELS,))])
_PAIR = np.dtype([("longer", "<u8"), ("shorter", "<u8"), ("shared", "<u4")])
_HASHES, _BOOKS, _PAIRS = b"H", b"B", b"P"
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRounds:
    """Keeps the longest of books that overlap by more than `max_overlap`.

    Round one brings equal shingles together and counts, for each pair of books, how many they share; round two has all
    pairs and decides. Only hashes and counts travel: 20 bytes for each `shingle_sample` words.
    """

    max_overlap: float = 0.9
    shingle_words: int = 9
    shingle_sample: int = 64
    partitions: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.max_overlap <= 1:
            raise ValueError(f"max_overlap must be from 0 to 1, got {self.max_overlap}")
        for name in ("shingle_words", "shingle_sample", "partitions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """Each book's sampled hashes to the partitions that they belong to, and its sizes to the first."""
        row = 0
        for batch in batches:
            values, offsets = text_buffers(batch.column("text"))
            for index, doc_id in enumerate(batch.column("doc_id").to_pylist()):
                book = unit << 32 | row
                row += 1
                yield from self._sketch_book(book, doc_id, values, int(offsets[index]), int(offsets[index + 1]))

    @property
    def judges(self) -> tuple[Judge, ...]:
        """Count what pairs of books share; then decide."""
        return count_shared, partial(decide, max_overlap=self.max_overlap)

    def filters(self, blocks: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filter that drops a unit's contained books."""
        keys = b"".join(blocks)
        dropped = frozenset(keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES))
        return (DropContainedBooks(dropped=dropped),)

    def _sketch_book(self, book: int, doc_id: str, values: Array, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        limits = [min(MASK, (MASK // self.shingle_sample) << level) for level in range(LEVELS)]
        hashes, words = shingle_hashes(values, start, end, self.shingle_words, limits[0])
        if len(hashes) < MIN_SAMPLE:
            hashes, words = shingle_hashes(values, start, end, self.shingle_words, limits[-1])
        sizes = np.searchsorted(hashes, np.array(limits, np.uint64), side="right")
        level = int(np.argmax(sizes >= MIN_SAMPLE)) if sizes[-1] >= MIN_SAMPLE else LEVELS - 1
        facts = np.zeros(1, _BOOK)
        facts[0] = (book, book_key(doc_id), min(words, 0xFFFFFFFF), level, sizes)
        yield 0, _BOOKS + facts.tobytes()
        records = np.zeros(int(sizes[level]), _HASH)
        records["hash"], records["book"], records["words"] = hashes[: len(records)], book, facts["words"][0]
        order = np.argsort(records["hash"] % np.uint64(self.partitions), kind="stable")
        records = records[order]
        ends = np.searchsorted(records["hash"] % np.uint64(self.partitions), np.arange(self.partitions), side="right")
        for partition, (first, last) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            if last > first:
                yield partition, _HASHES + records[first:last].tobytes()


def count_shared(_: int, blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Round one: for each pair of books in a partition, how many shingles they share."""
    held: list[Array] = []
    for block in blocks:
        if block[:1] == _BOOKS:
            yield 0, block
        else:
            held.append(np.frombuffer(block, _HASH, offset=1))
    if not held:
        return
    records = np.concatenate(held)
    held.clear()
    pairs = shared_pairs(records)
    for first in range(0, len(pairs), _BLOCK_RECORDS):
        yield 0, _PAIRS + pairs[first : first + _BLOCK_RECORDS].tobytes()


def shared_pairs(records: Array) -> Array:
    """Pairs of books with a shingle in common, the longer one first, and in how many; sorted by the two books."""
    by_length = 0xFFFFFFFF - records["words"].astype(np.int64)
    records = records[np.lexsort((records["book"], by_length, records["hash"]))]
    hashes, books = records["hash"], records["book"]
    starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
    sizes = np.diff(np.append(starts, len(records)))
    first = np.repeat(starts, sizes)
    rank = np.arange(len(records)) - first
    pairs = np.zeros(0, _PAIR)
    for leader in range(min(MAX_LONGER, int(sizes.max()) - 1)):
        below = np.flatnonzero(rank > leader)
        found = np.zeros(len(below), _PAIR)
        found["longer"], found["shorter"], found["shared"] = books[first[below] + leader], books[below], 1
        pairs = summed(np.concatenate((pairs, found)))
    return pairs


def summed(pairs: Array) -> Array:
    """One record a pair, its counts added up, sorted by the two books."""
    if not len(pairs):
        return pairs
    pairs = pairs[np.lexsort((pairs["shorter"], pairs["longer"]))]
    new = (pairs["longer"][1:] != pairs["longer"][:-1]) | (pairs["shorter"][1:] != pairs["shorter"][:-1])
    starts = np.flatnonzero(np.concatenate(([True], new)))
    totals = pairs[starts].copy()
    totals["shared"] = np.add.reduceat(pairs["shared"], starts)
    return totals


def decide(_: int, blocks: Iterable[bytes], *, max_overlap: float) -> Iterator[tuple[int, bytes]]:
    """Round two: from the longest book on, drop each that a kept one contains; tell each book's unit."""
    books: dict[int, Any] = {}
    pairs: list[Array] = []
    for block in blocks:
        if block[:1] == _BOOKS:
            books |= {int(record["book"]): record for record in np.frombuffer(block, _BOOK, offset=1)}
        else:
            pairs.append(np.frombuffer(block, _PAIR, offset=1))
    longer: dict[int, list[int]] = {}
    for pair in summed(np.concatenate(pairs)) if pairs else ():
        first, second = sorted((int(pair["longer"]), int(pair["shorter"])), key=lambda book: _rank(books[book]))
        if containment(books[first], books[second], int(pair["shared"])) > max_overlap:
            longer.setdefault(second, []).append(first)
    dropped: set[int] = set()
    for book in sorted(longer, key=lambda book: _rank(books[book])):
        if any(other not in dropped for other in longer[book]):
            dropped.add(book)
    verdicts: dict[int, list[bytes]] = {}
    for book in sorted(dropped):
        verdicts.setdefault(book >> 32, []).append(books[book]["key"].ljust(_KEY_BYTES, b"\x00"))
    for unit, keys in sorted(verdicts.items()):
        yield unit, b"".join(sorted(keys))


def containment(one: Any, other: Any, shared: int) -> float:
    """Share of the smaller sample that the other has too, both taken as densely as the sparser of the two."""
    level = min(int(one["level"]), int(other["level"]))
    smaller = min(int(one["sizes"][level]), int(other["sizes"][level]))
    return shared / smaller if smaller >= MIN_COMMON_SAMPLE else 0.0


def _rank(book: Any) -> tuple[int, bytes]:
    """Longest first; of equals the one with the smallest key."""
    return -int(book["words"]), book["key"]
