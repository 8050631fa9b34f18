"""Books: Project Gutenberg's wrappers off, public domain only, near-identical editions once."""

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column

PUBLIC_DOMAIN = "Public domain in the USA"

HEADER_LINES = 1200
"""The longest wrapper in front of a text seen is 340 lines."""
FOOTER_LINES = 800
"""The longest one behind it, licence included, is 430 lines."""
_CREDIT_PARAGRAPHS = 8
_CREDIT_LINES = 14

_GUTENBERG = r"pro[jy]e[ck]?to?[ ]?gutenberg|gutenberg[ ]pro[jy]e[ck]t"
_START = re.compile(
    rf"[ ]?\*{{2,}}[ ]?(?:START|ANFANG|BEGINN|D[EÉ]BUT)[ ](?:OF|DIESES|DES|DU|DE).{{0,60}}(?:{_GUTENBERG})", re.I
)
_SMALL_PRINT_END = re.compile(r"\*+[ ]?(?:END[ *]{0,3}(?:OF )?(?:THE )?SMALL PRINT|SMALL PRINT!.{0,80}\*END\*)", re.I)
_END = re.compile(rf"[ ]?\*{{2,}}[ ]?(?:END|ENDE|FIN)[ ](?:OF|DIESES|DES|DU|DE).{{0,60}}(?:{_GUTENBERG})", re.I)
_END_LINE = re.compile(
    rf"[ *]{{0,8}}(?:(?:this is )?(?:the )?end of|ende (?:dieses|des|von)|fin d[eu]|fine (?:di|del)|fim do|einde van)"
    rf"[ ].{{0,60}}(?:{_GUTENBERG})",
    re.I,
)
_FILE_NAME_LINE = re.compile(r"\*{3,}[ ]?This file should be named", re.I)
_MADE = "produced|prepared|transcribed|scanned|typed|proof-?read|digitized|entered|created|converted"
_CREDIT = re.compile(
    rf"\[?(?:(?:this |the )?(?:e-?text|e-?book|file|text) (?:was|is) (?:\w+ )?(?:{_MADE})\b"
    rf"|(?:e-?text |e-?book )?(?:{_MADE}) (?:by|from|for)\b|html (?:version|file)|distributed proofread|credits:)",
    re.I,
)
_CREDIT_ANYWHERE = re.compile(r"\b(?:scanned|proof-?read|typed|submitted) by\b", re.I)
_MENTION = re.compile(_GUTENBERG, re.I)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A book's own text, and whether the wrapper's two parts were found."""

    text: str
    header: bool
    footer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDomain:
    """Drops the few texts that Project Gutenberg distributes under somebody's copyright.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: "the Gutenberg Project, which contains books that are in the
    public domain".
    Differs: nothing.
    Reads license. Rewrites nothing. Rejects: copyrighted. Counts: nothing.
    """

    name: ClassVar[str] = "books_public_domain"
    reasons: ClassVar[tuple[str, ...]] = ("copyrighted",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        licenses = batch.column("license").to_pylist()
        why = reasons(None if license == PUBLIC_DOMAIN else "copyrighted" for license in licenses)
        return FilterResult(batch, why, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class GutenbergWrapper:
    """Takes off what Project Gutenberg wrote before and after a book: header, small print, credits, licence.

    Source: the files of gutenberg.org, 1991 to today; the marks that c-w/gutenberg's `strip_headers` knows.
    Differs: a mark counts only where a wrapper can be and in its whole form, so that no line of a book is taken for
    one; what the book itself says, a transcriber's note included, stays.
    Reads text. Rewrites text. Rejects: nothing. Counts: header_not_found, footer_not_found.
    """

    name: ClassVar[str] = "books_wrapper"
    reasons: ClassVar[tuple[str, ...]] = ()

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        books = [unwrap(text) for text in texts(batch)]
        counts = {
            "header_not_found": sum(not book.header for book in books),
            "footer_not_found": sum(not book.footer for book in books),
        }
        return FilterResult(
            with_column(batch, "text", [book.text for book in books]), reasons(None for _ in books), counts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LongEnough:
    """Drops texts that are too short to be a book.

    Source: none; the paper gives no length rule.
    Differs: a choice of ours, so that empty files and notices do not count as books.
    Reads text. Rewrites nothing. Rejects: too_few_chars. Counts: nothing.
    """

    name: ClassVar[str] = "books_length"
    reasons: ClassVar[tuple[str, ...]] = ("too_few_chars",)
    min_chars: int = 1000

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ValueError(f"min_chars must be at least 0, got {self.min_chars}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        why = reasons("too_few_chars" if len(text) < self.min_chars else None for text in texts(batch))
        return FilterResult(batch, why, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class DropContainedBooks:
    """Applies the verdict of book deduplication: drops books that a longer one holds.

    Source: Touvron et al. 2023, section 2.1: books with more than 90% content overlap are removed.
    Differs: nothing; how overlap is measured is said in `pipeline/overlap.py`.
    Reads doc_id. Rewrites nothing. Rejects: contained_in_longer_book. Counts: nothing.
    """

    name: ClassVar[str] = "books_overlap"
    reasons: ClassVar[tuple[str, ...]] = ("contained_in_longer_book",)
    dropped: frozenset[bytes] = field(default=frozenset(), repr=False)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        keys = (book_key(doc_id) for doc_id in batch.column("doc_id").to_pylist())
        why = reasons("contained_in_longer_book" if key in self.dropped else None for key in keys)
        return FilterResult(batch, why, {})


def book_key(doc_id: str) -> bytes:
    """Sixteen bytes that stand for a document in packed blocks."""
    return blake2b(doc_id.encode(), digest_size=16).digest()


def unwrap(text: str) -> Unwrapped:
    """The book without Project Gutenberg's wrapper."""
    lines = text.split("\n")
    start = _header_end(lines)
    end = _footer_start(lines, start)
    body = lines[_after_credits(lines, start, end) if start else 0 : end]
    first = next((index for index, line in enumerate(body) if line.strip()), len(body))
    return Unwrapped("\n".join(body[first:]).rstrip(), bool(start), end < len(lines))


def _header_end(lines: list[str]) -> int:
    """Index of the first line after the header; 0 where there is none."""
    end = 0
    for index, line in enumerate(lines[: min(HEADER_LINES, len(lines))]):
        if "***" not in line and "*END" not in line and "PRINT" not in line:
            continue
        if _END.match(line):
            break
        if _START.match(line):
            end = _mark_end(lines, index)
        elif _SMALL_PRINT_END.match(line):
            end = index + 1
    return end


def _mark_end(lines: list[str], index: int) -> int:
    """A mark with a long title runs over several lines, up to its closing stars."""
    for offset in range(5):
        if index + offset < len(lines) and lines[index + offset].rstrip().endswith("***"):
            return index + offset + 1
    return index + 1


def _footer_start(lines: list[str], start: int) -> int:
    """Index of the first line of the footer; the number of lines where there is none."""
    total = len(lines)
    marks = [i for i in range(max(start, total - FOOTER_LINES), total) if "*" in lines[i] and _END.match(lines[i])]
    if marks:
        first = marks[0]
        earlier = (i for i in range(max(start, first - 12), first) if _END_LINE.match(lines[i]))
        return next(earlier, first)
    for index in range(max(start, total - FOOTER_LINES), total):
        if _END_LINE.match(lines[index]) or _FILE_NAME_LINE.match(lines[index]):
            return index
    return total


def _after_credits(lines: list[str], start: int, end: int) -> int:
    """Index of the book's first line: behind the paragraphs that say who made the file."""
    for _ in range(_CREDIT_PARAGRAPHS):
        while start < end and not lines[start].strip():
            start += 1
        after = start
        while after < end and lines[after].strip():
            after += 1
        paragraph = [line.strip() for line in lines[start:after]]
        if not 0 < len(paragraph) <= _CREDIT_LINES or not _is_credit(paragraph):
            return start
        start = after
    return start


def _is_credit(paragraph: list[str]) -> bool:
    if _CREDIT.match(paragraph[0]) or any(_CREDIT_ANYWHERE.search(line) for line in paragraph):
        return True
    return len(paragraph) <= 5 and any(_MENTION.search(line) for line in paragraph)
