"""Pages out of a MediaWiki export as its bytes arrive: no tree, no entities, and a broken page costs only itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.wikidump import Chunk, Piece
from pipeline.corpora.wikipage import (
    NESTED,
    EncodingError,
    EntityError,
    NestedPageError,
    Page,
    PageHandler,
    Places,
    Site,
)

MAX_TOKEN_BYTES = 64 << 20
"""A single tag or attribute longer than this is an attack."""

MAX_HEAD_BYTES = 4 << 20
"""How much of a dump is looked at for its first page, when another part of it is read."""

_PAGE = re.compile(rb"<page[\s>]")
_PAGE_BEGUN = re.compile(rb"<(?:p(?:a(?:ge?)?)?)?\Z")
_MARK_BYTES = 5
_JUNK_BEHIND_ROOT = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What comes before a dump's first page, as far as whoever begins behind it must know."""

    encoding: str = ""
    rootless: bool = False
    splittable: bool = True
    """Whether pages can be looked for: not in UTF-16, nor where entities are declared."""
    empty: bool = False
    """Whether there is no page at all."""


def pages(
    pieces: Iterable[Piece], site: Site, max_page_bytes: int, head: Head | None = None
) -> Iterator[Page | BadRecord]:
    """Every page in order, a BadRecord for each that is broken or too large; `site` is filled on the way.

    With a head they are pieces of a later part, and what comes before its first page is passed over. What comes
    behind the end of a part is read up to the next page.
    """
    reader = _Reader(site, max_page_bytes, head)
    for piece in pieces:
        if isinstance(piece, BadRecord):
            yield from reader.gap(piece)
        elif isinstance(piece, Chunk):
            yield from reader.feed(piece)
        else:
            reader.pass_end()
        if reader.finished:
            break
    yield from reader.end()


def read_head(pieces: Iterable[Piece], site: Site) -> Head:
    """The head of a dump, from the pieces at its very beginning; fills `site`."""
    held, mark, empty = b"", None, True
    for piece in pieces:
        held += piece.data if isinstance(piece, Chunk) else b""
        mark = _PAGE.search(held)
        if mark or len(held) > MAX_HEAD_BYTES or not isinstance(piece, Chunk):
            empty = False
            break
    reader = _Reader(site, MAX_HEAD_BYTES, None)
    for _ in reader.feed(Chunk(None, 0, held[: mark.end() if mark else len(held)])):
        pass  # What is wrong with it, the first part says.
    site.begun.clear()
    return Head(encoding=reader.encoding, rootless=reader.rootless, splittable=reader.splittable, empty=empty)


class _Reader:
    """Feeds a parser; after damage, starts another one at the next `<page>`."""

    def __init__(self, site: Site, max_page_bytes: int, head: Head | None) -> None:
        self._handler = PageHandler(site, max_page_bytes, head.encoding if head else "")
        self._held, self._held_places = b"", Places()
        self._searching = head is not None
        self.finished = False
        self._first = head is None
        self._utf16 = False
        self.rootless = head is not None and head.rootless
        self._behind = False
        self._tail, self._tail_own = b"", 0  # The last bytes seen, and how many of them are the part's own.
        self._fed = self._fed_before = self._nested_behind = 0
        self._parser = self._handler.parser()

    @property
    def encoding(self) -> str:
        """The encoding that the dump declares and that is none of UTF-8 and UTF-16."""
        return self._handler.encoding

    @property
    def splittable(self) -> bool:
        return not (self.finished or self._utf16)

    def feed(self, chunk: Chunk) -> Iterator[Page | BadRecord]:
        data, behind = chunk.data, self._behind
        if self._first:
            self._first = False
            self._utf16 = data.startswith(_UTF16)
            self.rootless = self._searching = bool(_PAGE.match(data.lstrip()))  # A part cut out of a dump.
        next_page = self._next_page(data) if behind else None
        data = data[:next_page]
        rest = data
        while rest and not self.finished:
            at = chunk.offset + len(data) - len(rest)
            if self._searching:
                rest = self._search(rest, chunk.stream, at)
            else:
                self._handler.places.add(self._fed, chunk.stream, at)
            if rest:
                rest, fault = self._parse(rest)
                yield from self._handler.taken()
                if fault:
                    yield from self._abandon(fault)
                    self._resume_in_tail()
        if behind:
            if next_page is not None and not self.finished:
                yield from self._cut_off()
            elif self._searching and not _PAGE_BEGUN.search(self._held):
                self.finished = True
        held = self._tail + data
        self._tail = held[-_MARK_BYTES:]
        self._tail_own = max(0, self._tail_own - (len(held) - len(self._tail)))

    def pass_end(self) -> None:
        """What comes now is no longer of this part."""
        self._behind = True
        self._tail_own = len(self._tail)
        self.finished = self.finished or (self._searching and not _PAGE_BEGUN.search(self._held))

    def _next_page(self, data: bytes) -> int | None:
        """Where the next part's first page begins, if it begins in these bytes."""
        marks = (mark.start() for mark in _PAGE.finditer(self._tail + data))
        return next((max(0, at - len(self._tail)) for at in marks if at >= self._tail_own), None)

    def _cut_off(self) -> Iterator[BadRecord]:
        if self._handler.page:
            yield self._handler.bad("malformed_xml", NESTED)
        self.finished = True

    def gap(self, damage: BadRecord) -> Iterator[Page | BadRecord]:
        """Bytes are missing here: the page that they cut is lost."""
        self._first = False
        yield from self._abandon("cut_by_damage" if self._handler.page else "")
        if not self._behind:
            yield damage
        self.finished = self.finished or self._behind

    def end(self) -> Iterator[Page | BadRecord]:
        if self.finished or self._searching or self._first:
            return
        if self._handler.page or not (self._handler.closed or self.rootless):
            yield self._handler.bad("truncated_xml", "the file ends before its root element does")

    def _parse(self, chunk: bytes) -> tuple[bytes, str]:
        """What is left of the chunk after a fault, and the fault."""
        before = self._fed
        self._fed += len(chunk)
        start, fault = len(chunk), ""
        try:
            self._parser.Parse(chunk, False)
        except EntityError as error:
            self.finished, fault = True, str(error)
        except EncodingError as error:
            start, fault = 0, str(error)
        except NestedPageError as error:
            start, fault = error.at - before, str(error)
            self._nested_behind, self._fed_before = max(0, -start), before
        except expat.ExpatError as error:
            start = self._parser.ErrorByteIndex - before
            is_trailing = self._handler.closed and error.code == _JUNK_BEHIND_ROOT
            fault = "trailing_xml" if is_trailing else expat.ErrorString(error.code)
        else:
            if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN_BYTES:
                fault = "a tag never ends"
        return chunk[max(0, start) :], fault

    def _resume_in_tail(self) -> None:
        """A page that begins within another may begin in bytes that were fed before; they are searched too."""
        behind = self._nested_behind
        if behind:
            self._held, self._nested_behind = self._tail[-behind:], 0
            self._held_places = self._handler.places.moved(behind - self._fed_before)

    def _abandon(self, fault: str) -> Iterator[BadRecord]:
        if fault:
            reason = "declares_entities" if self.finished else "malformed_xml"
            yield self._handler.bad(reason, fault)
        self._handler.page = None
        self._searching, self._held, self._held_places = True, b"", Places()
        self.finished = self.finished or self._utf16

    def _search(self, data: bytes, stream: int | None, offset: int) -> bytes:
        """Bytes from the next `<page>` on, with a new parser ready for them; nothing where there is none yet."""
        held, places = self._held + data, self._held_places
        places.add(len(self._held), stream, offset)
        found = _PAGE.search(held)
        if not found:
            self._held = held[-_MARK_BYTES:]
            self._held_places = places.moved(len(self._held) - len(held))
            return b""
        self._held, self._held_places, self._searching = b"", Places(), False
        self._parser = self._handler.parser()
        root = f'<?xml version="1.0" encoding="{self.encoding or "utf-8"}"?><mediawiki>'.encode()
        self._parser.Parse(root, False)
        self._fed = len(root)
        self._handler.places = places.moved(len(root) - found.start())
        return held[found.start() :]
