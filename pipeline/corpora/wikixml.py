"""Pages out of a MediaWiki export as its bytes arrive: no tree, no entities, and a broken page costs only itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.corpora.corpus import BadRecord

MAX_TOKEN_BYTES = 64 << 20
"""A single tag or attribute longer than this is an attack."""

_PAGE = re.compile(rb"<page[\s>]")
_ROOT = b"<mediawiki>"
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_ENCODINGS = frozenset({"utf-8", "utf-16", "iso-8859-1", "us-ascii"})
"""What expat knows by itself; of any other name Python raises whatever its codec does."""
_SITE_FIELDS = frozenset({"dbname", "base", "sitename"})
_PAGE_FIELDS = frozenset({"title", "ns", "id", "timestamp", "text"})


@dataclass(slots=True)
class Page:
    """A page and its latest revision as exported; `ns` is empty in exports before version 0.6."""

    title: str = ""
    ns: str = ""
    id: str = ""
    timestamp: str = ""
    text: str = ""
    text_bytes: int = 0
    redirect: bool = False
    number: int = 0


@dataclass(slots=True)
class Site:
    """What the export says of its wiki."""

    language: str = ""
    dbname: str = ""
    base: str = ""
    sitename: str = ""
    namespaces: dict[str, str] = field(default_factory=dict)


class EncodingError(ValueError):
    """The file declares an encoding that no export has; its pages are then looked for as UTF-8."""


class EntityError(ValueError):
    """The file declares entities: no export does, an entity bomb must."""


def pages(chunks: Iterable[bytes | BadRecord], site: Site, max_page_bytes: int) -> Iterator[Page | BadRecord]:
    """Every page in order, a BadRecord for each that is broken or too large; `site` is filled on the way."""
    reader = _Reader(site, max_page_bytes)
    for chunk in chunks:
        yield from reader.gap(chunk) if isinstance(chunk, BadRecord) else reader.feed(chunk)
    yield from reader.end()


class _Reader:
    """Feeds a parser; after damage, starts another one at the next `<page>`."""

    def __init__(self, site: Site, max_page_bytes: int) -> None:
        self._handler = _Handler(site, max_page_bytes)
        self._held = b""
        self._searching = False
        self._finished = False
        self._first = True
        self._utf16 = False
        self._rootless = False
        self._fed = 0
        self._parser = self._handler.parser()

    def feed(self, chunk: bytes) -> Iterator[Page | BadRecord]:
        if self._first:
            self._first = False
            self._utf16 = chunk.startswith(_UTF16)
            self._rootless = self._searching = bool(_PAGE.match(chunk.lstrip()))  # A part cut out of a dump.
        while chunk and not self._finished:
            if self._searching:
                chunk = self._search(chunk)
            if chunk:
                rest, fault = self._parse(chunk)
                yield from self._handler.taken()
                if fault:
                    yield from self._abandon(fault)
                chunk = rest

    def gap(self, damage: BadRecord) -> Iterator[Page | BadRecord]:
        """Bytes are missing here: the page that they cut is lost."""
        yield damage
        yield from self._abandon("cut_by_damage" if self._handler.page else "")

    def end(self) -> Iterator[Page | BadRecord]:
        if self._finished or self._searching or self._first:
            return
        if self._handler.page or not (self._handler.closed or self._rootless):
            yield self._handler.bad("truncated_xml", "the file ends before its root element does")

    def _parse(self, chunk: bytes) -> tuple[bytes, str]:
        """What is left of the chunk after a fault, and the fault."""
        before = self._fed
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, False)
        except EntityError as error:
            self._finished = True
            return b"", str(error)
        except EncodingError as error:
            return chunk, str(error)
        except expat.ExpatError as error:
            if self._handler.closed and error.code == expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]:
                return chunk[max(0, self._parser.ErrorByteIndex - before) :], "trailing_xml"
            return chunk[max(0, self._parser.ErrorByteIndex - before) :], str(error)
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN_BYTES:
            return b"", "a tag never ends"
        return b"", ""

    def _abandon(self, fault: str) -> Iterator[BadRecord]:
        if fault:
            reason = "entity_declared" if self._finished else "malformed_xml"
            yield self._handler.bad(reason, fault)
        self._handler.page = None
        self._searching, self._held = True, b""
        self._finished = self._finished or self._utf16

    def _search(self, chunk: bytes) -> bytes:
        """Bytes from the next `<page>` on, with a new parser ready for them; nothing where there is none yet."""
        held = self._held + chunk
        found = _PAGE.search(held)
        if not found:
            self._held = held[-5:]
            return b""
        self._held, self._searching = b"", False
        self._parser = self._handler.parser()
        self._parser.Parse(_ROOT, False)
        self._fed = len(_ROOT)
        self._handler.depth = 1
        return held[found.start() :]


class _Handler:
    """Expat's callbacks."""

    def __init__(self, site: Site, max_page_bytes: int) -> None:
        self.page: Page | None = None
        self.closed = False
        self.depth = 0
        self._site = site
        self._max_page_bytes = max_page_bytes
        self._taken: list[Page | BadRecord] = []
        self._pieces: list[str] = []
        self._size = 0
        self._namespace = ""
        self._wanted = ""
        self._in_contributor = False
        self._in_revision = False
        self._number = 0

    def parser(self) -> expat.XMLParserType:
        """A parser that reports to this handler, at the start of a document."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._entity
        parser.XmlDeclHandler = self._declaration
        self.page, self._wanted, self.depth, self.closed = None, "", 0, False
        self._in_contributor = self._in_revision = False
        return parser

    def taken(self) -> list[Page | BadRecord]:
        """What was completed since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def bad(self, reason: str, detail: str) -> BadRecord:
        """The page at hand as a bad record."""
        page = self.page or Page(number=self._number)
        text = "".join(self._pieces)[:4096] if self.page else ""
        key = page.id or f"page:{page.number}"
        return BadRecord(key=key, reason=reason, detail=detail, raw=text.encode("utf-8", "replace"), size=self._size)

    def _entity(self, name: str, *_: object) -> None:
        raise EntityError(f"the entity {name[:40]} is declared")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encoding.lower() not in _ENCODINGS:
            raise EncodingError(f"the encoding {encoding[:40]} is declared")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if name == "page":
            self._number += 1
            self.page = Page(number=self._number)
            self._size, self._in_revision = 0, False
        elif name == "mediawiki":
            self._site.language = attributes.get("xml:lang", self._site.language)
        elif name == "namespace":
            self._namespace = attributes.get("key", "")
            self._begin(name)
        elif name == "redirect" and self.page:
            self.page.redirect = True
        elif name in ("revision", "upload"):
            self._in_revision = True
        elif name == "contributor":
            self._in_contributor = True
        elif (self.page and name in _PAGE_FIELDS) or (not self.page and name in _SITE_FIELDS):
            self._begin(name)

    def _begin(self, name: str) -> None:
        self._wanted, self._pieces, self._size = name, [], 0

    def _data(self, data: str) -> None:
        if self._wanted:
            room = self._max_page_bytes - self._size
            self._size += len(data) if data.isascii() else len(data.encode("utf-8", "replace"))
            if room > 0:
                self._pieces.append(data[:room])

    def _end(self, name: str) -> None:
        self.depth -= 1
        if name == self._wanted:
            self._field(name, "".join(self._pieces))
            self._wanted = ""
        elif name == "page" and self.page:
            self._complete(self.page)
        elif name == "contributor":
            self._in_contributor = False
        elif name == "mediawiki":
            self.closed = True

    def _field(self, name: str, value: str) -> None:
        page = self.page
        if page is None:
            if name == "namespace":
                self._site.namespaces[value.strip()] = self._namespace
            else:
                setattr(self._site, name, value.strip())
        elif name == "text":
            page.text, page.text_bytes = value, self._size
        elif name == "id":
            if not self._in_revision and not self._in_contributor:
                page.id = value.strip()
        else:
            setattr(page, name, value.strip())

    def _complete(self, page: Page) -> None:
        if page.text_bytes > self._max_page_bytes:
            detail = f"{page.title}: {page.text_bytes} bytes of text, at most {self._max_page_bytes} are read"
            self._pieces, self._size = [page.text[:4096]], page.text_bytes
            self._taken.append(self.bad("page_too_large", detail))
        else:
            self._taken.append(page)
        self.page = None
