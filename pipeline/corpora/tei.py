"""Reads a book in TEI: P5 as of Perseus, Wikisource and the Oxford Text Archive, and P4 as of Project Gutenberg.

What the edition's text says becomes paragraphs, headings and lines of verse. What an editor or encoder laid over it
goes: notes, variant readings, page and line numbers, running heads, tables of contents, the slip beside its correction.
"""

import re
from dataclasses import dataclass, field

from pipeline.corpora.marked_book import BookError, MarkedBook, date_of, language_of, squeezed
from pipeline.corpora.safe_xml import xml_events

_ROOTS = frozenset({"TEI", "TEI.2", "teiCorpus", "teiCorpus.2"})
_ROOT = re.compile(r"<(?:\w{1,40}:)?(?:TEI(?:\.2)?|teiCorpus(?:\.2)?)[\s/>]")
_HEADER = "teiHeader"
_DROPPED = frozenset(
    "note noteGrp fw figDesc rdg rdgGrp wit witDetail listWit del surplus index interp interpGrp facsimile sourceDoc"
    " standOff metamark certainty respons gap".split()
)
_DROPPED_DIVISIONS = frozenset("contents toc index notes footnotes endnotes apparatus".split())
_SLIPS = frozenset({"sic", "orig", "abbr"})
"""Of a `choice`, what the edition corrects, writes in today's spelling, or writes out."""
_BLOCKS = frozenset(
    "p ab head div div0 div1 div2 div3 div4 div5 div6 div7 lg list table figure quote cit sp stage castList castGroup"
    " epigraph argument opener closer salute signed dateline byline trailer titlePage docTitle titlePart docAuthor"
    " docImprint docDate docEdition imprimatur postscript eg floatingText group front body back text set prologue"
    " epilogue performance entry entryFree bibl listBibl".split()
)
_INLINE_IN_PARAGRAPHS = frozenset(
    {"quote", "cit", "bibl", "stage", "signed", "salute", "dateline", "docAuthor", "docDate"}
)
_PARAGRAPHS = frozenset({"p", "ab", "l", "head", "item", "byline", "docImprint"})
_LINES = frozenset({"l", "item", "row", "speaker", "label", "castItem"})
_BREAKS = frozenset({"lb", "pb", "cb"})
_SPOKEN = frozenset({"p", "ab", "lg"})


def is_tei(text: str) -> bool:
    """Whether a document's root is TEI's."""
    return _ROOT.search(text[:100_000]) is not None


def read_tei(text: str) -> MarkedBook:
    """The book. Raises BookError."""
    path: list[str] = []
    header, page = _Header(path), _Page(path)
    for event, name, attributes in xml_events(text):
        within = header if path[1:2] == [_HEADER] or path[2:3] == [_HEADER] else page
        if event == "text":
            within.text(name)
        elif event == "start":
            path.append(name)
            header.language(name, attributes)
            within.start(name, attributes)
        else:
            within.end(name)
            path.pop()
    page.end_paragraph()
    told = header.told
    return MarkedBook(
        text="\n\n".join(page.paragraphs),
        title=told.get("title"),
        language=language_of(told.get("text language") or told.get("language") or told.get("root language")),
        rights=told.get("licence") or told.get("availability"),
        date=date_of(told.get("date")),
        url=told.get("url"),
    )


@dataclass(slots=True)
class _Header:
    """Gathers what the header tells: of each field the first that is not empty."""

    path: list[str]
    told: dict[str, str] = field(default_factory=dict)
    fields: list[tuple[str, int]] = field(default_factory=list)  # those that are open, with their depths
    pieces: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        where = self.path[-2] if len(self.path) > 1 else ""
        if name == "title" and self.path[-3:-1] == ["fileDesc", "titleStmt"]:
            self._open("title")
        elif name in ("availability", "licence"):
            self._tell("licence", attributes.get("target", ""))
            self._open(name)
        elif where == "publicationStmt" and name == "date":
            self._tell("date", attributes.get("when", ""))
            self._open("date")
        elif where == "publicationStmt" and name == "idno":
            self._open(f"idno {attributes.get('type', '').lower()}")

    def text(self, text: str) -> None:
        """Text between tags."""
        if self.fields:
            self.pieces.append(text)

    def end(self, _: str) -> None:
        """An element closes."""
        if not self.fields or self.fields[-1][1] != len(self.path):
            return
        name = self.fields.pop()[0]
        told = squeezed("".join(self.pieces))
        if not name.startswith("idno "):
            self._tell(name, told)
        elif name.endswith("etext-no") and told.isdigit():
            self._tell("url", f"https://www.gutenberg.org/ebooks/{told}")
        elif told.startswith(("http://", "https://")):
            self._tell("url", told)
        if not self.fields:
            self.pieces.clear()

    def language(self, name: str, attributes: dict[str, str]) -> None:
        """The text's language; that of the whole, which may be its encoder's, counts last."""
        if name == "language":
            self._tell("language", attributes.get("ident", "") or attributes.get("id", ""))
        elif name == "text":
            self._tell("text language", attributes.get("lang", ""))
        elif len(self.path) == 1:
            if name not in _ROOTS:
                raise BookError("unknown_markup", f"its root is {name[:80]}")
            self._tell("root language", attributes.get("lang", ""))

    def _open(self, name: str) -> None:
        if not self.fields:
            self.pieces.clear()
        self.fields.append((name, len(self.path)))

    def _tell(self, name: str, told: str) -> None:
        if told:
            self.told.setdefault(name, squeezed(told))


@dataclass(slots=True)
class _Page:
    """Lays the text out in paragraphs, each a line or, in verse and lists, several."""

    path: list[str]
    paragraphs: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    dropped_from: int = 0  # depth of the outermost open element that goes; 0: none is open
    open_paragraphs: int = 0
    speaker_alone: bool = False  # the one line of this paragraph says who speaks

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        if self.dropped_from:
            return
        if self._goes(name, attributes):
            self.dropped_from = len(self.path)
        elif name in _LINES:
            self._end_line()
        elif self._is_block(name):
            if name in _SPOKEN and self.path[-2:-1] == ["sp"] and self.speaker_alone:
                self._end_line()
            else:
                self.end_paragraph()
        elif name in _BREAKS and attributes.get("break") != "no":
            self.pieces.append(" ")
        elif name == "cell" and any(piece.strip() for piece in self.pieces):
            self.pieces.append(" | ")
        self.open_paragraphs += name in _PARAGRAPHS and not self.dropped_from

    def text(self, text: str) -> None:
        """Text between tags."""
        if not self.dropped_from and self.path and self.path[-1] != "choice":
            self.pieces.append(text)

    def end(self, name: str) -> None:
        """An element closes."""
        if self.dropped_from:
            if self.dropped_from == len(self.path):
                self.dropped_from = 0
            return
        self.open_paragraphs -= name in _PARAGRAPHS
        if name in _LINES:
            self._end_line()
            self.speaker_alone = name == "speaker" and len(self.lines) == 1
        elif self._is_block(name):
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """What comes next is a paragraph of its own."""
        self._end_line()
        if self.lines:
            self.paragraphs.append("\n".join(self.lines))
            self.lines = []
        self.speaker_alone = False

    def _end_line(self) -> None:
        line = " ".join("".join(self.pieces).split())
        self.pieces.clear()
        if line:
            self.lines.append(line)
            self.speaker_alone = False

    def _goes(self, name: str, attributes: dict[str, str]) -> bool:
        kind = attributes.get("type", "").lower()
        if name.startswith("div"):
            return kind in _DROPPED_DIVISIONS
        in_choice = self.path[-2:-1] == ["choice"] and name in _SLIPS
        return name in _DROPPED or in_choice or (name == "ref" and "note" in kind)

    def _is_block(self, name: str) -> bool:
        return name in _BLOCKS and not (name in _INLINE_IN_PARAGRAPHS and self.open_paragraphs)
