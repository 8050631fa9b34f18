"""Turns the HTML of a post into plain text that keeps code, lists, quotes and maths as a reader sees them."""

import re
from dataclasses import dataclass, field

from lxml import etree

from filters.superscript import subscript, superscript

MAX_DEPTH = 256
"""Open elements at once; libxml2's own search through them is quadratic beyond (258 s for 2 MB of `<b>`, 2026-11)."""

MAX_PREFIX = 8
"""Quotes and lists within each other that are still marked: each level lengthens every line."""

_FEED_CHARS = 1 << 12
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_SKIPPED = frozenset({"script", "style", "template"})
_PARAGRAPHS = frozenset("p div h1 h2 h3 h4 h5 h6 dl table hr section header footer".split())
_LINES = frozenset({"tr", "dt", "dd"})
_LISTS = frozenset({"ul", "ol"})
_CELLS = frozenset({"td", "th"})
_MOVED = {"sup": superscript, "sub": subscript}


class NestedTooDeeplyError(ValueError):
    """More than MAX_DEPTH elements are open at once."""


def html_to_text(html: str) -> str:
    """The text of an HTML fragment: paragraphs parted by a blank line, `* ` and `1. ` lists, `> ` quotes, code kept.

    Raises NestedTooDeeplyError; any other markup, however broken, gives some text.
    """
    layout = _Layout()
    parser = etree.HTMLParser(target=layout, remove_comments=True)
    document = f"<html><body>{html.replace(chr(0), '')}"
    for start in range(0, len(document), _FEED_CHARS):
        parser.feed(document[start : start + _FEED_CHARS])
    text: str = parser.close()
    return text


@dataclass(slots=True)
class _Prefix:
    """What stands before each line of a quote or a list item: `first` once, then `rest`."""

    first: str
    rest: str

    def take(self) -> str:
        taken, self.first = self.first, self.rest
        return taken


@dataclass(slots=True)
class _Layout:
    """Takes the parser's events and lays the text out in lines, each behind the marks of its quotes and lists."""

    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    prefixes: list[_Prefix] = field(default_factory=list)
    next_numbers: list[int | None] = field(default_factory=list)  # of each open list; None: it has bullets
    depth: int = 0
    skipping: int = 0
    code: int = 0
    blank_wanted: bool = False
    blank_prefixes: int = 0  # how many quotes and items lasted from the last line to the next
    at_first_item: bool = False
    at_item: bool = False  # nothing stands behind the item's mark yet
    moved_from: list[int] = field(default_factory=list)  # where in `line` each open <sup> and <sub> begins

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NestedTooDeeplyError
        if tag in _SKIPPED:
            self.skipping += 1
        elif tag in _PARAGRAPHS:
            self._part()
        elif tag == "pre":
            self._part()
            self.code += 1
        elif tag == "blockquote":
            self._part()
            self.prefixes.append(_Prefix("> ", "> "))
        elif tag in _LISTS:
            self._open_list(tag, attributes.get("start", "1"))
        elif tag == "li":
            self._open_item()
        elif tag == "br":
            self._end_line(keep_empty=True)
        elif tag in _LINES:
            self._end_line()
        elif tag in _CELLS and "".join(self.line).strip():
            self.line.append(" | ")
        elif tag in _MOVED:
            self.moved_from.append(len(self.line))

    def end(self, tag: str) -> None:
        """An element closes; libxml2 closes each that it opened, in order."""
        self.depth -= 1
        if tag in _SKIPPED:
            self.skipping -= 1
        elif tag in _PARAGRAPHS:
            self._part()
        elif tag == "pre":
            self._part()
            self.code -= 1
        elif tag == "blockquote":
            self._part()
            self._close_prefix()
        elif tag in _LISTS:
            self._end_line()
            self.next_numbers.pop()
            self.blank_wanted = not self.next_numbers
        elif tag == "li":
            self._end_line()
            self._close_prefix()
            self.at_item = False
        elif tag in _LINES:
            self._end_line()
        elif tag in _MOVED:
            start = self.moved_from.pop()
            self.line[start:] = [_MOVED[tag]("".join(self.line[start:]))]

    def data(self, text: str) -> None:
        """Text between tags."""
        if self.skipping:
            return
        first, *others = text.split("\n")
        self.line.append(first)
        for other in others:
            self._end_line(keep_empty=bool(self.code))
            self.line.append(other)

    def close(self) -> str:
        """The whole text."""
        self._end_line()
        return "\n".join(self.lines).strip("\n")

    def _open_list(self, tag: str, start: str) -> None:
        self._end_line()
        if not self.next_numbers:
            self._part()
        number = int(start) if re.fullmatch("-?[0-9]{1,9}", start) else 1
        self.next_numbers.append(number if tag == "ol" else None)
        self.at_first_item = True

    def _open_item(self) -> None:
        self._end_line()
        number = self.next_numbers[-1] if self.next_numbers else None
        if number is not None:
            self.next_numbers[-1] = number + 1
        mark = "* " if number is None else f"{number}. "
        self.blank_wanted = self.blank_wanted and self.at_first_item and len(self.next_numbers) == 1
        self.at_first_item = False
        self.prefixes.append(_Prefix(mark, " " * len(mark)))
        self.at_item = True

    def _close_prefix(self) -> None:
        self.prefixes.pop()
        self.blank_prefixes = min(self.blank_prefixes, len(self.prefixes))

    def _part(self) -> None:
        """What comes next is a paragraph of its own; the first of an item stays behind the item's mark."""
        self._end_line()
        self.blank_wanted = self.blank_wanted or not self.at_item

    def _end_line(self, keep_empty: bool = False) -> None:
        text = "".join(self.line)
        self.line.clear()
        text = text.rstrip() if self.code else _BLANKS.sub(" ", text).strip(" ")
        if not text and not (keep_empty and self.lines and not self.blank_wanted and not self.at_item):
            return
        if not text and not self.code and self.lines[-1].rstrip("> ") == "":
            return  # one blank line is enough: what stood between them, a picture, left nothing
        if self.blank_wanted and self.lines:
            self.lines.append("".join(prefix.rest for prefix in self.prefixes[: self.blank_prefixes]).rstrip())
        self.lines.append(("".join(prefix.take() for prefix in self.prefixes[:MAX_PREFIX]) + text).rstrip())
        self.blank_wanted = self.at_item = False
        self.blank_prefixes = min(len(self.prefixes), MAX_PREFIX)
