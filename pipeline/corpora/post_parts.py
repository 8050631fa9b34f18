"""A table of posts in parts: rows are sent to the part of their question, and joined there.

Which part a question is of follows from its id alone, so answers find it wherever they lie in the table. Ids are shown
to each other apart from the posts, so that of two rows with one id the first in the table is read, as in one part.
"""

import io
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.post_store import PostStore
from pipeline.corpora.posts import ANSWER, BadRow, Row, RowSplitter, read_row
from pipeline.corpora.posts_table import is_archive, part_rows
from pipeline.source_sections import StackExchange

ARCHIVE_EXPANSION = 5
"""Bytes of table for a byte of archive, for the number of parts: dumps of posts reach 4 to 8."""

BUFFER_BYTES = 64 << 20
"""Rows that a part holds before it sends them."""

FAULT = -1
"""Where a fault of the file begins, as if it were a row."""

_ROWS, _BAD, _CLAIMS, _REPEATED = b"r", b"b", b"c", b"x"
_NUMBERS = ("start", "size", "id", "type", "parent", "score")
_TEXTS = ("title", "body", "date", "license")
_ROW_SCHEMA = pa.schema([(name, pa.int64()) for name in _NUMBERS] + [(name, pa.large_string()) for name in _TEXTS])
_BAD_SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "start": pa.int64(),
        "reason": pa.string(),
        "detail": pa.string(),
        "raw": pa.binary(),
        "size": pa.int64(),
    }
)
_CLAIM = np.dtype([("id", "<i8"), ("start", "<i8"), ("part", "<i8")])


def part_count(name: str, size: int, settings: StackExchange) -> int:
    """In how many parts a table of posts is read: by its size, an archive's being what it unpacks to, about."""
    table_bytes = size * ARCHIVE_EXPANSION if is_archive(name) else size
    return max(1, -(-table_bytes // settings.part_bytes))


def part_of(post: int, parts: int) -> int:
    """The part, from 1 on, that the question of an id is joined in."""
    return ((post * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32) % parts + 1


def reading_parts(name: str, parts: int) -> Iterable[int]:
    """The parts that read rows: of an archive the first alone."""
    return [1] if is_archive(name) else range(1, parts + 1)


def send(file: RawFile, settings: StackExchange, wanted: Collection[int]) -> Iterator[tuple[int, bool, bytes]]:
    """(part, if it is judged, message) of the part's rows: ids for all, posts and bad rows for the parts wanted."""
    splitter = RowSplitter(max_bytes=settings.max_post_bytes)
    sender = _Sender(file.parts, frozenset(wanted))
    for found in part_rows(file, splitter, settings.max_archive_bytes):
        if isinstance(found, BadRecord):
            sender.bad(file.part, FAULT, found)
        else:
            sender.take(file.part, found[0], found[2], read_row(*found, settings.max_post_bytes))
        if sender.size >= BUFFER_BYTES:
            yield from sender.messages()
    yield from sender.messages()


def judge(messages: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(part, message) of the rows whose id an earlier row of the table has, from the ids that a part is shown."""
    claims = np.concatenate([np.empty(0, _CLAIM), *(np.frombuffer(message[1:], _CLAIM) for message in messages)])
    claims = claims[np.lexsort((claims["start"], claims["id"]))]
    later = claims[1:][claims["id"][1:] == claims["id"][:-1]]
    for part in np.unique(later["part"]).tolist():
        yield part, _REPEATED + later["start"][later["part"] == part].tobytes()


def join(store: PostStore, messages: Iterable[bytes]) -> list[BadRecord]:
    """Put the posts that were sent to a part into a store, and give what is wrong with the file."""
    faults: list[BadRecord] = []
    for message in messages:
        kind, content = message[:1], memoryview(message)[1:]
        if kind == _ROWS:
            for start, size, row in _rows(content):
                store.add(start, size, row)
        elif kind == _REPEATED:
            store.repeat(np.frombuffer(content, "<i8").tolist())
        else:
            for row in _unpack(content).to_pylist():
                start, key, detail = row.pop("start"), row.pop("key"), row.pop("detail")
                if start == FAULT:
                    faults.append(BadRecord(key=key, detail=detail, **row))
                else:
                    store.add_bad(BadRow(start=start, **row))
    store.finish()
    return faults


class _Sender:
    """Holds rows for the parts that they go to."""

    def __init__(self, parts: int, wanted: frozenset[int]) -> None:
        self.size = 0
        self._parts, self._wanted = parts, wanted
        self._rows: dict[int, list[tuple[Any, ...]]] = {}
        self._bad: dict[int, list[dict[str, Any]]] = {}
        self._claims: dict[int, list[tuple[int, int, int]]] = {}

    def take(self, part: int, start: int, size: int, row: Row | BadRow) -> None:
        """One row of the table; `part` has read it."""
        if isinstance(row, BadRow):
            self.bad(part, row.start, row.record)
            return
        home = part_of(row.parent if row.type == ANSWER else row.id, self._parts)
        self._claims.setdefault(part_of(row.id, self._parts), []).append((row.id, start, home))
        self.size += _CLAIM.itemsize
        if home in self._wanted:
            values = (start, size, row.id, row.type, row.parent, row.score, row.title, row.body, row.date, row.license)
            self._rows.setdefault(home, []).append(values)
            self.size += size

    def bad(self, part: int, start: int, record: BadRecord) -> None:
        """A row that could not be read, or with a start below 0 a fault of the file."""
        if part in self._wanted:
            kept = {"key": record.key, "start": start, "reason": record.reason, "detail": record.detail}
            self._bad.setdefault(part, []).append(kept | {"raw": record.raw, "size": record.size})
            self.size += len(record.raw)

    def messages(self) -> Iterator[tuple[int, bool, bytes]]:
        """All that is held, packed; nothing is held any more."""
        for part, claims in sorted(self._claims.items()):
            yield part, True, _CLAIMS + np.array(claims, _CLAIM).tobytes()
        for part, rows in sorted(self._rows.items()):
            columns = zip(zip(*rows, strict=True), _ROW_SCHEMA.types, strict=True)
            arrays = [pa.array(column, kind) for column, kind in columns]
            yield part, False, _ROWS + _pack(pa.RecordBatch.from_arrays(arrays, schema=_ROW_SCHEMA))
        for part, bad in sorted(self._bad.items()):
            yield part, False, _BAD + _pack(pa.RecordBatch.from_pylist(bad, schema=_BAD_SCHEMA))
        self._rows, self._bad, self._claims, self.size = {}, {}, {}, 0


def _rows(content: memoryview) -> Iterator[tuple[int, int, Row]]:
    columns = [column.to_pylist() for column in _unpack(content).columns]
    for start, size, *values in zip(*columns, strict=True):
        yield start, size, Row(**dict(zip((*_NUMBERS[2:], *_TEXTS), values, strict=True)))


def _pack(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _unpack(content: memoryview) -> pa.RecordBatch:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_next_batch()
