"""Finds where tags, comments and elements without markup end in HTML, and what is said there: loops over bytes.

Source: HTML Standard (WHATWG), 13.2.5, the states of its tokenizer.
Differs: `<![CDATA[` is a comment of the kind that ends with `>`.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from filters.html_tags import INLINE, TABLES, Tables
from tokenizer.kernels import BYTES, compiled_lean
from tokenizer.trie import NONE, ROOT, step

Array = NDArray[np.uint8]

UNENDED = -1
"""The place behind a tag that never ends."""

_GREATER, _SLASH, _EQUALS, _BANG, _MINUS, _LESS = 0x3E, 0x2F, 0x3D, 0x21, 0x2D, 0x3C
_DOUBLE, _SINGLE, _SPACE = 0x22, 0x27, 0x20
_MAX_NUMBER_DIGITS = 9


@compiled_lean(numba.boolean(numba.int64))
def is_blank(byte: Any) -> Any:
    """Whether it is a space, a tab or a line end."""
    return byte == _SPACE or 0x09 <= byte <= 0x0D


@compiled_lean(numba.boolean(numba.int64))
def is_letter(byte: Any) -> Any:
    """Whether it is a letter of ASCII: only behind one does a name begin."""
    return 0x61 <= (byte | 0x20) <= 0x7A


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64))
def comment_end(values: Array, at: Any, end: Any) -> Any:
    """The place behind what begins with `<!`, `<?` or `</` without a name; `at` is where its `!` or `/` stands."""
    if at + 2 >= end or values[at] != _BANG or values[at + 1] != _MINUS or values[at + 2] != _MINUS:
        while at < end and values[at] != _GREATER:
            at += 1
        return min(at + 1, end)
    at += 3
    dashes, opening = np.int64(0), True  # `<!-->` and `<!--->` are whole
    while at < end:
        byte = values[at]
        if byte == _GREATER and (dashes >= 2 or opening):
            return at + 1
        if byte == _BANG and dashes >= 2 and at + 1 < end and values[at + 1] == _GREATER:
            return at + 2
        dashes = dashes + 1 if byte == _MINUS else np.int64(0)
        opening = opening and dashes == 1
        at += 1
    return end


@compiled_lean(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, TABLES))
def element(values: Array, at: Any, end: Any, tables: Tables) -> Any:
    """The kind of the element whose name begins here, and where the name ends."""
    node: Any = np.int64(ROOT)
    while at < end and not is_blank(values[at]) and values[at] != _SLASH and values[at] != _GREATER:
        if node != NONE:
            byte = values[at]
            node = step(tables.kinds.edges, node, byte | 0x20 if 0x41 <= byte <= 0x5A else byte)
        at += 1
    known = node != NONE and tables.kinds.ids[node] != NONE
    return np.int64(tables.kinds.ids[node]) if known else np.int64(INLINE), at


@compiled_lean(numba.types.UniTuple(numba.int64, 3)(BYTES, numba.int64, numba.int64))
def _value(values: Array, at: Any, end: Any) -> Any:
    """Where an attribute's value begins and ends, and the place behind it."""
    if at < end and (values[at] == _DOUBLE or values[at] == _SINGLE):
        quote = values[at]
        first = at + 1
        at = first
        while at < end and values[at] != quote:
            at += 1
        return first, at, at + 1
    first = at
    while at < end and values[at] != _GREATER and not is_blank(values[at]):
        at += 1
    return first, at, at


@compiled_lean(numba.boolean(BYTES, numba.int64, numba.int64, BYTES))
def _is_named(values: Array, at: Any, end: Any, name: Array) -> Any:
    same = 0
    while at + same < end and same < len(name) and values[at + same] | 0x20 == name[same]:
        same += 1
    return same == len(name) == end - at


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64))
def _number(values: Array, at: Any, end: Any) -> Any:
    """The number written here: at most nine digits, maybe behind a minus; else 1."""
    is_negative = at < end and values[at] == _MINUS
    at += is_negative
    if at >= end or end - at > _MAX_NUMBER_DIGITS:
        return np.int64(1)
    number = np.int64(0)
    while at < end:
        if not 0x30 <= values[at] <= 0x39:
            return np.int64(1)
        number = number * 10 + values[at] - 0x30
        at += 1
    return -number if is_negative else number


@compiled_lean(numba.types.UniTuple(numba.int64, 3)(BYTES, numba.int64, numba.int64, TABLES))
def tag_end(values: Array, at: Any, end: Any, tables: Tables) -> Any:
    """Reads a tag's attributes: the place behind it, whether it ends with `/>`, its number: that in `start`, or 1."""
    closed, number, is_numbered = False, np.int64(1), False
    while at < end:
        byte = values[at]
        if byte == _GREATER:
            return at + 1, np.int64(closed), number
        closed = byte == _SLASH
        at += 1
        if closed or is_blank(byte):
            continue
        name = at - 1
        while at < end and not is_blank(values[at]) and values[at] not in (_SLASH, _GREATER, _EQUALS):
            at += 1
        named = at
        while at < end and is_blank(values[at]):
            at += 1
        if at >= end or values[at] != _EQUALS:
            continue
        at += 1
        while at < end and is_blank(values[at]):
            at += 1
        first, last, at = _value(values, at, end)
        if not is_numbered and _is_named(values, name, named, tables.start):
            number, is_numbered = _number(values, first, last), True
    return np.int64(UNENDED), np.int64(0), number


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, numba.int64))
def end_tag_of_dropped(values: Array, name: Any, at: Any, end: Any) -> Any:
    """The place of the end tag of the element named at `name`; `end` where there is none."""
    while at < end:
        if values[at] == _LESS and at + 1 < end and values[at + 1] == _SLASH:
            place, wanted = at + 2, name
            while place < end and is_letter(values[wanted]) and values[place] | 0x20 == values[wanted] | 0x20:
                place, wanted = place + 1, wanted + 1
            is_whole = not is_letter(values[wanted])
            if is_whole and place < end and (is_blank(values[place]) or values[place] in (_SLASH, _GREATER)):
                return at
        at += 1
    return end
