r"""Cleans a paper's files as RedPajama v1 does: patterns over each file, macros without arguments, joined by LF."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column

FILE_SEPARATOR = "\x1c"
"""Between the files of a paper that come as one text."""
NOT_UTF8 = "\x1a"
"""What a paper's text begins with where one of its files is not UTF-8."""

_HEADING = re.compile(r"\\(chapter|part|section|subsection|subsubsection|paragraph)\b\*?([\[{])")
_SECOND = re.compile(r"\}\\subparagraph\b\*?([\[{])")
_LINE_COMMENT = re.compile(r"^%.*\n?", re.MULTILINE)
_COMMENT = re.compile(r"[^\\]%.+$", re.MULTILINE)
_CLOSING = re.compile(r"\\appendix|\\begin\{(?:references|REFERENCES|thebibliography)\}|\\(bibliography)\{")
_DEFINITIONS = (
    re.compile(r"\\newcommand\b\*?\{(\\[a-zA-Z0-9]+)\}\{"),
    re.compile(r"\\def\s*(\\[a-zA-Z0-9]+)\s*\{"),
)
_NO_TEMPLATE = re.compile(r"[^\t\n\r -~]")
_MAX_WORK_CHARS = 4_000_000_000
_SUBSTITUTION_COST = 10
_MAX_CHARS = 256 << 20


class _PaperLostError(Exception):
    """A paper that the published code loses, or that takes too much work, with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperByPatterns:
    r"""What RedPajama v1's patterns leave of a paper, bug for bug; for comparison.

    Each file by itself: text from the first heading, commented or not; lines that begin with `%` go, then `%` with the
    character before it to the line's end; the rest from `\appendix` or a bibliography on. Then one-line macros without
    arguments, collected over all files, once each in the order of their first definition.

    Source: togethercomputer/RedPajama-Data v1, data_prep/arxiv/arxiv_cleaner.py, as first published. A later version of
    it is greedy and keeps from the last heading on.
    Differs: growth by macros is bounded; language is told by a stage of its own.
    Reads text. Rewrites text. Rejects: not_utf8, bad_macro, empty_text, paper_too_large. Counts: macros_found.
    """

    name: ClassVar[str] = "arxiv_patterns"
    reasons: ClassVar[tuple[str, ...]] = ("not_utf8", "bad_macro", "empty_text", "paper_too_large")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; a rejected paper keeps the text it came with."""
        kept: list[str] = []
        verdicts: list[str | None] = []
        found = 0
        for text in texts(batch):
            macros = read_macros(text.split(FILE_SEPARATOR))
            found += len(macros)
            try:
                cleaned, reason = clean_paper(text, macros), None
            except _PaperLostError as lost:
                cleaned, reason = text, str(lost)
            verdicts.append(reason)
            kept.append(cleaned)
        return FilterResult(with_column(batch, "text", kept), reasons(verdicts), {"macros_found": found})


def clean_paper(text: str, macros: dict[str, str]) -> str:
    """The cleaned files of a paper, joined by LF; of several files without a heading only the LFs are left."""
    if text.startswith(NOT_UTF8):
        raise _PaperLostError("not_utf8")
    bodies = [_body(file) for file in text.split(FILE_SEPARATOR)]
    if any(bodies) and any(_NO_TEMPLATE.search(value) for value in macros.values()):
        raise _PaperLostError("bad_macro")  # The value is escaped as Python text, `\xe9`, which no template may hold.
    cleaned = "\n".join(_expand(body, macros) for body in bodies)
    if not cleaned:
        raise _PaperLostError("empty_text")
    return cleaned


def read_macros(files: list[str]) -> dict[str, str]:
    r"""Macros without arguments whose definition ends its line, `\newcommand` before `\def` in each file.

    The value reaches to the line's last brace: `\def\a{x}\def\b{y}` makes `\a` mean `x}\def\b{y`.
    """
    macros: dict[str, str] = {}
    for file in files:
        found: dict[str, str] = {}
        for pattern in _DEFINITIONS:
            found.update(_definitions(pattern, file))
        macros.update(found)
    return macros


def _definitions(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    position, line_end = 0, -1
    while match := pattern.search(text, position):
        position = match.end()
        if line_end < position:
            line_end = text.find("\n", position)
            line_end = len(text) if line_end < 0 else line_end
        if line_end > position and text[line_end - 1] == "}":
            yield match[1], text[position : line_end - 1]
            position = line_end


def _body(text: str) -> str:
    """A file from its first heading to its bibliography without comments; empty where it has no heading."""
    start = _first_heading(text)
    if start < 0:
        return ""
    text = _COMMENT.sub("", _LINE_COMMENT.sub("", text[start:]))
    last_brace = text.rfind("}")
    for match in _CLOSING.finditer(text):
        if not match[1] or last_brace >= match.end():
            return text[: match.start()]
    return text


def _first_heading(text: str) -> int:
    r"""Where the first heading begins. `\paragraph` is one where a `\subparagraph` follows some `}` after it."""
    last = _last_argument(text, len(text))
    seconds = [match for match in _SECOND.finditer(text) if _is_argument(text, match, 1, last)]
    second = seconds[-1].start() if seconds else -1
    last_before_second = (text.rfind("]{", 0, second) if second >= 0 else -1, second)
    for match in _HEADING.finditer(text):
        if _is_argument(text, match, 2, last_before_second if match[1] == "paragraph" else last):
            return match.start()
    return -1


def _last_argument(text: str, end: int) -> tuple[int, int]:
    """Where the last `]{` with a `}` after it is, and the last `}`."""
    brace = text.rfind("}", 0, end)
    return (text.rfind("]{", 0, brace) if brace >= 0 else -1), brace


def _is_argument(text: str, match: re.Match[str], group: int, last: tuple[int, int]) -> bool:
    """Whether an argument that opens at a match's end, or an option and an argument, ends somewhere after it."""
    option, brace = last
    return brace >= match.end() if match[group] == "{" else option >= match.end()


def _expand(text: str, macros: dict[str, str]) -> str:
    """The text with each macro replaced in turn, where another character than a letter or digit follows its name."""
    work = 0
    for name, value in macros.items():
        count = text.count(name)
        work += len(text) * (_SUBSTITUTION_COST if count else 1)
        if work > _MAX_WORK_CHARS or len(text) + count * len(value) > _MAX_CHARS:
            raise _PaperLostError("paper_too_large")
        if count:
            text = _substitute(text, name, value)
    return text


def _substitute(text: str, name: str, value: str) -> str:
    return re.sub(rf"\{name}([^a-zA-Z0-9])", lambda match: value + match[1], text)
