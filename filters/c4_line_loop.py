"""C4's line rules as loops over UTF-8 bytes: which lines of a page stay, and what is left of each."""

from typing import Any

import numba
import numpy as np

from filters.blanks import is_blank, strip
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point

Array = np.ndarray[Any, Any]

PASSED, TOO_LONG_WORD, NO_ENDMARK, TOO_SHORT, JAVASCRIPT, POLICY = range(6)
LINE_VERDICTS = ("passed", "too_long_word", "no_endmark", "too_short", "javascript", "policy")
LOREM_IPSUM, CURLY_BRACKET = 1, 2
"""Verdicts on pages; 0 where nothing is wrong so far."""
_LOREM, _JAVASCRIPT, _BRACKET, _POLICY = 1, 2, 4, 8

_PHRASES = (
    (b"lorem ipsum", _LOREM),
    (b"javascript", _JAVASCRIPT),
    (b"{", _BRACKET),
    (b"terms of use", _POLICY),
    (b"privacy policy", _POLICY),
    (b"cookie policy", _POLICY),
    (b"uses cookies", _POLICY),
    (b"use of cookies", _POLICY),
    (b"use cookies", _POLICY),
)
_PHRASE_BYTES = np.frombuffer(b"".join(phrase for phrase, _ in _PHRASES), np.uint8)
_PHRASE_ENDS = np.cumsum([0, *(len(phrase) for phrase, _ in _PHRASES)])
_PHRASE_FLAGS = np.array([flag for _, flag in _PHRASES])
_CITATIONS = np.frombuffer(b"[edit][citation needed]", np.uint8)
_EDIT_BYTES = 6


def _bytes_at(place: int) -> Array:
    """For each byte the phrases, as bits, that may have it there; a phrase that is shorter may have any."""
    table = np.zeros(256, np.uint16)
    for bit, (phrase, _) in enumerate(_PHRASES):
        here = phrase[place : place + 1]
        table[list(here.lower() + here.upper()) if here else slice(None)] |= 1 << bit
    return table


_MAY_OPEN, _MAY_FOLLOW = _bytes_at(0), _bytes_at(1)

_MUTABLE = numba.uint8[::1]
_DIGITS = numba.types.Array(numba.boolean, 1, "C", readonly=True)
_INT = numba.int64
_SPAN = numba.types.UniTuple(_INT, 2)


def decimal_digits() -> Array:
    """For each code point whether it is a decimal digit, as `\\d` has it."""
    table = np.array([chr(code).isdecimal() for code in range(0x20000)])
    table.setflags(write=False)
    return table


@compiled(numba.types.UniTuple(_INT, 3)(BYTES, _INT, _INT))
def _line(values: Array, start: int, end: int) -> Any:
    """Where the line ends, where the next one begins, and whether it has a square bracket; as `str.splitlines`."""
    bracket = 0
    at = start
    while at < end:
        byte = values[at]
        if byte == 0x5B:
            bracket = 1
        elif byte < 0x1F:
            if byte == 13 and at + 1 < end and values[at + 1] == 10:
                return at, at + 2, bracket
            if 10 <= byte <= 13 or byte >= 28:
                return at, at + 1, bracket
        elif byte == 0xC2 and values[at + 1] == 0x85:
            return at, at + 2, bracket
        elif byte == 0xE2 and values[at + 1] == 0x80 and values[at + 2] in (0xA8, 0xA9):
            return at, at + 3, bracket
        at += 1
    return end, end, bracket


@compiled(_SPAN(BYTES, _INT, _INT))
def _words(values: Array, start: int, end: int) -> Any:
    """How many words the span has, and how many characters the longest."""
    words = longest = length = 0
    while start < end:
        code, start = next_code_point(values, start, end)
        if is_blank(code):
            length = 0
        else:
            words += length == 0
            length += 1
            longest = max(longest, length)
    return words, longest


@compiled(numba.boolean(BYTES, _INT, _INT, BYTES, _INT, _INT))
def _begins_with(values: Array, at: int, end: int, phrase: Array, first: int, last: int) -> bool:
    """Whether the lower-cased text begins with the phrase there. The Kelvin sign's small letter is a k."""
    for index in range(first, last):
        if at >= end:
            return False
        byte = values[at]
        if byte == 0xE2 and values[at + 1] == 0x84 and values[at + 2] == 0xAA:
            byte = np.uint8(0x6B)
            at += 2
        elif 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte != phrase[index]:
            return False
        at += 1
    return True


@compiled(_INT(BYTES, _INT, _INT))
def _phrases(values: Array, start: int, end: int) -> int:
    """Which phrases the span holds, as flags."""
    flags = 0
    for at in range(start, end):
        flag = _MAY_OPEN[values[at]]
        if not flag or (at + 1 < end and not flag & _MAY_FOLLOW[values[at + 1]]):
            continue
        for index in range(len(_PHRASE_FLAGS)):
            if _begins_with(values, at, end, _PHRASE_BYTES, _PHRASE_ENDS[index], _PHRASE_ENDS[index + 1]):
                flags |= _PHRASE_FLAGS[index]
    return flags


@compiled(_INT(BYTES, _INT, _INT, _DIGITS))
def _citation_end(values: Array, start: int, end: int, digits: Array) -> int:
    """Where the citation mark ends that begins at the square bracket; the bracket itself where there is none."""
    for first, last in ((0, _EDIT_BYTES), (_EDIT_BYTES, len(_CITATIONS))):
        size = last - first
        if end - start >= size and (values[start : start + size] == _CITATIONS[first:last]).all():
            return start + size
    at = start + 1
    while at < end:
        if values[at] == 0x5D:
            return at + 1
        code, at = next_code_point(values, at, end)
        if code >= len(digits) or not digits[code]:
            break
    return start


@compiled(_INT(BYTES, _INT, _INT, _DIGITS, _MUTABLE, _INT))
def _without_citations(values: Array, start: int, end: int, digits: Array, out: Array, at: int) -> int:
    """Copy the span to `out` without `[1]`, `[]`, `[edit]`, `[citation needed]`; where it ends there."""
    while start < end:
        after = _citation_end(values, start, end, digits) if values[start] == 0x5B else start
        if after == start:
            out[at] = values[start]
            at += 1
            start += 1
        else:
            start = after
    return at


@compiled(numba.boolean(BYTES, _INT, _INT))
def _ends_in_mark(values: Array, start: int, end: int) -> bool:
    """Whether the span ends in `.`, `?`, `!` or `"`, and not in three full stops."""
    if end == start:
        return False
    if values[end - 1] == 0x2E:
        return not (end - start >= 3 and values[end - 2] == 0x2E and values[end - 3] == 0x2E)
    return values[end - 1] in (0x3F, 0x21, 0x22)


@compiled(numba.boolean(BYTES, _INT, _INT))
def _ends_in_curly_quote(values: Array, start: int, end: int) -> bool:
    """Whether the span ends in a closing double quote, or in a mark and a closing single one: that may be a letter."""
    if end - start <= 3 or values[end - 3] != 0xE2 or values[end - 2] != 0x80:
        return False
    return values[end - 1] == 0x9D or (values[end - 1] == 0x99 and _ends_in_mark(values, start, end - 3))


@compiled(_SPAN(BYTES, _INT, _INT, _INT, numba.boolean))
def _judge(values: Array, start: int, end: int, min_words: int, curly_quotes: bool) -> Any:
    """A line's verdict, then the page's; the line is stripped and has no citations."""
    if not _ends_in_mark(values, start, end) and not (curly_quotes and _ends_in_curly_quote(values, start, end)):
        return NO_ENDMARK, 0
    if _words(values, start, end)[0] < min_words:
        return TOO_SHORT, 0
    flags = _phrases(values, start, end)
    if flags & _LOREM:
        return PASSED, LOREM_IPSUM
    if flags & _JAVASCRIPT:
        return JAVASCRIPT, 0
    if flags & _BRACKET:
        return PASSED, CURLY_BRACKET
    return POLICY if flags & _POLICY else PASSED, 0


@compiled(
    numba.types.Tuple((_INT, _INT))(
        BYTES, _INT, _INT, _DIGITS, _INT, _INT, numba.boolean, numba.boolean, numba.int64[::1], _MUTABLE, _INT
    )
)
def _page(
    values: Array,
    start: int,
    end: int,
    digits: Array,
    min_words: int,
    max_word_chars: int,
    strip_again: bool,
    curly_quotes: bool,
    counts: Array,
    out: Array,
    at: int,
) -> Any:
    """Write a page's lines to `out` from `at` on, a line feed behind each; where they end, and the page's verdict."""
    while start < end:
        line_end, after, has_bracket = _line(values, start, end)
        first, last = strip(values, start, line_end)
        start = after
        if last - first > max_word_chars and _words(values, first, last)[1] > max_word_chars:
            counts[TOO_LONG_WORD] += 1
            continue
        if has_bracket:
            last = _without_citations(values, first, last, digits, out, at)
            first, last = strip(out, at, last) if strip_again else (at, last)
            line, page = _judge(out, first, last, min_words, curly_quotes)
        else:
            line, page = _judge(values, first, last, min_words, curly_quotes)
        if page:
            return at, page
        counts[line] += 1
        if line == PASSED:
            for index in range(first, last):
                out[at] = out[index] if has_bracket else values[index]
                at += 1
            out[at] = 10
            at += 1
    return at, 0


@compiled(
    numba.types.Tuple((numba.uint8[::1], numba.int64[::1], numba.int8[::1], numba.int64[::1]))(
        BYTES, OFFSETS, _DIGITS, _INT, _INT, numba.boolean, numba.boolean
    )
)
def clean_pages(
    values: Array,
    offsets: Array,
    digits: Array,
    min_words: int,
    max_word_chars: int,
    strip_again: bool,
    curly_quotes: bool,
) -> Any:
    """What stays of each page as bytes and offsets, each page's verdict, and the number of lines of each verdict.

    `strip_again`: a line is stripped once more when citations have gone; `curly_quotes`: closing ones end a sentence.
    """
    pages = len(offsets) - 1
    out = np.empty(offsets[pages] - offsets[0] + pages + 1, np.uint8)
    ends = np.zeros(pages + 1, np.int64)
    verdicts = np.zeros(pages, np.int8)
    counts = np.zeros(6, np.int64)
    for page in range(pages):
        start, end, at = offsets[page], offsets[page + 1], ends[page]
        rules = (min_words, max_word_chars, strip_again, curly_quotes)
        last, verdicts[page] = _page(values, start, end, digits, *rules, counts, out, at)
        first, last = strip(out, at, last)
        if first > at:
            for index in range(last - first):
                out[at + index] = out[first + index]
        ends[page + 1] = at + (last - first)
    return out[: ends[pages]].copy(), ends, verdicts, counts
