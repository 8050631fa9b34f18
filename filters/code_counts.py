"""What the rules on code count in a file: lines, letters and digits, numbers, encoded data. Compiled.

Counts are of code points, not bytes.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

MIN_ENCODED_CHARS = 64
"""A run of letters, digits and `+/=` that is as long as a line of base64 is no word of a program."""

CHARS, LINES, LINE_CHARS, LONGEST_LINE = range(4)
"""Columns of `line_counts`: all characters, lines, characters of lines without terminators, those of the longest."""

MARKS, NUMBER_CHARS, ENCODED_CHARS, LONGEST_RUN = range(4)
"""Columns of `data_counts`: what is no white space, what of it is numbers or encoded data, the longest such run."""

_ALPHANUMERIC, _SPACE, _RUN, _DIGIT, _OF_NUMBER = 1, 2, 4, 8, 16
_LINE_FEED, _RETURN = 0x0A, 0x0D
_KINDS = numba.types.Array(numba.uint8, 1, "C", readonly=True)
_TOTALS = numba.types.Array(numba.int64, 1, "C")
_ROWS = numba.types.Array(numba.int64, 2, "C")


@cache
def _kinds() -> Array:
    """Of each code point what it may be part of."""
    kinds = np.array([_ALPHANUMERIC * one.isalnum() | _SPACE * one.isspace() for one in map(chr, range(0x110000))])
    kinds = kinds.astype(np.uint8)
    for one in map(chr, range(128)):
        kinds[ord(one)] |= _RUN * (one.isalnum() or one in "+/=") | _DIGIT * one.isdigit()
        kinds[ord(one)] |= _OF_NUMBER * (one in "0123456789abcdefABCDEFxXuUlL")
    kinds.flags.writeable = False
    return kinds


def _ends_line(values: Array, at: Any, end: Any, as_python: Any) -> Any:
    """Whether a line ends with the code point at a place: at `\\n` and `\\r`, or wherever `str.splitlines` says."""
    first = values[at]
    if first in (_LINE_FEED, _RETURN):
        return True
    if not as_python:
        return False
    if first < 0x80:
        return 0x0B <= first <= 0x0C or 0x1C <= first <= 0x1E
    if first == 0xC2:
        return values[at + 1] == 0x85
    return first == 0xE2 and values[at + 1] == 0x80 and (values[at + 2] == 0xA8 or values[at + 2] == 0xA9)


_ends_a_line = compiled(numba.boolean(BYTES, numba.int64, numba.int64, numba.boolean))(_ends_line)


@compiled(numba.void(BYTES, OFFSETS, numba.boolean, _ROWS))
def _count_lines(values: Array, offsets: Array, as_python: Any, rows: Array) -> None:
    for text in range(len(offsets) - 1):
        chars = lines = line_chars = longest = line = 0
        start, end = offsets[text], offsets[text + 1]
        for at in range(start, end):
            byte = values[at]
            if byte & 0xC0 == 0x80:
                continue  # no first byte of a code point
            chars += 1
            may_end = byte <= 0x1E or (as_python and byte in (0xC2, 0xE2))
            if not may_end or not _ends_a_line(values, at, end, as_python):
                line += 1
            elif byte != _LINE_FEED or at == start or values[at - 1] != _RETURN:
                lines += 1
                line_chars += line
                longest = max(longest, line)
                line = 0
        rows[text, CHARS] = chars
        rows[text, LINES] = lines + (line > 0)
        rows[text, LINE_CHARS] = line_chars + line
        rows[text, LONGEST_LINE] = max(longest, line)


@compiled(numba.void(BYTES, OFFSETS, _KINDS, _TOTALS))
def _count_alphanumerics(values: Array, offsets: Array, kinds: Array, totals: Array) -> None:
    for text in range(len(offsets) - 1):
        total = 0
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            code = np.int64(values[at])
            if code < 0x80:
                at += 1
            else:
                code, at = next_code_point(values, at, end)
            total += kinds[code] & _ALPHANUMERIC
        totals[text] = total


@compiled(numba.void(BYTES, OFFSETS, _KINDS, _ROWS))
def _count_data(values: Array, offsets: Array, kinds: Array, rows: Array) -> None:
    for text in range(len(offsets) - 1):
        marks = numbers = encoded = longest = 0
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            kind = kinds[values[at]] if values[at] < 0x80 else np.uint8(0)
            start = at
            if kind & _RUN:
                in_number = kind & _DIGIT
                while at < end and values[at] < 0x80 and kinds[values[at]] & _RUN:
                    in_number &= (kinds[values[at]] & _OF_NUMBER) >> 1
                    at += 1
                run = at - start
                marks += run
                if in_number:
                    numbers += run
                elif run >= MIN_ENCODED_CHARS:
                    encoded += run
                if run >= MIN_ENCODED_CHARS:
                    longest = max(longest, run)
            else:
                marks += not kind & _SPACE and values[at] & 0xC0 != 0x80
                at += 1
        rows[text, MARKS], rows[text, NUMBER_CHARS] = marks, numbers
        rows[text, ENCODED_CHARS], rows[text, LONGEST_RUN] = encoded, longest


def line_counts(texts: pa.Array, *, split_as_python: bool = False) -> Array:
    """For each text its characters, lines, characters of lines without terminators, and those of the longest line.

    A line ends at `\\n`, `\\r\\n` or `\\r`, or wherever `str.splitlines` ends one.
    """
    values, offsets = text_buffers(texts)
    rows = np.zeros((len(texts), 4), np.int64)
    _count_lines(values, offsets, split_as_python, rows)
    return rows


def alphanumeric_counts(texts: pa.Array) -> Array:
    """For each text how many characters are letters or digits (`str.isalnum`)."""
    values, offsets = text_buffers(texts)
    totals = np.zeros(len(texts), np.int64)
    _count_alphanumerics(values, offsets, _kinds(), totals)
    return totals


def data_counts(texts: pa.Array) -> Array:
    """For each text its characters that are no blanks of ASCII, those in numbers, those of encoded data, a longest run.

    A run is of ASCII letters, digits and `+/=`. It is a number if it begins with a digit and goes on like one
    (`255`, `0xFFu`, `1e`), encoded data if it is none and has 64 characters or more, as the longest run has.
    """
    values, offsets = text_buffers(texts)
    rows = np.zeros((len(texts), 4), np.int64)
    _count_data(values, offsets, _kinds(), rows)
    return rows
