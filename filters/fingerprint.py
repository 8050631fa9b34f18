"""Fingerprints of lines and documents, computed over Arrow's UTF-8 buffers.

A line's key is XXH64 (seed 0) of the UTF-8 bytes of its form under `normalize_for_dedup`. CCNet takes eight bytes of
SHA-1; which hash it is matters to nobody who only asks whether two keys are the same. The loop here gives exactly what
`xxh64(normalize_for_dedup(line).encode())` gives; the tests hold the two together.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.normalize import normalize_for_dedup
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(0x9E3779B185EBCA87),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0x85EBCA77C2B2AE63),
    np.uint64(0x27D4EB2F165667C5),
)
_WORD = numba.uint64
_CODE_POINTS = numba.types.Array(numba.uint32, 1, "C", readonly=True)
_SCRATCH = numba.uint8[::1]

MAPPED_CODE_POINTS = 0x20000
"""Above these planes no character has a case, is a digit, blank or control character."""
_BLANK = np.uint32(1 << 31)
_LEFT_OUT = np.uint32(1 << 30)
_CODE_POINT = np.uint32((1 << 30) - 1)
_ASK_PYTHON = -1  # The length of a form that the loop cannot give.


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of an array of texts, one element a line, in order; an empty text has one empty line.

    `start` and `end` are byte offsets into `values` without the line feed; `blank` lines hold nothing but white space.
    """

    keys: Array
    document: Array
    start: Array
    end: Array
    blank: Array
    values: Array


def line_keys(texts: pa.Array) -> Lines:
    """Every line of every text, split at line feeds alone, with its 64-bit key."""
    values, offsets = text_buffers(texts)
    document, start, end = _split_lines(values, offsets)
    keys, blank, ask = _hash_lines(values, start, end, _code_point_table())
    for index in np.flatnonzero(ask):
        form = normalize_for_dedup(values[start[index] : end[index]].tobytes().decode()).encode()
        keys[index] = xxh64(np.frombuffer(form, np.uint8), len(form))
    return Lines(keys, document, start, end, blank, values)


def document_keys(texts: pa.Array) -> Array:
    """128 bits of BLAKE2b of each text's exact UTF-8 bytes, as an (n, 2) array of uint64."""
    values, offsets = text_buffers(texts)
    data: Any = values.data
    ends = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    digests = b"".join(hashlib.blake2b(data[start:end], digest_size=16).digest() for start, end in ends)
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


@cache
def _code_point_table() -> Array:
    """What becomes of each code point in a line's key: its image, or left out; and whether it is blank."""
    table = np.arange(MAPPED_CODE_POINTS, dtype=np.uint32)
    for code in range(MAPPED_CODE_POINTS):
        character = chr(code)
        lowered = character.lower()
        # Two characters have no single image of their own: the loop knows what to do with both.
        form = lowered.translate(_KEY_OF) if len(lowered) == 1 else character
        table[code] = ord(form) if form else _LEFT_OUT
        if character.isspace():
            table[code] |= _BLANK
    table.setflags(write=False)
    return table


class _KeyOf(dict[int, str]):
    """One character's form in a key, alone and not stripped: white space is normalised between two letters."""

    def __missing__(self, code: int) -> str:
        return normalize_for_dedup(f"x{chr(code)}x")[1:-1]


_KEY_OF = _KeyOf()


@compiled(numba.types.Tuple((numba.int32[::1], numba.int64[::1], numba.int64[::1]))(BYTES, OFFSETS))
def _split_lines(values: Array, offsets: Array) -> tuple[Array, Array, Array]:
    documents = len(offsets) - 1
    lines = documents
    for at in range(offsets[0], offsets[documents]):
        lines += values[at] == 10
    document = np.empty(lines, np.int32)
    start = np.empty(lines, np.int64)
    end = np.empty(lines, np.int64)
    line = 0
    for index in range(documents):
        begin = offsets[index]
        for at in range(offsets[index], offsets[index + 1] + 1):
            if at == offsets[index + 1] or values[at] == 10:
                document[line] = index
                start[line] = begin
                end[line] = at
                begin = at + 1
                line += 1
    return document, start, end


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, _CODE_POINTS))
def _strip(values: Array, start: int, end: int, table: Array) -> tuple[int, int]:
    """The line without white space at its ends."""
    while start < end:
        code, after = next_code_point(values, start, end)
        if code >= MAPPED_CODE_POINTS or not table[code] & _BLANK:
            break
        start = after
    while start < end:
        last = end - 1
        while last > start and values[last] & 0xC0 == 0x80:
            last -= 1
        code, _ = next_code_point(values, last, end)
        if code >= MAPPED_CODE_POINTS or not table[code] & _BLANK:
            break
        end = last
    return start, end


@compiled(numba.int64(_SCRATCH, numba.int64, numba.int64))
def _encode(form: Array, length: int, code: Any) -> int:
    """Append a code point's UTF-8 bytes; the new length."""
    if code < 0x80:
        form[length] = code
        return length + 1
    if code < 0x800:
        form[length] = 0xC0 | code >> 6
        form[length + 1] = 0x80 | code & 0x3F
        return length + 2
    if code < 0x10000:
        form[length] = 0xE0 | code >> 12
        form[length + 1] = 0x80 | code >> 6 & 0x3F
        form[length + 2] = 0x80 | code & 0x3F
        return length + 3
    form[length] = 0xF0 | code >> 18
    form[length + 1] = 0x80 | code >> 12 & 0x3F
    form[length + 2] = 0x80 | code >> 6 & 0x3F
    form[length + 3] = 0x80 | code & 0x3F
    return length + 4


@compiled(numba.int64(BYTES, numba.int64, numba.int64, _CODE_POINTS, _SCRATCH))
def _normalize(values: Array, start: int, end: int, table: Array, form: Array) -> int:
    """Write a stripped line's form; its length, or `_ASK_PYTHON` where lower case hangs on the letters around."""
    length = 0
    while start < end:
        code, start = next_code_point(values, start, end)
        if code == 0x3A3:  # Capital sigma has two small ones.
            return _ASK_PYTHON
        if code == 0x130:  # Dotted capital I becomes an i and a dot of its own.
            length = _encode(form, length, 0x69)
            length = _encode(form, length, 0x307)
        elif code >= MAPPED_CODE_POINTS:
            length = _encode(form, length, code)
        elif not table[code] & _LEFT_OUT:
            length = _encode(form, length, np.int64(table[code] & _CODE_POINT))
    return length


@compiled(_WORD(_WORD, numba.int64))
def _rotate(word: Any, by: int) -> Any:
    return word << np.uint64(by) | word >> np.uint64(64 - by)


@compiled(_WORD(_WORD, _WORD))
def _mix(lane: Any, word: Any) -> Any:
    return _rotate(lane + word * _P2, 31) * _P1


@compiled(_WORD(BYTES, numba.int64, numba.int64))
def _little_endian(data: Array, at: int, size: int) -> Any:
    word = np.uint64(0)
    for index in range(size):
        word |= np.uint64(data[at + index]) << np.uint64(8 * index)
    return word


@compiled(_WORD(BYTES, numba.int64))
def xxh64(data: Array, length: int) -> Any:
    """XXH64 with seed 0 of the first `length` bytes (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""
    at = 0
    digest = _P5
    if length >= 32:
        one, two, three, four = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
        while at + 32 <= length:
            one = _mix(one, _little_endian(data, at, 8))
            two = _mix(two, _little_endian(data, at + 8, 8))
            three = _mix(three, _little_endian(data, at + 16, 8))
            four = _mix(four, _little_endian(data, at + 24, 8))
            at += 32
        digest = _rotate(one, 1) + _rotate(two, 7) + _rotate(three, 12) + _rotate(four, 18)
        for lane in (one, two, three, four):
            digest = (digest ^ _mix(np.uint64(0), lane)) * _P1 + _P4
    digest += np.uint64(length)
    while at + 8 <= length:
        digest = _rotate(digest ^ _mix(np.uint64(0), _little_endian(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= length:
        digest = _rotate(digest ^ _little_endian(data, at, 4) * _P1, 23) * _P2 + _P3
        at += 4
    while at < length:
        digest = _rotate(digest ^ np.uint64(data[at]) * _P5, 11) * _P1
        at += 1
    digest = (digest ^ digest >> np.uint64(33)) * _P2
    digest = (digest ^ digest >> np.uint64(29)) * _P3
    return digest ^ digest >> np.uint64(32)


@compiled(
    numba.types.Tuple((numba.uint64[::1], numba.boolean[::1], numba.boolean[::1]))(
        BYTES, OFFSETS, OFFSETS, _CODE_POINTS
    )
)
def _hash_lines(values: Array, start: Array, end: Array, table: Array) -> tuple[Array, Array, Array]:
    keys = np.empty(len(start), np.uint64)
    blank = np.empty(len(start), np.bool_)
    ask = np.zeros(len(start), np.bool_)
    longest = np.int64(0)
    for line in range(len(start)):
        longest = max(longest, end[line] - start[line])
    form = np.empty(2 * longest, np.uint8)  # Lower case takes at most three bytes for two.
    for line in range(len(start)):
        first, last = _strip(values, start[line], end[line], table)
        blank[line] = first == last
        length = _normalize(values, first, last, table, form)
        ask[line] = length == _ASK_PYTHON
        keys[line] = np.uint64(0) if ask[line] else xxh64(form, length)
    return keys, blank, ask
