"""Keeps of an arXiv paper what LLaMA read: from the first section to the bibliography."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.tex_arguments import after_gap
from filters.tex_groups import group_end
from filters.tex_scan import Span, outside, read_regions

_LANDMARK = re.compile(
    r"""\\(?:\\
    |begin\s*\{(?:(?P<document>document)|(?P<part>append(?:ix|ices)|thebibliography|references\*?|chapthebibliography))\}
    |end(?:\s*\{(?P<end>document)\}|(?=\s*\Z))
    |(?P<closing>(?:append(?:ix|ices)|bibliography|printbibliography|putbib|listrefs|Refs|bye|bibitem)(?![A-Za-z])
        |input\s*\{?[^{}\s\\]{1,200}\.bbl(?![A-Za-z]))
    |(?P<plain>(?:beginsection|newsec|subsec)(?![A-Za-z])|head(?=[^A-Za-z].{0,200}?\\endhead))
    |(?P<heading>[A-Za-z]++(?:(?<=section)|(?<=chapter)|(?<=paragraph)|(?<=part))\*?)\s*(?=[\[{]))""",
    re.VERBOSE | re.DOTALL,
)
_HEADING = re.compile(r"(?!the)[A-Za-z]{0,4}?(?:part|chapter|(?:sub){0,2}section|(?:sub)?paragraph)\*?")
_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph")
_REFERENCES = re.compile(
    r"(?:\[[^\]]{0,200}\]\s*)?\{[\\a-z\s{]{0,30}?(?:references?|bibliography|literature cited)[\s.:}]{0,9}\}",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?:\\(?:bibliographystyle\s*\{[^{}]*\}|(?:newpage|clear(?:double)?page)(?![A-Za-z]))\s*)+\Z")
_MAX_TAIL_CHARS = 500
_WRAPPER = re.compile(r"\\[A-Za-z]+\*?\s*\{\s*\Z")
_MAX_WRAPPER_CHARS = 100
_NO_TEXT = re.compile(r"\\[A-Za-z]+\*?\s*(?:\[[^\]{}]*\]\s*)?(?:\{[^{}]*\})?|[\s{}~.\\]+")
_TITLE = re.compile(r"\\title\s*(?:\[[^\]]{0,500}\]\s*)?(?=\{)")
_ABSTRACT = re.compile(r"\\begin\s*\{abstract\*?\}|\\abstract(?![A-Za-z])(?P<groups>\s*(?=\{))?")
_AMS_END = re.compile(r"\\endabstract(?![A-Za-z])")
_ABSTRACT_GROUPS = 5
_END_ABSTRACT = re.compile(r"\\end\s*\{abstract\*?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HasTexSource:
    """Rejects what arXiv holds without TeX: a PDF alone, PostScript, HTML, a notice of withdrawal.

    Source: arXiv's bulk archive, which has a PDF where the authors gave no source (arXiv, "Full text via S3").
    Differs: RedPajama and Minerva leave such papers out unseen.
    Reads text, path. Rewrites nothing. Rejects: pdf_only, no_tex. Counts: nothing.
    """

    name: ClassVar[str] = "arxiv_source"
    reasons: ClassVar[tuple[str, ...]] = ("pdf_only", "no_tex")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where there is TeX."""
        paths = [path or "" for path in batch.column("path").to_pylist()]
        missing = ["pdf_only" if path.endswith(".pdf") else "no_tex" for path in paths]
        verdicts = [None if text.strip() else reason for text, reason in zip(texts(batch), missing, strict=True)]
        return FilterResult(batch, reasons(verdicts), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperBody:
    r"""Keeps a paper from its first section up to its appendix or bibliography, whichever comes first, as TeX source.

    The first heading after `\begin{document}` begins the body: a part, chapter, section, paragraph or one of their
    kin, also plain TeX's. `\appendix`, `\bibliography`, a `thebibliography` or `references` environment, a first
    `\bibitem`, a section called References that is no deeper than the others, or `\end{document}` ends it; what
    follows is out, as in Minerva. With `abstract` the paper's title and abstract come first. `max_chars` bounds what
    is left; 0 is no bound.

    Source: LLaMA, section 2.1 ("everything before the first section, as well as the bibliography"); Lewkowycz et al.
    2022 (Minerva), appendix B.1.
    Differs: Minerva takes title and abstract from arXiv's metadata and drops papers over 75,000 tokens; RedPajama looks
    for sections before comments are out, in each file by itself, and loses files without one.
    Reads text, title. Rewrites text. Rejects: no_section, empty_text, paper_too_large. Counts: abstracts_kept.
    """

    name: ClassVar[str] = "arxiv_body"
    reasons: ClassVar[tuple[str, ...]] = ("no_section", "empty_text", "paper_too_large")
    abstract: bool = False
    max_chars: int = 0

    def __post_init__(self) -> None:
        if self.max_chars < 0:
            raise ValueError(f"max_chars must be at least 0, got {self.max_chars}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; a rejected paper keeps the text it came with."""
        verdicts: list[str | None] = []
        kept: list[str] = []
        abstracts = 0
        for text, title in zip(texts(batch), batch.column("title").to_pylist(), strict=True):
            literals = read_regions(text).literals
            body, start = paper_body(text, literals)
            reason = self._reason(text, body)
            front = front_matter(text[:start], title) if self.abstract and not reason else ""
            abstracts += bool(front)
            verdicts.append(reason)
            kept.append(text if reason or body is None else front + body)
        return FilterResult(with_column(batch, "text", kept), reasons(verdicts), {"abstracts_kept": abstracts})

    def _reason(self, text: str, body: str | None) -> str | None:
        if not text.strip():
            return "empty_text"
        if body is None:
            return "no_section"
        if not _NO_TEXT.sub("", body[:100_000]):
            return "empty_text"
        return "paper_too_large" if self.max_chars and len(body) > self.max_chars else None


def paper_body(text: str, literals: tuple[Span, ...]) -> tuple[str | None, int]:
    """The text from its first heading to what ends it, and where that heading is; None where there is no heading."""
    landmarks = list(_landmarks(text, literals))
    begin = next((match.end() for match in landmarks if match["document"]), 0)
    start, shown, top = -1, 0, len(_LEVELS)
    for match in landmarks:
        if match.start() < begin:
            continue
        if match["document"] or (match["end"] and shown):
            shown += 1 if match["document"] else -1  # A whole document that is shown in this one.
            continue
        level = _level(match)
        if level is not None and (level > top or not _REFERENCES.match(text, match.end())):
            start, top = _outer_start(text, match.start()) if start < 0 else start, min(top, level)
        elif start >= 0:
            return _ended(text, start, match.start()), start
        elif match[0].startswith(r"\end") or match[0] == r"\bye":
            break
    return (_ended(text, start, len(text)), start) if start >= 0 else (None, 0)


def _ended(text: str, start: int, end: int) -> str:
    """The body without what sets the bibliography's style and page at its end."""
    tail = _TAIL.search(text, max(start, end - _MAX_TAIL_CHARS), end)
    return text[start : tail.start() if tail else end].rstrip() + "\n"


def _outer_start(text: str, start: int) -> int:
    """Where the command begins that has a heading as its argument; the heading's own start where none has."""
    wrapper = _WRAPPER.search(text, max(0, start - _MAX_WRAPPER_CHARS), start)
    return wrapper.start() if wrapper else start


def _level(match: re.Match[str]) -> int | None:
    """How deep a heading is, a part being 0; None where a landmark is none. Plain TeX's are sections."""
    if not match["heading"]:
        return _LEVELS.index("section") if match["plain"] else None
    name = match["heading"].rstrip("*")
    return next(level for level, kind in reversed(list(enumerate(_LEVELS))) if name.endswith(kind))


def _landmarks(text: str, literals: tuple[Span, ...]) -> Iterator[re.Match[str]]:
    """What steers the search for the body, outside of literal passages, in the text's order."""
    found = {
        match.start(): match
        for match in _LANDMARK.finditer(text)
        if len(match[0]) > 2 and not (match["heading"] and not _HEADING.fullmatch(match["heading"]))
    }
    return (found[start] for start, _ in outside((match.span() for match in found.values()), literals))


def front_matter(front: str, title: str | None) -> str:
    r"""The `\title` and the abstract of what stands before the body, as TeX, each followed by an empty line."""
    heading = _TITLE.search(front)
    end = group_end(front, heading.end(), len(front)) if heading else -1
    titled = front[heading.start() : end] if heading and end >= 0 else f"\\title{{{title}}}" if title else ""
    return "".join(f"{part}\n\n" for part in (titled, _abstract(front)) if part)


def _abstract(front: str) -> str:
    r"""The abstract: an environment, AMS-TeX's, `\abstract` with a group or, in Astronomy & Astrophysics, five."""
    opening = _ABSTRACT.search(front)
    if not opening:
        return ""
    if opening["groups"] is None:
        closing = (_END_ABSTRACT if opening[0].startswith(r"\begin") else _AMS_END).search(front, opening.end())
        return front[opening.start() : closing.end()] if closing else ""
    end = opening.start()
    position = opening.end()
    for _ in range(_ABSTRACT_GROUPS):
        group = group_end(front, position, len(front)) if front.startswith("{", position) else -1
        if group < 0:
            break
        end, position = group, after_gap(front, group)
    return front[opening.start() : end]
