"""The lines of a wikitext page whose brackets are resolved, laid out: lists, headings and paragraphs."""

import re

from filters.wikimend import HOLE, mend_holes

BREAK = "\x03"
"""A line end within a paragraph."""

_HEADING = re.compile(r"(={1,6})([^\n]*[^=\n])\1[ \t]*$")
_ITEM = re.compile(r"[*#:;]+")
_VERBATIM = re.compile(r"\x01(\d+)\x02")
_BLANKS = re.compile(r"[ \t]{2,}+|\t")
_CONTENT = re.compile(rf"[^ \t\n.,;:!?()\[\]{{}}'\"–—\-*#|=/·•⁰¹²³⁴⁵⁶⁷⁸⁹{BREAK}]")
_LINE_ENDS = re.compile(rf"[ \t]?(?:{BREAK}[ \t]?)++")
_MAX_LIST_DEPTH = 10


def restore(text: str, verbatim: list[str]) -> str:
    """Put formulas and code back where their marks stand."""
    if "\x01" not in text:
        return text.strip()
    return _VERBATIM.sub(lambda match: verbatim[int(match[1])], text).strip()


def lay_out(text: str) -> str:
    """Blocks separated by blank lines: paragraphs on one line, lists on several, headings only where text follows."""
    layout = _Layout()
    for line in text.split("\n"):
        layout.add(mend_holes(line) if HOLE in line else line)
    text = "\n\n".join(layout.blocks())
    return _LINE_ENDS.sub(lambda match: "\n" * min(match[0].count(BREAK), 2), text) if BREAK in text else text


class _Layout:
    def __init__(self) -> None:
        self._blocks: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._kind = ""
        self._numbers: list[int] = []

    def add(self, line: str) -> None:
        """Take the next line."""
        stripped = line.strip()
        if not stripped:
            self._flush()
            return
        if "  " in stripped or "\t" in stripped:
            stripped = _BLANKS.sub(" ", stripped)
        first = stripped[0]
        if first in "*#:;":
            self._switch("list")
            self._item(stripped)
        elif first == "=" and (heading := _HEADING.match(stripped)):
            self._flush()
            self._blocks.append((len(heading[1]), heading[2].strip(" \t=")))
        elif first == "|" or stripped.startswith(("----", "{|")):  # What broken tables leave is no text.
            self._flush()
        else:
            preformatted = line[0] == " "  # Its blanks are meant, but for the first.
            self._switch("lines" if preformatted else "paragraph")
            self._lines.append(line[1:].rstrip() if preformatted else stripped)

    def blocks(self) -> list[str]:
        """Text blocks, and the headings under which any is left."""
        self._flush()
        kept: list[str] = []
        open_level = 0  # Headings above this level have text below them, counted from the end.
        for level, block in reversed(self._blocks):
            if not level:
                open_level = 7
            elif level >= open_level:
                continue
            else:
                open_level = level
            kept.append(block)
        return kept[::-1]

    def _switch(self, kind: str) -> None:
        if self._kind != kind:
            self._flush()
            self._kind = kind

    def _item(self, line: str) -> None:
        marks = _ITEM.match(line)
        prefix = marks[0] if marks else ""
        content = line[len(prefix) :].strip()
        if not _CONTENT.search(content) or content[0] in ",;":  # What went stood first: a fragment is left.
            return
        depth = min(len(prefix), _MAX_LIST_DEPTH)
        del self._numbers[depth:]
        self._numbers += [0] * (depth - len(self._numbers))
        indent = "  " * (sum(mark in "*#" for mark in prefix[:depth]) - 1)
        if prefix[-1] == "*":
            self._lines.append(f"{indent}- {content}")
        elif prefix[-1] == "#":
            self._numbers[depth - 1] += 1
            self._lines.append(f"{indent}{self._numbers[depth - 1]}. {content}")
        else:
            self._lines.append(content)

    def _flush(self) -> None:
        if self._lines:
            joined = (" " if self._kind == "paragraph" else "\n").join(self._lines).strip(BREAK).rstrip()
            if _CONTENT.search(joined):
                self._blocks.append((0, joined))
            self._lines = []
        self._kind, self._numbers = "", []
