"""What quality rules count on a page: words, lines, marks. One pass over the text, compiled.

Words lie between white space. A line with nothing but white space is none. Counts are of code points, not bytes.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

COUNTS = (
    "chars newlines words word_chars alphabetic_words hashes ellipses"
    " lines bullet_lines ellipsis_lines terminal_lines short_lines stop_words"
).split()
"""Names of the counts, in the order of the columns."""

SPACE, LETTER, BULLET, TERMINAL = 1, 2, 4, 8
KINDS = numba.types.Array(numba.uint8, 1, "C", readonly=True)
_HASHES = numba.types.Array(numba.uint64, 1, "C", readonly=True)
_ROWS = numba.types.Array(numba.int64, 1, "C")

(_CHARS, _NEWLINES, _WORDS, _WORD_CHARS, _ALPHABETIC, _MARKS, _ELLIPSES) = range(7)
(_LINES, _BULLETS, _ELLIPSIS_LINES, _TERMINALS, _SHORT, _STOPS) = range(7, 13)
_LINE_FEED, _FULL_STOP, _HASH, _ELLIPSIS = 0x0A, 0x2E, 0x23, 0x2026
_HASH_START = np.uint64(0xCBF29CE484222325)
_HASH_PRIME = np.uint64(0x100000001B3)
MAX_STOP_WORDS = 60


@cache
def _plain_kinds() -> Array:
    characters = map(chr, range(0x110000))
    return np.array([SPACE * one.isspace() | LETTER * one.isalpha() for one in characters], np.uint8)


@cache
def kinds(bullets: str = "", terminals: str = "") -> Array:
    """Of each code point whether it is white space, a letter, a bullet, a mark that ends a line."""
    table = _plain_kinds().copy()
    for marks, kind in ((bullets, BULLET), (terminals, TERMINAL)):
        for mark in marks:
            table[ord(mark)] |= kind
    table.flags.writeable = False
    return table


@compiled(numba.uint64(BYTES, numba.int64, numba.int64))
def hash_bytes(values: Array, start: Any, end: Any) -> Any:
    """64 bits of the bytes (FNV-1a, then mixed so that all bits are good)."""
    found = _HASH_START
    for at in range(start, end):
        found = (found ^ np.uint64(values[at])) * _HASH_PRIME
    found ^= found >> np.uint64(32)
    found *= np.uint64(0x9E3779B97F4A7C15)
    return found ^ (found >> np.uint64(29))


@compiled(numba.int64(BYTES, numba.int64, numba.int64, numba.int64, numba.int64, _HASHES, numba.int64, _ROWS))
def _end_word(
    values: Array, start: Any, end: Any, chars: Any, letters: Any, stops: Array, seen: Any, row: Array
) -> Any:
    """Count a word; the stop words seen so far, a bit each."""
    row[_WORDS] += 1
    row[_WORD_CHARS] += chars
    row[_ALPHABETIC] += letters > 0
    if len(stops):
        found = hash_bytes(values, start, end)
        for index in range(len(stops)):
            if stops[index] == found and not seen >> index & 1:
                row[_STOPS] += 1
                seen |= np.int64(1) << index
    return seen


@compiled(numba.void(numba.int64, numba.int64, numba.boolean, numba.boolean, _ROWS))
def _end_line(first: Any, last: Any, ellipsis: Any, short: Any, row: Array) -> None:
    """Count a line that is not blank."""
    if first < 0:
        return
    row[_LINES] += 1
    row[_BULLETS] += (first & BULLET) > 0
    row[_TERMINALS] += (last & TERMINAL) > 0
    row[_ELLIPSIS_LINES] += ellipsis
    row[_SHORT] += short


@compiled(numba.void(BYTES, numba.int64, numba.int64, KINDS, _HASHES, numba.int64, _ROWS))
def _count_text(values: Array, at: Any, end: Any, table: Array, stops: Array, short_chars: Any, row: Array) -> None:
    seen, word, word_chars, letters = np.int64(0), np.int64(at), np.int64(0), np.int64(0)
    line_chars, first, last = np.int64(0), np.int64(-1), np.int64(-1)  # Kinds of a line's ends, -1 where it is blank.
    dots, dots_before, last_code = np.int64(0), np.int64(-1), np.int64(0)
    while at < end:
        code, after = next_code_point(values, at, end)
        kind = np.int64(table[code])
        row[_CHARS] += 1
        if kind & SPACE:
            if word_chars:
                seen = _end_word(values, word, at, word_chars, letters, stops, seen, row)
            word, word_chars, letters = after, np.int64(0), np.int64(0)
        else:
            word_chars += 1
            letters |= kind & LETTER
            dots = (dots + 1 if at == dots_before else np.int64(1)) if code == _FULL_STOP else np.int64(0)
            dots_before = after if code == _FULL_STOP else np.int64(-1)
            row[_ELLIPSES] += code == _ELLIPSIS or (dots > 0 and dots % 3 == 0)
            row[_MARKS] += code == _HASH
            first = kind if first < 0 else first
            last, last_code = kind, code
        if code == _LINE_FEED:
            row[_NEWLINES] += 1
            _end_line(first, last, last_code == _ELLIPSIS or dots >= 3, line_chars <= short_chars, row)
            line_chars, first, last, dots = np.int64(0), np.int64(-1), np.int64(-1), np.int64(0)
        else:
            line_chars += 1
        at = after
    if word_chars:
        _end_word(values, word, end, word_chars, letters, stops, seen, row)
    _end_line(first, last, last_code == _ELLIPSIS or dots >= 3, line_chars <= short_chars, row)


@compiled(numba.int64[:, ::1](BYTES, OFFSETS, KINDS, _HASHES, numba.int64))
def _count(values: Array, offsets: Array, table: Array, stops: Array, short_chars: Any) -> Any:
    rows = np.zeros((len(offsets) - 1, 13), np.int64)
    for text in range(len(offsets) - 1):
        _count_text(values, offsets[text], offsets[text + 1], table, stops, short_chars, rows[text])
    return rows


def page_counts(
    texts: pa.Array, *, bullets: str = "", terminals: str = "", stop_words: tuple[str, ...] = (), short_chars: Any = 0
) -> dict[str, Array]:
    """Each of COUNTS, a number a text.

    `ellipses` are `…` and `...`; a line is short with at most `short_chars`; `stop_words` counts different ones.
    """
    hashes = np.array([word_hash(word) for word in stop_words[:MAX_STOP_WORDS]], np.uint64)
    rows = _count(*text_buffers(texts), kinds(bullets, terminals), hashes, short_chars)
    return dict(zip(COUNTS, rows.T, strict=True))


def word_hash(word: str) -> int:
    """The hash of a word's UTF-8 bytes."""
    data = np.frombuffer(word.encode("utf-8"), np.uint8)
    return int(hash_bytes(data, 0, len(data)))
