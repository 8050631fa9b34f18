"""Takes the wrapper of Project Gutenberg, and of its sisters in Australia and Canada, off a book's text."""

import re
from dataclasses import dataclass

from filters.transcriber_notes import after_notes, before_notes

HEADER_LINES = 1200
"""The longest wrapper in front of a text seen is 340 lines."""
FOOTER_LINES = 800
"""The longest one behind it, licence included, is 430 lines."""
_CREDIT_PARAGRAPHS = 8
_CREDIT_LINES = 14
_TITLE_PAGE_LINES = 60
_SISTER_LINES = 200
_ROUNDS = 3
_LINE_CHARS = 400
"""So much of a line of a wrapper is looked at."""

MENTION = re.compile(r"pro[jy]e[ck]?to?[ ]?gutenberg|gutenberg[ ]pro[jy]e[ck]t|progetto gutenberg", re.I)
_GUTENBERG = MENTION.pattern
_OF = r"OF|DIESES|DES|DU|DE|DEL|DI|DO|DA|DESTE|DESSA|VAN|DIT|AF|AV"
_BEGINS = "START|ANFANG|BEGINN|BEGIN|D[EÉ]BUT|INI[CZ]IO|IN[IÍ]CIO|COMIENZO|ALKU"
_ENDS = "END|ENDE|EINDE|FIN|FINE|FIM|SLUT|LOPPU"
_START = re.compile(rf"[ ]?\*{{2,}}[ ]?(?:{_BEGINS})[ ](?:{_OF}).{{0,60}}(?:{_GUTENBERG})", re.I)
_SMALL_PRINT_END = re.compile(
    r"\*+[ ]?(?:END[ *]{0,3}(?:OF )?(?:THE )?SMALL PRINT|SMALL PRINT!.{0,80}\*END\*)|\[\"Small Print\" V\.[\d.]+\]",
    re.I,
)
_END = re.compile(rf"[ ]?\*{{2,}}[ ]?(?:{_ENDS})[ ](?:{_OF}).{{0,60}}(?:{_GUTENBERG})", re.I)
_END_LINE = re.compile(
    rf"[ *]{{0,8}}(?:(?:(?:this is )?(?:the )?end of|ende (?:diese[s]?|des|von)|fin d[eu]l?|fine (?:di|del)|fim d[oae]"
    rf"|einde van|slut på)[ ].{{0,60}}(?:{_GUTENBERG})|\*\*This is a COPYRIGHTED Project Gutenberg Etext, Details)",
    re.I,
)
_FILE_NAME_LINE = re.compile(r"\*{3,}[ ]?This file should be named", re.I)
_SISTER = re.compile(r"\W{0,4}A Project Gutenberg (?:of )?(Australia|Canada) ebook\W{0,4}$", re.I)
_SISTER_HEADER = re.compile(
    r"(?:title|author|ebook no\.|edition|language|character set encoding|date (?:first|most|of)|project gutenberg"
    r"|this e-?(?:book|text) |copyright laws|to contact project|this work is in the canadian|edition used as base"
    r"|this file|http://gutenberg)|-{20,}$|\W*\bA project gutenberg|https?://(?:www\.)?gutenberg\.(?:net\.au|ca)",
    re.I,
)
_SISTER_END = re.compile(
    r"\[_?(?:The )?end of_? [^\[\]]{1,200}\]$|(?:\W{0,4}(?:the )?end of (?:this )?)?project gutenberg"
    r"(?: of)? australia\W*$|this site is full of free ebooks",
    re.I,
)
_LEGAL_BLOCK_BEGINS = "<<THIS ELECTRONIC VERSION OF"
_LEGAL_BLOCK = re.compile(rf"^{_LEGAL_BLOCK_BEGINS}[^<>]{{0,2000}}>>\n*", re.M)

_MADE = "produced|prepared|transcribed|scanned|typed|proof-?read|digiti[sz]ed|entered|created|converted|keyed"
_FILE = "e-?text|e-?book|file|text|electronic (?:text|edition|version)"
_CREDIT = re.compile(
    rf"\[?(?:(?:this |the )?(?:{_FILE}) (?:was|is) (?:\w+ )?(?:{_MADE})\b"
    rf"|(?:e-?text |e-?book )?(?:{_MADE}) (?:by|from|for)\b|html (?:version|file)|distributed proofread|credits:"
    rf"|note: (?:images of the original|project gutenberg (?:also )?has|the original .{{0,40}}(?:can be|are|is) )"
    rf"|(?:produit|pr[ée]par[ée]|num[ée]ris[ée]) par\b|ce document fut pr[ée]sent[ée]|(?:erstellt|produziert) von\b"
    rf"|dieses (?:buch|e-?book|werk) wurde|(?:geproduceerd|gemaakt|bewerkt) door\b|(?:prodotto|preparato) da\b"
    rf"|(?:producido|preparado|digitalizado|produzido) por\b|tuottan(?:ut|eet)\b)",
    re.I,
)
_CREDIT_ANYWHERE = re.compile(r"\b(?:scanned|proof-?read|typed|submitted) by\b", re.I)
_FILE_CREDIT = re.compile(
    rf"\[?(?:this |the )?(?:{_FILE}) (?:(?:was|is) )?(?:\w+ )?(?:{_MADE})\b|(?:the )?internet wiretap\b", re.I
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}")
_WHERE_IT_LIES = re.compile(
    r"(?:gutenberg\.(?:org|net)|pgdp\.net|archive\.org|ibiblio\.org|hathitrust\.org|gallica)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A book's own text, whether the wrapper's two parts were found, and how many notes of its transcriber went."""

    text: str
    header: bool
    footer: bool
    notes: int = 0


def unwrap(text: str) -> Unwrapped:
    """The book without Project Gutenberg's wrapper; a text that has none stays as it is, to the byte."""
    lines = text.split("\n")
    start = _header_end(lines)
    sister = 0 if start else _sister_header_end(lines)
    end = _sister_footer_start(lines, sister) if sister else _footer_start(lines, start)
    if not start and not sister and end == len(lines):
        return Unwrapped(text, header=False, footer=False)
    first, notes = _front(lines, start or sister, end) if start or sister else (0, 0)
    last = before_notes(lines, first, end)
    notes += last < end
    body = lines[first:last]
    if start:
        body = _without_file_credits(body)
    first = next((index for index, line in enumerate(body) if line.strip()), len(body))
    book = "\n".join(body[first:])
    if _LEGAL_BLOCK_BEGINS in book:
        book = _LEGAL_BLOCK.sub("", book)
    return Unwrapped(book.rstrip(), bool(start or sister), end < len(lines), notes)


def _front(lines: list[str], start: int, end: int) -> tuple[int, int]:
    """Index of the book's first line, behind credits and notes of the transcriber; how many notes there are."""
    notes = 0
    for _ in range(_ROUNDS):
        start = _after_credits(lines, start, end)
        after = after_notes(lines, start, end)
        if after == start:
            break
        start, notes = after, notes + 1
    return start, notes


def _header_end(lines: list[str]) -> int:
    """Index of the first line after the header; 0 where there is none."""
    end = 0
    for index, line in enumerate(lines[: min(HEADER_LINES, len(lines))]):
        if "*" not in line and not line.startswith('["'):
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


def _sister_header_end(lines: list[str]) -> int:
    """Index of the first line after the header of Australia's or Canada's Project Gutenberg; 0 where there is none."""
    masthead = next((i for i, line in enumerate(lines[:_SISTER_LINES]) if _SISTER.match(line.strip())), None)
    if masthead is None:
        return 0
    end, index = masthead + 1, masthead + 1
    while index < min(len(lines), masthead + _SISTER_LINES):
        if lines[index].strip():
            if not _SISTER_HEADER.match(lines[index].strip()):
                break
            while index < len(lines) and lines[index].strip():
                index += 1
            end = index
        index += 1
    return end


def _sister_footer_start(lines: list[str], start: int) -> int:
    """Index of the first line of such a footer, which is short; the number of lines where there is none."""
    for index in range(max(start, len(lines) - 40), len(lines)):
        if _SISTER_END.match(lines[index].strip()):
            return index
    return len(lines)


def _after_credits(lines: list[str], start: int, end: int) -> int:
    """Index of the book's first line: behind the paragraphs that say who made the file."""
    for _ in range(_CREDIT_PARAGRAPHS):
        while start < end and not lines[start].strip():
            start += 1
        after = _paragraph_end(lines, start, end)
        paragraph = [line[:_LINE_CHARS].strip() for line in lines[start:after]]
        if not 0 < len(paragraph) <= _CREDIT_LINES or not _is_credit(paragraph):
            return start
        start = after
    return start


def _paragraph_end(lines: list[str], start: int, end: int) -> int:
    while start < end and lines[start].strip():
        start += 1
    return start


def _is_credit(paragraph: list[str]) -> bool:
    if _CREDIT.match(paragraph[0]) or any(_CREDIT_ANYWHERE.search(line) for line in paragraph):
        return True
    return len(paragraph) <= 5 and any(MENTION.search(line) or _WHERE_IT_LIES.search(line) for line in paragraph)


def _without_file_credits(body: list[str]) -> list[str]:
    """The book without credits that stand below its title: of the file, or with an electronic address."""
    kept: list[str] = []
    index, limit = 0, min(len(body), _TITLE_PAGE_LINES)
    while index < limit:
        after = max(index + 1, _paragraph_end(body, index, len(body)))
        paragraph = [line[:_LINE_CHARS].strip() for line in body[index:after]]
        if len(paragraph) > _CREDIT_LINES:
            break
        addressed = _CREDIT.match(paragraph[0]) and any(map(_ADDRESS.search, paragraph))
        if addressed or _FILE_CREDIT.match(paragraph[0]):
            while after < limit and not body[after].strip():
                after += 1
        else:
            kept += body[index:after]
        index = after
    return kept + body[index:]
