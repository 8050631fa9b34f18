"""A page of a MediaWiki export and its wiki, put together from what expat says as it reads."""

from collections import Counter
from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.corpora.corpus import BadRecord

NESTED = "a page begins within it"
_PLACES = 6
"""How many places of bytes are remembered: a page's mark is as long, and may lie in as many streams."""
_ENCODINGS = frozenset({"utf-8", "utf-16", "iso-8859-1", "us-ascii"})
"""What expat knows by itself; of any other name Python raises whatever its codec does."""
_SITE_FIELDS = frozenset({"dbname", "base"})
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
    place: str = ""


@dataclass(slots=True)
class Site:
    """What the export says of its wiki, and how many pages were seen to begin in each packed stream."""

    language: str = ""
    dbname: str = ""
    base: str = ""
    namespaces: dict[str, str] = field(default_factory=dict)
    begun: Counter[int | None] = field(default_factory=Counter)


class EncodingError(ValueError):
    """The file declares an encoding that no export has; its pages are then looked for as UTF-8."""


class NestedPageError(ValueError):
    """A page begins within a page, whose end is lost."""

    def __init__(self, at: int) -> None:
        super().__init__(NESTED)
        self.at = at


class EntityError(ValueError):
    """The file declares entities: no export does, an entity bomb must."""


class Places:
    """Where in the dump the last bytes lie that a parser was fed."""

    def __init__(self) -> None:
        self._known: list[tuple[int, int | None, int]] = []

    def add(self, position: int, stream: int | None, offset: int) -> None:
        """The bytes from this position on lie there."""
        if self._known:
            last = self._known[-1]
            if last[1] == stream and last[2] + position - last[0] == offset:
                return  # It goes on where it went.
        self._known = [*self._known[1 - _PLACES :], (position, stream, offset)]

    def moved(self, by: int) -> "Places":
        """The same with other positions."""
        places = Places()
        places._known = [(position + by, stream, offset) for position, stream, offset in self._known]
        return places

    def at(self, position: int) -> tuple[int | None, str]:
        """The packed stream of a position, and the place in words."""
        held = next((known for known in reversed(self._known) if known[0] <= position), (position, None, 0))
        inside = held[2] + position - held[0]
        return held[1], f"byte:{inside}" if held[1] is None else f"byte:{held[1]}+{inside}"


class PageHandler:
    """Expat's callbacks."""

    def __init__(self, site: Site, max_page_bytes: int, encoding: str) -> None:
        self.page: Page | None = None
        self.closed = False
        self.encoding = encoding
        self.places = Places()
        self._site = site
        self._max_page_bytes = max_page_bytes
        self._taken: list[Page | BadRecord] = []
        self._pieces: list[str] = []
        self._size = 0
        self._namespace = ""
        self._wanted = ""
        self._in_contributor = False
        self._in_revision = False

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
        self.page, self._wanted, self.closed = None, "", False
        self._in_contributor = self._in_revision = False
        self._parser = parser
        self.places = Places()
        return parser

    def taken(self) -> list[Page | BadRecord]:
        """What was completed since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def bad(self, reason: str, detail: str) -> BadRecord:
        """The page at hand as a bad record."""
        page = self.page or Page(place=self._here()[1])
        text = "".join(self._pieces)[:4096] if self.page else ""
        key = page.id or page.place
        size = self._size if self.page else 0
        return BadRecord(key=key, reason=reason, detail=detail, raw=text.encode("utf-8", "replace"), size=size)

    def _entity(self, name: str, *_: object) -> None:
        raise EntityError(f"the entity {name[:40]} is declared")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encoding.lower() not in _ENCODINGS:
            raise EncodingError(f"the encoding {encoding[:40]} is declared")
        if encoding and not encoding.lower().startswith("utf"):
            self.encoding = encoding

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "page":
            self._begin_page()
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

    def _here(self) -> tuple[int | None, str]:
        return self.places.at(self._parser.CurrentByteIndex)

    def _begin_page(self) -> None:
        if self.page:
            raise NestedPageError(self._parser.CurrentByteIndex)
        stream, place = self._here()
        self._site.begun[stream] += 1
        self.page = Page(place=place)
        self._wanted, self._pieces, self._size, self._in_revision = "", [], 0, False

    def _begin(self, name: str) -> None:
        self._wanted, self._pieces, self._size = name, [], 0

    def _data(self, data: str) -> None:
        if self._wanted:
            room = self._max_page_bytes - self._size
            self._size += len(data) if data.isascii() else len(data.encode("utf-8", "replace"))
            if room > 0:
                self._pieces.append(data[:room])

    def _end(self, name: str) -> None:
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
