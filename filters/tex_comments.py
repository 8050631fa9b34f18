"""Takes comments out of TeX source as TeX itself would."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.tex_scan import read_regions

_BLANKS = re.compile(r"[ \t]*")
_EMPTY_LINES = re.compile(r"(?:[ \t]*\n)*")
_BLANK_END = re.compile(r"(?:[^\s\\](?=[ \t])|\\[ \t])([ \t]*)\Z")
_ENDS_WITH_WORD = re.compile(r"\\[A-Za-z@]+\Z")
_MAX_WORD_CHARS = 100
_MAX_INDENT_CHARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TexComments:
    r"""Takes out what TeX does not read: `%` to the line's end, `comment` environments, `\iffalse … \fi`.

    As in TeX, a comment takes its line's end and the next line's indent with it, unless an empty line follows: that is
    still a paragraph's end. Where a blank stands before it the line's end stays instead, which is the same to TeX. `\%`
    is a percent sign, `\\%` a line break and a comment. Verbatim passages, listings and addresses keep their percent
    signs. Conditionals and flags of `\newif` that one pass can decide are decided. A beginning without its end hides
    nothing.

    Source: LLaMA, section 2.1 ("we removed the comments"); Lewkowycz et al. 2022 (Minerva), appendix B.1; the cases of
    google-research/arxiv-latex-cleaner.
    Differs: RedPajama's arxiv_cleaner.py takes the character before `%` too, and knows no `\\%`, verbatim passage,
    `comment` environment or `\iffalse`.
    Reads text. Rewrites text. Rejects: nothing. Counts: comments_removed.
    """

    name: ClassVar[str] = "tex_comments"
    reasons: ClassVar[tuple[str, ...]] = ()

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null: no document is rejected here."""
        cleaned = [remove_comments(text) for text in texts(batch)]
        counts = {"comments_removed": sum(removed for _, removed in cleaned)}
        batch = with_column(batch, "text", [text for text, _ in cleaned])
        return FilterResult(batch, reasons([None] * batch.num_rows), counts)


def remove_comments(text: str) -> tuple[str, int]:
    """The text without its comments, and how many there were."""
    spans = read_regions(text).comments
    pieces: list[str] = [""]
    position = 0
    joined = False
    for start, end in spans:
        if start > position:
            joined = False
            pieces.append(text[position:start])
        if text[start] != "%":
            position = _after_hidden(text, start, end)
        elif not joined and _is_alone(text, start):
            # The whole line is comment: it goes, its indent too; the next line keeps its own.
            pieces[-1] = pieces[-1].rstrip(" \t")
            position = end + 1
        elif start > position and (line := _BLANK_END.search(pieces[-1][-_MAX_INDENT_CHARS:])):
            # A blank and no line end are to TeX what a line end is: the lines stay apart.
            pieces[-1] = pieces[-1][: len(pieces[-1]) - len(line[1])]
            position = end
        else:
            position = _after_line(text, end, pieces[-1])
            joined = position > end
        if pieces[-1].endswith("\n\n"):  # Empty lines around what went are one paragraph's end.
            position = _EMPTY_LINES.match(text, position).end()  # type: ignore[union-attr]
    pieces.append(text[position:])
    return "".join(pieces), len(spans)


def _is_alone(text: str, start: int) -> bool:
    """Whether only blanks stand before `start` on its line."""
    line_start = text.rfind("\n", max(0, start - _MAX_INDENT_CHARS), start) + 1
    return not text[line_start:start].strip() and (line_start > 0 or start < _MAX_INDENT_CHARS)


def _after_line(text: str, end: int, before: str) -> int:
    """Where TeX reads on after a comment that ends at `end` with something before it on its line."""
    following = _BLANKS.match(text, end + 1).end()  # type: ignore[union-attr]
    if following >= len(text) or text[following] == "\n":
        return end
    if text[following].isalpha() and _ENDS_WITH_WORD.search(before[-_MAX_WORD_CHARS:]):
        return end  # `\foo%` before `bar`: joined they would be `\foobar`; TeX skips this line end.
    return following


def _after_hidden(text: str, start: int, end: int) -> int:
    """Where to read on after an environment or conditional: its line goes where nothing else is on it."""
    after = _BLANKS.match(text, end).end()  # type: ignore[union-attr]
    if text[after : after + 1] == "\n" and _is_alone(text, start):
        return after + 1
    return after if text[end - 1].isalpha() else end  # Blanks behind `\fi` or `\else` end its name.
