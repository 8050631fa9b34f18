"""Raised and lowered parts of a line: digits of their own where there are such, else marks that keep them apart.

Without its tag `n<sup>k</sup>` would read nk. It becomes n^k, x<sub>max</sub> x_max, n<sup>k-1</sup> n^(k-1); an
ordinal as in 2<sup>nd</sup> is left as it is, and words, mostly links to a source, are parted by a blank.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from filters.html_tags import FORM_BYTES, TABLES, Tables
from tokenizer.kernels import compiled_lean

Array = NDArray[np.uint8]

_LINE = numba.uint8[::1]
_SPACE, _OPEN, _CLOSE, _STAR, _PLUS, _MINUS, _SLASH, _EQUALS = 0x20, 0x28, 0x29, 0x2A, 0x2B, 0x2D, 0x2F, 0x3D
_BRACKET, _CARET, _LOW_LINE, _BRACE = 0x5B, 0x5E, 0x5F, 0x7B
_MAX_ORDINAL_BYTES = 3
_MAX_EXPONENT_BYTES = 12


@compiled_lean(numba.boolean(numba.int64))
def _is_lower(byte: Any) -> Any:
    return 0x61 <= byte <= 0x7A


@compiled_lean(numba.boolean(numba.int64))
def _is_digit(byte: Any) -> Any:
    return 0x30 <= byte <= 0x39


@compiled_lean(numba.boolean(_LINE, numba.int64, numba.int64))
def _is_formula(line: Array, start: Any, end: Any) -> Any:
    """Whether it looks like part of one: short, without blanks, with an operator or a digit at its beginning."""
    has_operator = _is_digit(line[start])
    for at in range(start, end):
        if line[at] == _SPACE:
            return False
        has_operator = has_operator or line[at] in (_STAR, _PLUS, _MINUS, _SLASH, _EQUALS)
    return has_operator and end - start <= _MAX_EXPONENT_BYTES


@compiled_lean(numba.int64(_LINE, numba.int64, numba.int64))
def _raised_mark(line: Array, start: Any, end: Any) -> Any:
    """What parts a raised part from what it stands behind: a blank, `^`, `(` for `^(`, or 0 for nothing."""
    if line[start] in (_BRACKET, _OPEN, _STAR):
        return np.int64(0)
    lower = np.int64(0)
    for at in range(start, end):
        lower += _is_lower(line[at])
    before = line[start - 1]
    if lower == end - start and (_is_lower(before | 0x20) or _is_digit(before) or before == _CLOSE):
        if lower == 1 and line[start] not in (0x61, 0x65, 0x6F):  # a, e, o: ordinals, too
            return np.int64(_CARET)
        return np.int64(0 if lower <= _MAX_ORDINAL_BYTES else _SPACE)
    return np.int64(_OPEN if _is_formula(line, start, end) else _SPACE)


@compiled_lean(numba.int64(_LINE, numba.int64, numba.int64))
def _lowered_mark(line: Array, start: Any, end: Any) -> Any:
    """What parts a lowered part from what it stands behind: a blank, `_`, or `(` for `_(`."""
    if _is_formula(line, start, end):
        return np.int64(_OPEN)
    for at in range(start, end):
        if not _is_lower(line[at] | 0x20) and not _is_digit(line[at]):
            return np.int64(_SPACE)
    return np.int64(_LOW_LINE)


@compiled_lean(numba.boolean(_LINE, numba.int64))
def _is_open(line: Array, start: Any) -> Any:
    """Whether a blank, a no-break space or an opening bracket stands before this place."""
    last = line[start - 1]
    return last in (_SPACE, _OPEN, _BRACKET, _BRACE) or (start > 1 and last == 0xA0 and line[start - 2] == 0xC2)


@compiled_lean(numba.int64(_LINE, numba.int64, numba.int64, numba.boolean))
def _set_apart(line: Array, start: Any, end: Any, is_lowered: Any) -> Any:
    """Marks what has no forms of its own, where it stands close behind something else; the line's end."""
    if start in (0, end) or _is_open(line, start):
        return end
    mark = _lowered_mark(line, start, end) if is_lowered else _raised_mark(line, start, end)
    if mark == 0:
        return end
    before = np.int64(2 if mark == _OPEN else 1)
    for at in range(end - 1, start - 1, -1):
        line[at + before] = line[at]
    line[start] = mark
    if mark != _OPEN:
        return end + before
    line[start] = _LOW_LINE if is_lowered else _CARET
    line[start + 1] = _OPEN
    line[end + before] = _CLOSE
    return end + before + 1


@compiled_lean(numba.int64(_LINE, numba.int64, numba.int64, TABLES, numba.int64))
def move(line: Array, start: Any, end: Any, tables: Tables, form: Any) -> Any:
    """Raises (0) or lowers (1) what stands in the line from `start` on; the line's end then."""
    forms = tables.forms[form]
    size, at = np.int64(0), start
    while at < end:
        is_minus = at + 2 < end and line[at] == 0xE2 and line[at + 1] == 0x88 and line[at + 2] == 0x92
        code = _MINUS if is_minus else line[at]
        if code >= 0x80 or not forms[code, 0]:
            return _set_apart(line, start, end, form == 1)
        size += forms[code, 0]
        at += 3 if is_minus else 1
    to = start + size
    while at > start:
        is_minus = line[at - 1] == 0x92  # no other character of those left is longer than a byte
        code = _MINUS if is_minus else line[at - 1]
        at -= 3 if is_minus else 1
        to -= forms[code, 0]
        for byte in range(FORM_BYTES):
            if byte < forms[code, 0]:
                line[to + byte] = forms[code, 1 + byte]
    return start + size
