"""Deduplication within a source: lines of CommonCrawl, whole documents of C4 and GitHub, as `Rounds`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.dedup import DropDuplicateDocuments, DropDuplicateLines, counted_lines, identities
from filters.fingerprint import Array, document_keys, line_keys
from filters.key_sets import KeySet, chosen_keys, held_twice, repeated, sorted_keys
from pipeline.key_index import KeyIndex
from pipeline.rounds import Judge, by_unit

SKETCH_ITEMS = 1 << 20
"""Fingerprints that a sketch holds before it sends them: 8 MB of lines, 32 MB of documents."""

LINES = "lines"
"""The kind of these keys in an index."""

_NO_KEYS = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParagraphRounds:
    """Lines that two documents of a block of units have: CCNet's paragraph deduplication, one round.

    `block_files` consecutive units form a block; nothing is looked for across blocks. A partition is a range of keys
    of one block, and a unit sends each key once or twice, so no key is hot: with CommonCrawl's files, two million
    different lines each, a block of 2,000 in 512 partitions makes groups of about 60 MB.

    A line that an earlier dump has goes as well, every copy: `index` knows them, and takes this dump's for later ones.

    CCNet's own ways: `blank_lines_count` as any lines do, and with `zero_key_is_removed` a line whose key is 0 always
    goes, because cc_net writes 0 over the key of a line that it removes.
    """

    block_files: int
    partitions: int
    min_chars_after: int = 0
    blank_lines_count: bool = False
    zero_key_is_removed: bool = False
    index: KeyIndex = field(default_factory=partial(KeyIndex, kind=LINES))

    def __post_init__(self) -> None:
        if self.block_files < 1 or self.partitions < 1:
            raise ValueError(
                f"block_files and partitions must be at least 1, got {self.block_files}, {self.partitions}"
            )

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """Every key of the unit, with those apart that two of its documents have."""
        held: list[Array] = []
        size = 0
        for batch in batches:
            held.append(self._keys_by_document(batch))
            size += len(held[-1])
            if size >= SKETCH_ITEMS:
                yield from self._messages(unit, held)
                size = 0
        yield from self._messages(unit, held)

    def _keys_by_document(self, batch: pa.RecordBatch) -> Array:
        """The keys of the batch's lines, each once a document."""
        lines = line_keys(batch.column("text"))
        counted = counted_lines(lines, blank_lines_count=self.blank_lines_count)
        keys: Array = lines.keys[counted & ~repeated(lines.keys, lines.document, counted)]
        return keys

    def _messages(self, unit: int, held: list[Array]) -> Iterator[tuple[int, bytes]]:
        """What is held, sent and let go."""
        keys = np.concatenate([_NO_KEYS, *held])
        held.clear()
        # A key that the unit has twice is sent twice: two items of any units are two documents.
        keys = sorted_keys(keys, times=2)
        shift = unit // self.block_files * self.partitions
        for partition, part in _partitioned(keys, self.partitions):
            yield shift + partition, _pack(unit, keys[part])

    @property
    def judges(self) -> tuple[Judge, ...]:
        """One: which keys come twice, told to each unit that has them."""
        return (self._judge,)

    def _judge(self, partition: int, messages: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        rows = sorted(map(_unpack, messages), key=lambda row: row[0])
        starts = np.cumsum([0, *(len(keys) for _, keys in rows)])
        units = [unit for unit, _ in rows]
        together = np.concatenate([keys for _, keys in rows])
        del rows
        duplicate = held_twice(together, starts) | self._known(partition, together)
        for unit, mine in groupby(range(len(units)), key=units.__getitem__):
            own = [slice(starts[row], starts[row + 1]) for row in mine]
            told, *others = (chosen_keys(together[row], duplicate[row]) for row in own)
            if others:
                told = sorted_keys(np.concatenate([told, *others]))
            if len(told):
                yield unit, _pack(unit, told)

    def _known(self, partition: int, keys: Array) -> Array:
        """Which keys of a block's partition an earlier dump has; all are written down for later ones."""
        if not self.index.earlier and self.index.folder is None:
            return np.zeros(len(keys), np.bool_)
        own = sorted_keys(keys.copy())
        block, place = divmod(partition, self.partitions)
        self.index.write(block, place, own)
        return KeySet.of(own[self.index.known(own, place, self.partitions)]).holds(keys)

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """Drop the lines of the verdict, and repeats within a document."""
        told = [keys for _, keys in map(_unpack, messages)]
        if self.zero_key_is_removed:
            told.append(np.zeros(1, np.uint64))
        keys = sorted_keys(np.concatenate([_NO_KEYS, *told]))
        return (
            DropDuplicateLines(
                duplicate_keys=keys, min_chars=self.min_chars_after, blank_lines_count=self.blank_lines_count
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactRounds:
    """Documents with the same text, to the byte, anywhere in the source: the first of the first unit stays; one round.

    A document is 32 bytes: its text's key, its row, its doc_id's key. Of one text a sketch sends two documents at most.
    """

    partitions: int

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ValueError(f"partitions must be at least 1, got {self.partitions}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
        """The first two documents with each text."""
        held: list[Array] = []
        row = size = 0
        for batch in batches:
            rows = np.arange(row, row + batch.num_rows, dtype=np.uint64)
            held.append(np.column_stack([document_keys(batch.column("text")), rows, identities(batch)]))
            row += batch.num_rows
            size += batch.num_rows
            if size >= SKETCH_ITEMS:
                yield from self._messages(unit, held)
                held, size = [], 0
        if size:
            yield from self._messages(unit, held)

    def _messages(self, unit: int, held: list[Array]) -> Iterator[tuple[int, bytes]]:
        items = np.concatenate(held)
        items = items[np.lexsort((items[:, 2], items[:, 1], items[:, 0]))]
        third = np.zeros(len(items), np.bool_)
        third[2:] = _same_text(items[2:], items[:-2])
        items = items[~third]
        for partition, part in _partitioned(items[:, 0], self.partitions):
            yield partition, _pack(unit, items[part])

    @property
    def judges(self) -> tuple[Judge, ...]:
        """One: who wins each text, told to each unit with a loser."""
        return (self._judge,)

    def _judge(self, partition: int, messages: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        held = [(unit, items.reshape(-1, 4)) for unit, items in map(_unpack, messages)]
        items = np.concatenate([items for _, items in held])
        units = np.concatenate([np.full(len(items), unit, np.int64) for unit, items in held])
        order = np.lexsort((items[:, 2], units, items[:, 1], items[:, 0]))
        items, units = items[order], units[order]
        first = np.ones(len(items), np.bool_)
        first[1:] = ~_same_text(items[1:], items[:-1])
        winner = np.flatnonzero(first)[np.cumsum(first) - 1]
        verdicts = np.column_stack([items[:, :2], items[winner, 3]])
        verdicts, units = verdicts[~first], units[~first]
        for unit, rows in by_unit(units, verdicts):
            yield unit, _pack(unit, np.unique(rows, axis=0))

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """Drop the documents whose text another one keeps."""
        rows = [np.empty((0, 3), np.uint64), *(_unpack(message)[1].reshape(-1, 3) for message in messages)]
        return (DropDuplicateDocuments(winners=np.unique(np.concatenate(rows), axis=0)),)


def _same_text(items: Array, others: Array) -> Array:
    same: Array = (items[:, 0] == others[:, 0]) & (items[:, 1] == others[:, 1])
    return same


def _partitioned(keys: Array, partitions: int) -> Iterator[tuple[int, slice]]:
    """The stretch of sorted 64-bit keys that falls to each partition, by the keys' high halves."""
    # The least high half whose share of all partitions reaches each partition.
    bounds = [-(-(index << 32) // partitions) for index in range(1, partitions)]
    inner = np.searchsorted(keys, np.array(bounds, np.uint64) << np.uint64(32)).tolist()
    ends = [0, *inner, len(keys)]
    for index in range(partitions):
        if ends[index] < ends[index + 1]:
            yield index, slice(ends[index], ends[index + 1])


def _pack(unit: int, values: Array) -> bytes:
    """A message: the unit, then the values, little-endian 64-bit words."""
    return unit.to_bytes(8, "little") + values.astype("<u8", copy=False).tobytes()


def _unpack(message: bytes) -> tuple[int, Array]:
    return int.from_bytes(message[:8], "little"), np.frombuffer(message, "<u8", offset=8)
