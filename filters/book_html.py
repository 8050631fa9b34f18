"""Turns the HTML of a book's chapter into plain text: paragraphs, headings and verse, without notes and page numbers.

What a reader of the printed page reads on and on stays. What leads elsewhere goes: footnotes and their marks, numbers
of pages and lines, tables of contents, menus. What is to go is known by the names that EPUB's vocabularies give it
(`epub:type`, `role`) and by the classes that Project Gutenberg's makers use.
"""

import re
from dataclasses import dataclass, field
from html import escape

from lxml import etree

from filters.html_text import NestedTooDeeplyError, html_to_text

MAX_DEPTH = 256
"""Open elements at once; libxml2's own search through them is quadratic beyond."""
_FEED_CHARS = 1 << 12
_DROPPED_TAGS = frozenset(
    "head script style template title nav svg img audio video object iframe button form noscript map".split()
)
_DROPPED_KINDS = frozenset(
    "toc landmarks page-list loi lot pagebreak footnote footnotes rearnote rearnotes endnote endnotes noteref "
    "doc-toc doc-pagelist doc-pagebreak doc-footnote doc-endnote doc-endnotes doc-noteref "
    "backlink doc-backlink navigation".split()
)
_DROPPED_CLASSES = frozenset(
    "pagenum pagenumber pageno page-number pagebreak newpage linenum lineno footnote footnotes fnanchor fnref noteref "
    "footnote-ref footnote-anchor toc table-of-contents tocpage transnote transnotes trans-note tnote tnotes trnote "
    "tnbox mynote transcriber transcribernote transcriber-note transcribers-note transcribers-notes".split()
)
_DROPPED_IDS = frozenset({"toc", "footnotes", "endnotes", "table-of-contents"})
_RENAMED = {"blockquote": "div"}
_EMPTY_TAGS = frozenset("br hr img input link meta area base col embed source track wbr".split())
_CLOSED_AT_ONCE = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
_NOTE_MARK = re.compile(r"\s*(?:[\[(](?:\d{1,4}|[A-Za-z]|[ivxlc]{1,6}|[*†‡§¶]{1,3})[\])]|\d{1,4}|[*†‡§¶]{1,3})\s*")


def book_html_to_text(html: str) -> str:
    """The text of a page of a book, a paragraph a line. Raises NestedTooDeeplyError; other markup gives some text."""
    pruned = _Pruned()
    parser = etree.HTMLParser(target=pruned, remove_comments=True)
    document = _CLOSED_AT_ONCE.sub(_opened_and_closed, html.replace("\0", ""))
    document = re.sub(r"\A\s*<\?xml[^>]*>", "", document)
    for start in range(0, len(document), _FEED_CHARS):
        parser.feed(document[start : start + _FEED_CHARS])
    return html_to_text(parser.close()) if document else ""


def _opened_and_closed(found: re.Match[str]) -> str:
    """`<a id="x"/>`, which is an element in XHTML and the start of one in HTML, as an element in both."""
    tag, attributes = found[1], found[2]
    return f"<{tag}{attributes}>" if tag.lower() in _EMPTY_TAGS else f"<{tag}{attributes}></{tag}>"


@dataclass(slots=True)
class _Pruned:
    """Takes the parser's events and writes down, as HTML, what stays."""

    pieces: list[str] = field(default_factory=list)
    depth: int = 0
    dropped_from: int = 0  # the depth of the outermost open element that goes; 0: none is open
    code: int = 0
    starts: list[int] = field(default_factory=list)  # where in `pieces` each open link or raised part begins

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NestedTooDeeplyError
        if self.dropped_from:
            return
        if tag in _DROPPED_TAGS or _goes(attributes):
            self.dropped_from = self.depth
            return
        self.code += tag == "pre"
        if tag in ("a", "sup"):
            is_mark = tag == "sup" or "#" in attributes.get("href", "")
            self.starts.append(len(self.pieces) if is_mark else -1)
        elif tag not in ("html", "body"):
            self.pieces.append(f"<{_RENAMED.get(tag, tag)}{_start_number(tag, attributes)}>")

    def end(self, tag: str) -> None:
        """An element closes; libxml2 closes each that it opened, in order."""
        self.depth -= 1
        if self.dropped_from:
            self.dropped_from = 0 if self.dropped_from > self.depth else self.dropped_from
            return
        self.code -= tag == "pre"
        if tag in ("a", "sup"):
            self._end_mark(tag, self.starts.pop())
        elif tag not in _EMPTY_TAGS and tag not in ("html", "body"):
            self.pieces.append(f"</{_RENAMED.get(tag, tag)}>")

    def data(self, text: str) -> None:
        """Text between tags."""
        if not self.dropped_from:
            self.pieces.append(escape(text if self.code else text.replace("\n", " "), quote=False))

    def close(self) -> str:
        """What stays."""
        return "".join(self.pieces)

    def _end_mark(self, tag: str, start: int) -> None:
        """Drops the mark of a note; of other raised text a power stays raised, as in 10², and "M<sup>r</sup>" not."""
        if start < 0:
            return
        inside = "".join(self.pieces[start:])
        if tag == "a" and _NOTE_MARK.fullmatch(inside.removeprefix("<sup>").removesuffix("</sup>")):
            del self.pieces[start:]
        elif tag == "sup" and inside.isdigit():
            self.pieces[start:] = [f"<sup>{inside}</sup>"]


def _goes(attributes: dict[str, str]) -> bool:
    kinds = f"{attributes.get('epub:type', '')} {attributes.get('role', '')}".lower().split()
    classes = attributes.get("class", "").lower().split()
    return (
        not _DROPPED_KINDS.isdisjoint(kinds)
        or not _DROPPED_CLASSES.isdisjoint(classes)
        or attributes.get("id", "").lower() in _DROPPED_IDS
        or attributes.get("hidden") is not None
    )


def _start_number(tag: str, attributes: dict[str, str]) -> str:
    number = attributes.get("start", "")
    return f' start="{number}"' if tag == "ol" and number.isascii() and number.isdigit() else ""
