"""The attributes of one XML element, read on its own: no document, no declarations, so nothing that could expand.

Source: XML 1.0, fifth edition, 2.2 characters, 3.1 tags, 3.3.3 normalization of attributes, 4.1 references.
Differs: names are ASCII; namespaces are not looked at; references to characters that XML forbids, which old dumps hold,
are a blank.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, OFFSETS, compiled_lean, text_buffers

MAX_ATTRIBUTES = 256
"""More than this no table of a dump has; an element with more is refused."""

Array = NDArray[np.uint8]

_MALFORMED = -1
_ABSENT = -1
_MAX_CODE = 0x10FFFF
_TAB, _LINE_FEED, _RETURN, _SPACE, _DOUBLE, _HASH, _AND, _SINGLE = 0x09, 0x0A, 0x0D, 0x20, 0x22, 0x23, 0x26, 0x27
_SLASH, _SEMICOLON, _LESS, _EQUALS, _GREATER, _X = 0x2F, 0x3B, 0x3C, 0x3D, 0x3E, 0x78
_AMP, _LT, _GT, _QUOT, _APOS = (np.frombuffer(name, np.uint8) for name in (b"amp", b"lt", b"gt", b"quot", b"apos"))


def xml_attributes(element: bytes, name: str, wanted: tuple[str, ...]) -> dict[str, str] | None:
    """Those of the wanted attributes that a tag `<name …>` or `<name …/>` has, None where it is not well-formed."""
    out = np.empty(len(element), np.uint8)
    spans, seen = np.empty((len(wanted), 2), np.int64), np.empty((MAX_ATTRIBUTES, 2), np.int64)
    written = _read(np.frombuffer(element, np.uint8), *_packed((name, *wanted)), out, spans, seen)
    if written == _MALFORMED:
        return None
    try:
        element.decode()
    except UnicodeDecodeError:
        return None
    values = out[:written].tobytes()
    places = zip(wanted, spans.tolist(), strict=True)
    return {name: values[start:end].decode() for name, (start, end) in places if start != _ABSENT}


@cache
def _packed(names: tuple[str, ...]) -> tuple[Array, NDArray[np.int64]]:
    return text_buffers(pa.array(names))


@compiled_lean(numba.boolean(numba.int64))
def _is_blank(byte: Any) -> Any:
    return byte in (_SPACE, _LINE_FEED, _TAB, _RETURN)


@compiled_lean(numba.boolean(numba.int64, numba.boolean))
def _is_of_name(byte: Any, is_first: Any) -> Any:
    letter = 0x61 <= (byte | 0x20) <= 0x7A or byte in (0x3A, 0x5F)  # : _
    return letter or (not is_first and (0x30 <= byte <= 0x39 or byte in (0x2D, 0x2E)))  # - .


@compiled_lean(numba.boolean(BYTES, numba.int64, numba.int64, BYTES, numba.int64, numba.int64))
def _is_same(left: Array, at: Any, end: Any, right: Array, start: Any, stop: Any) -> Any:
    size = end - at
    if size != stop - start:
        return False
    same = np.int64(0)
    while same < size and left[at + same] == right[start + same]:
        same += 1
    return same == size


@compiled_lean(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64))
def _number(element: Array, at: Any, end: Any) -> Any:
    """Reads behind `&#`: the code point and the place of its `;`, or _MALFORMED."""
    base = np.int64(16 if at < end and element[at] == _X else 10)
    at += base == 16
    first, code = at, np.int64(0)
    while at < end and element[at] != _SEMICOLON:
        byte = np.int64(element[at])
        digit = byte - 0x30 if byte <= 0x39 else (byte | 0x20) - 0x57 if (byte | 0x20) >= 0x61 else base
        if digit < 0 or digit >= base:
            return np.int64(_MALFORMED), at
        code = min(code * base + digit, np.int64(_MAX_CODE + 1))
        at += 1
    return code if at > first and code <= _MAX_CODE else np.int64(_MALFORMED), at


@compiled_lean(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64))
def _reference(element: Array, at: Any, end: Any) -> Any:
    """Reads behind `&`: the code point and the place of its `;`, or _MALFORMED. What XML forbids is a blank."""
    if at < end and element[at] == _HASH:
        code, at = _number(element, at + 1, end)
        is_allowed = code >= _SPACE or code in (_TAB, _LINE_FEED, _RETURN)
        if code != _MALFORMED and (not is_allowed or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)):
            code = np.int64(_SPACE)
        return code, at
    first = at
    while at < end and at - first <= 4 and element[at] != _SEMICOLON:
        at += 1
    if _is_same(element, first, at, _LT, 0, 2):
        return np.int64(_LESS), at
    if _is_same(element, first, at, _GT, 0, 2):
        return np.int64(_GREATER), at
    if _is_same(element, first, at, _AMP, 0, 3):
        return np.int64(_AND), at
    if _is_same(element, first, at, _QUOT, 0, 4):
        return np.int64(_DOUBLE), at
    return np.int64(_SINGLE if _is_same(element, first, at, _APOS, 0, 4) else _MALFORMED), at


@compiled_lean(numba.int64(numba.int64, numba.uint8[::1], numba.int64))
def _put(code: Any, out: Array, to: Any) -> Any:
    """Writes a code point in UTF-8, never longer than its reference; the place behind it."""
    if code < 0x80:
        out[to] = code
        return to + 1
    size = 2 if code < 0x800 else 3 if code < 0x10000 else 4
    for place in range(size - 1, 0, -1):
        out[to + place] = 0x80 | code & 0x3F
        code >>= 6
    out[to] = (0xF0 << (4 - size) & 0xFF) | code
    return to + size


@compiled_lean(
    numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, numba.int64, numba.uint8[::1], numba.int64)
)
def _value(element: Array, at: Any, end: Any, quote: Any, out: Array, to: Any) -> Any:
    """Writes the value that begins here; the place of the quote behind it, or _MALFORMED, and the end of `out`."""
    while at < end and element[at] != quote:
        byte = np.int64(element[at])
        if byte == _AND:
            code, at = _reference(element, at + 1, end)
            if code == _MALFORMED or at >= end or element[at] != _SEMICOLON:
                return np.int64(_MALFORMED), to
            to = _put(code, out, to)
        elif byte < _SPACE:
            if not _is_blank(byte):
                return np.int64(_MALFORMED), to
            if byte != _LINE_FEED or element[at - 1] != _RETURN:  # a line end of two characters is one blank
                out[to] = _SPACE
                to += 1
        else:
            is_last = byte in (0xBE, 0xBF) and element[at - 1] == 0xBF and element[at - 2] == 0xEF
            if byte == _LESS or is_last:  # U+FFFE and U+FFFF are no characters
                return np.int64(_MALFORMED), to
            out[to] = byte
            to += 1
        at += 1
    return (at if at < end else np.int64(_MALFORMED)), to


@compiled_lean(numba.types.UniTuple(numba.int64, 3)(BYTES, numba.int64, numba.int64))
def _name(element: Array, at: Any, end: Any) -> Any:
    """Reads blanks, a name, `=` and a quote: where the name begins and ends, the place of the quote, or _MALFORMED."""
    before = at
    while at < end and _is_blank(element[at]):
        at += 1
    name = at
    while at < end and _is_of_name(element[at], at == name):
        at += 1
    named = at
    while at < end and _is_blank(element[at]):
        at += 1
    if name in (before, named) or at >= end or element[at] != _EQUALS:
        return name, named, np.int64(_MALFORMED)
    at += 1
    while at < end and _is_blank(element[at]):
        at += 1
    is_quote = at < end and element[at] in (_DOUBLE, _SINGLE)
    return name, named, at if is_quote else np.int64(_MALFORMED)


@compiled_lean(numba.boolean(BYTES, numba.int64, numba.int64))
def _closes(element: Array, at: Any, end: Any) -> Any:
    """Whether the tag ends here, and nothing follows it."""
    while at < end and _is_blank(element[at]):
        at += 1
    at += at < end and element[at] == _SLASH
    return at + 1 == end and element[at] == _GREATER


_SPANS = numba.int64[:, ::1]


@compiled_lean(numba.int64(BYTES, BYTES, OFFSETS, numba.uint8[::1], _SPANS, _SPANS))
def _read(
    element: Array,
    names: Array,
    offsets: NDArray[np.int64],
    out: Array,
    spans: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> Any:
    """Writes the values one behind the other; the bytes written, or _MALFORMED.

    The first name is the element's, the others are wanted; `spans` says where each one's value lies.
    """
    end, at, to, count = len(element), offsets[1] - offsets[0] + 1, np.int64(0), np.int64(0)
    spans[:, :] = _ABSENT
    if end < at or element[0] != _LESS or not _is_same(element, 1, at, names, offsets[0], offsets[1]):
        return np.int64(_MALFORMED)
    while not _closes(element, at, end):
        name, named, quote = _name(element, at, end)
        if quote == _MALFORMED or count == len(seen):
            return np.int64(_MALFORMED)
        for earlier in range(count):
            if _is_same(element, name, named, element, seen[earlier, 0], seen[earlier, 1]):
                return np.int64(_MALFORMED)
        seen[count, 0], seen[count, 1] = name, named
        count += 1
        start = to
        at, to = _value(element, quote + 1, end, element[quote], out, to)
        if at == _MALFORMED:
            return np.int64(_MALFORMED)
        at += 1
        for wanted in range(1, len(offsets) - 1):
            if _is_same(element, name, named, names, offsets[wanted], offsets[wanted + 1]):
                spans[wanted - 1, 0], spans[wanted - 1, 1] = start, to
    return to
