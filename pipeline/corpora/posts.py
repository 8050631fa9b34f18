"""The table of posts of a StackExchange dump: rows out of hostile XML, and threads joined on disk."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord
from pipeline.corpora.xml_attributes import xml_attributes

QUESTION, ANSWER = 1, 2

_ROW = re.compile(rb"<row(?=[\s/>])")
_ROW_MARK_BYTES = 5
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(slots=True)
class RowSplitter:
    """Cuts a stream of bytes into `<row …>` elements, one at a time, without believing in lines or in a document.

    No declaration of entities is ever read, so there is nothing to expand. A row of more than `max_bytes` is skipped
    as far as the next one.
    """

    max_bytes: int
    tail: bytes = b""  # the last bytes seen, to tell a whole file from a cut one
    opened: bool = False  # `<posts` was seen
    _held: bytearray = field(default_factory=bytearray)
    _in_row: bool = False
    _skipped: int = 0
    _offset: int = 0  # of `_held` in the stream
    _scanned: int = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, int]]:
        """Whole rows so far, each as its offset, its bytes (the first ones of a row too long), and its size."""
        self._held += data
        self.tail = (self.tail + data[-32:])[-32:]
        while mark := _ROW.search(self._held, self._scanned):
            if self._in_row:
                yield self._row(mark.start())
            else:
                self.opened = self.opened or b"<posts" in self._held[: mark.start()]
            self._forget(mark.start())
            self._in_row, self._skipped, self._scanned = True, 0, _ROW_MARK_BYTES
        self._scanned = max(self._scanned, len(self._held) - _ROW_MARK_BYTES)
        self._bound()

    def close(self) -> Iterator[tuple[int, bytes, int]]:
        """The last row."""
        if self._in_row:
            yield self._row(len(self._held))
        else:
            self.opened = self.opened or b"<posts" in self._held

    def _row(self, end: int) -> tuple[int, bytes, int]:
        return self._offset - self._skipped, bytes(self._held[:end]), end + self._skipped

    def _forget(self, count: int) -> None:
        del self._held[:count]
        self._offset += count

    def _bound(self) -> None:
        """Keeps the first bytes of a row too long, for the quarantine, and the last ones, for the next mark."""
        if len(self._held) <= self.max_bytes:
            return
        kept = min(QUARANTINED_BYTES, self.max_bytes // 2) if self._in_row else 0
        surplus = len(self._held) - kept - _ROW_MARK_BYTES
        self.opened = self.opened or b"<posts" in self._held
        del self._held[kept : kept + surplus]
        self._offset += surplus
        self._skipped += surplus if self._in_row else 0
        self._scanned = kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One post as its table has it."""

    id: int
    type: int
    parent: int
    score: int
    title: str
    body: str
    date: str
    license: str


def parse_row(raw: bytes) -> Row | None:
    """The post of one `<row …>` element, or None where it is not well-formed or lacks its numbers."""
    element = raw.rstrip().removesuffix(b"</posts>").rstrip().removesuffix(b"</row>")
    attributes = xml_attributes(element, "row", _ATTRIBUTES)
    if attributes is None:
        return None
    numbers = [attributes.get(name, fallback) for name, fallback in _NUMBERS]
    if not all(_INTEGER.fullmatch(number) for number in numbers):
        return None
    post, kind, parent, score = map(int, numbers)
    texts = [attributes.get(name, "") for name in _TEXTS]
    return Row(
        id=post, type=kind, parent=parent, score=score, title=texts[0], body=texts[1], date=texts[2], license=texts[3]
    )


_NUMBERS = (("Id", ""), ("PostTypeId", ""), ("ParentId", "0"), ("Score", "0"))
_TEXTS = ("Title", "Body", "CreationDate", "ContentLicense")
_ATTRIBUTES = (*(name for name, _ in _NUMBERS), *_TEXTS)


class PostStore:
    """Posts of one site in a temporary file, so that memory does not grow with the site.

    SQLite keeps a small database in its cache and removes the file as soon as it has opened it.
    """

    def __init__(self, *, max_post_bytes: int, max_thread_bytes: int) -> None:
        self.splitter = RowSplitter(max_bytes=max_post_bytes)
        self._max_post_bytes = max_post_bytes
        self._max_thread_bytes = max_thread_bytes
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_TABLES)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the table."""
        for offset, raw, size in self.splitter.feed(data):
            self._add(offset, raw, size)

    def finish(self) -> None:
        """Take the last row and make the join ready."""
        for offset, raw, size in self.splitter.close():
            self._add(offset, raw, size)
        self._database.execute("CREATE INDEX answers ON post (parent, score DESC, id) WHERE type = 2")

    def close(self) -> None:
        """Drop everything."""
        self._database.close()

    def bad_rows(self) -> Iterator[BadRecord]:
        """Rows that could not be read, in the file's order."""
        for offset, reason, raw, size in self._database.execute("SELECT * FROM bad ORDER BY start"):
            yield BadRecord(key=f"byte-{offset}", reason=reason, raw=raw, size=size)

    def threads(self) -> Iterator[list[Row] | BadRecord]:
        """A question and its answers, best first; a post that belongs to no question, alone; by the first post's id."""
        heads = self._database.execute(_HEADS)
        for head, kind in heads:
            size, posts = self._database.execute(_SIZE, (head, head if kind == QUESTION else None)).fetchone()
            if size > self._max_thread_bytes:
                detail = f"{posts} posts of {size} bytes"
                yield BadRecord(key=f"question-{head}", reason="thread_too_large", detail=detail, size=size)
                continue
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM post WHERE id = ?", (head,)).fetchall()
            if kind == QUESTION:
                rows += self._database.execute(_ANSWERS, (head,)).fetchall()
            yield [Row(**dict(zip(_COLUMN_NAMES, row, strict=True))) for row in rows]

    def _add(self, offset: int, raw: bytes, size: int) -> None:
        row = None
        reason = "post_too_large"
        if size <= self._max_post_bytes:
            row, reason = parse_row(raw), "malformed_row"
        if row is not None:
            values = [getattr(row, name) for name in _COLUMN_NAMES]
            if self._database.execute(_INSERT, values).rowcount:
                return
            reason = "repeated_id"
        self._database.execute("INSERT INTO bad VALUES (?, ?, ?, ?)", (offset, reason, raw[:QUARANTINED_BYTES], size))


_COLUMN_NAMES = ("id", "type", "parent", "score", "title", "body", "date", "license")
_COLUMNS = ", ".join(_COLUMN_NAMES)
_INSERT = f"INSERT OR IGNORE INTO post ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ANSWERS = f"SELECT {_COLUMNS} FROM post WHERE type = 2 AND parent = ? ORDER BY score DESC, id"
_SIZE = "SELECT sum(length(title) + length(body)), count(*) FROM post WHERE id = ? OR (type = 2 AND parent = ?)"
_HEADS = """
SELECT id, type FROM post WHERE type <> 2
    OR NOT EXISTS (SELECT 1 FROM post AS question WHERE question.id = post.parent AND question.type = 1)
ORDER BY id
"""
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE post (id INTEGER PRIMARY KEY, type INTEGER, parent INTEGER, score INTEGER,
                   title TEXT, body TEXT, date TEXT, license TEXT);
CREATE TABLE bad (start INTEGER, reason TEXT, raw BLOB, size INTEGER);
"""
