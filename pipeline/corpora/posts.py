"""The table of posts of a StackExchange dump: rows out of hostile XML."""

import re
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
    start: int = 0  # where in the table the stream begins
    _held: bytearray = field(default_factory=bytearray)
    _in_row: bool = False
    _skipped: int = 0
    _forgotten: int = 0  # bytes of the stream before `_held`
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

    @property
    def row_start(self) -> int | None:
        """Where the row begins that has not ended yet."""
        return self._offset - self._skipped if self._in_row else None

    @property
    def _offset(self) -> int:
        return self.start + self._forgotten

    def _row(self, end: int) -> tuple[int, bytes, int]:
        return self._offset - self._skipped, bytes(self._held[:end]), end + self._skipped

    def _forget(self, count: int) -> None:
        del self._held[:count]
        self._forgotten += count

    def _bound(self) -> None:
        """Keeps the first bytes of a row too long, for the quarantine, and the last ones, for the next mark."""
        if len(self._held) <= self.max_bytes:
            return
        kept = min(QUARANTINED_BYTES, self.max_bytes // 2) if self._in_row else 0
        surplus = len(self._held) - kept - _ROW_MARK_BYTES
        self.opened = self.opened or b"<posts" in self._held
        del self._held[kept : kept + surplus]
        self._forgotten += surplus
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be read; `start` is where it begins in the table."""

    start: int
    reason: str
    raw: bytes
    size: int

    @property
    def record(self) -> BadRecord:
        """The row for the quarantine."""
        return BadRecord(key=f"byte-{self.start}", reason=self.reason, raw=self.raw, size=self.size)


def read_row(start: int, raw: bytes, size: int, max_post_bytes: int) -> Row | BadRow:
    """The post of a row as `RowSplitter` gives it."""
    if size > max_post_bytes:
        return BadRow(start=start, reason="post_too_large", raw=raw[:QUARANTINED_BYTES], size=size)
    row = parse_row(raw)
    return row or BadRow(start=start, reason="malformed_row", raw=raw[:QUARANTINED_BYTES], size=size)


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
