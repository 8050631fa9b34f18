"""The lines of a wikitext page whose brackets are resolved: holes mended, lists, headings and paragraphs laid out."""

import re

HOLE = "\x00"
"""Stands where something was dropped, so that what it leaves behind can be mended there and nowhere else."""
BREAK = "\x03"
"""A line end within a paragraph."""

_DROPPED = r"[ \t,;:·•/–—\-\x00]{0,40}"
_LABEL = r"(?:[^\W\d_][^():;,\n\x00\d]{0,30}:)?"
_EMPTY_BRACKETS = re.compile(rf"[ \t]?[(（\[][ \t,;:·•/–—\-]{{0,20}}{_LABEL}[ \t]?\x00{_DROPPED}[)）\]]")
_LABEL_ONLY = re.compile(r"([(（])[^\W\d_][^():;,\n\x00\d]{0,30}:[ \t]?\x00[ \t]?[,;][ \t]{0,20}")
_AFTER_OPENING = re.compile(r"([(（])[ \t,;:·]{0,20}\x00[ \t,;:·\x00]{0,40}")
_BEFORE_CLOSING = re.compile(r"(?:[,;][ \t]?|[ \t])?\x00[ \t,;\x00]{0,40}([)）])")
_BETWEEN_COMMAS = re.compile(r"[,;][ \t]?\x00[ \t\x00]{0,40}(?=[,;.])")
_HOLE = re.compile(r"(?<![ \t])[ \t]*+\x00[ \t\x00]*+")
_HEADING = re.compile(r"(={1,6})([^\n]*[^=\n])\1[ \t\x00]*$")
_ITEM = re.compile(r"[*#:;]+")
_VERBATIM = re.compile(r"\x01(\d+)\x02")
_BLANKS = re.compile(r"[ \t]{2,}+|\t")
_NO_CONTENT = frozenset(" \t\n.,;:!?()[]{}'\"–—-*#|=/·•⁰¹²³⁴⁵⁶⁷⁸⁹" + BREAK)


def mend_holes(text: str) -> str:
    """Take away what a dropped template or reference leaves: `( , )`, a blank before a comma, a doubled blank."""
    if HOLE not in text:
        return text
    text = _EMPTY_BRACKETS.sub(HOLE, text)
    text = _LABEL_ONLY.sub(r"\1", text)
    text = _AFTER_OPENING.sub(r"\1", text)
    text = _BEFORE_CLOSING.sub(r"\1", text)
    text = _BETWEEN_COMMAS.sub("", text)
    return _HOLE.sub(_blank_or_nothing, text)


def _blank_or_nothing(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    before = text[start - 1] if start else "\n"
    after = text[end] if end < len(text) else "\n"
    if before in "\n(" or after in "\n,.;:!?)»":
        return ""
    return " " if " " in match[0] or "\t" in match[0] else ""


def restore(text: str, verbatim: list[str]) -> str:
    """Put formulas and code back where their marks stand."""
    if "\x01" not in text:
        return text.strip()
    return _VERBATIM.sub(lambda match: verbatim[int(match[1])], text).strip()


def lay_out(text: str) -> str:
    """Blocks separated by blank lines: paragraphs on one line, lists on several, headings only where text follows."""
    layout = _Layout()
    for line in text.split("\n"):
        layout.add(line)
    return "\n\n".join(layout.blocks()).replace(BREAK, "\n")


class _Layout:
    def __init__(self) -> None:
        self._blocks: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._kind = ""
        self._numbers: list[int] = []

    def add(self, line: str) -> None:
        """Take the next line."""
        stripped = _BLANKS.sub(" ", line.strip())
        if not stripped or stripped.startswith(("----", "{|", "|")):  # What broken tables leave is no text.
            self._flush()
        elif stripped[0] == "=" and (heading := _HEADING.match(stripped)):
            self._flush()
            self._blocks.append((len(heading[1]), heading[2].strip(" \t=")))
        elif stripped[0] in "*#:;":
            self._switch("list")
            self._item(stripped)
        else:
            self._switch("lines" if line[0] == " " else "paragraph")
            self._lines.append(stripped)

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
        if not set(content) - _NO_CONTENT or content[0] in ",;":  # What went stood first: a fragment is left.
            return
        depth = min(len(prefix), 10)
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
        joined = (" " if self._kind == "paragraph" else "\n").join(self._lines).strip(BREAK).rstrip()
        if set(joined) - _NO_CONTENT:
            self._blocks.append((0, joined))
        self._lines, self._kind, self._numbers = [], "", []
