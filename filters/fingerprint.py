"""Fingerprints of lines and documents, computed over Arrow's UTF-8 buffers.

A line's key is CCNet's: the first eight bytes of SHA-1 of the UTF-8 bytes of its form under `normalize_for_dedup`, as
a little-endian number. The loop here gives exactly what plain Python gives; the tests hold the two together.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.blanks import strip
from filters.line_forms import CHANGES, SPARE_BYTES, TABLE, UNKNOWN, change_table, form_table, write_form
from filters.normalize import normalize_for_dedup
from filters.sha1 import BLOCK_BYTES, hash_messages, pad, padded_blocks
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers
from tokenizer.vectors import BLOCK_BYTES as LOOK_BYTES
from tokenizer.vectors import matching_bytes, trailing_zeros

Array = np.ndarray[Any, Any]

EMPTY_KEY = int.from_bytes(hashlib.sha1(b"").digest()[:8], "little")
"""The key that blank lines share, and lines of nothing but marks that a key leaves out."""

_LINE_FEED = np.uint8(10)
_PENDING_BYTES = 1 << 15  # Forms that are hashed together: they and the text they come from stay in the cache.


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
    keys, blank, ask = _hash_lines(values, start, end, form_table(), change_table())
    for index in np.flatnonzero(ask):
        form = normalize_for_dedup(values[start[index] : end[index]].tobytes().decode()).encode()
        keys[index] = int.from_bytes(hashlib.sha1(form).digest()[:8], "little")
    return Lines(keys, document, start, end, blank, values)


def document_keys(texts: pa.Array) -> Array:
    """128 bits of BLAKE2b of each text's exact UTF-8 bytes, as an (n, 2) array of uint64."""
    values, offsets = text_buffers(texts)
    data: Any = values.data
    ends = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    digests = b"".join(hashlib.blake2b(data[start:end], digest_size=16).digest() for start, end in ends)
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


@compiled(numba.types.Tuple((numba.int32[::1], numba.int64[::1], numba.int64[::1]))(BYTES, OFFSETS))
def _split_lines(values: Array, offsets: Array) -> tuple[Array, Array, Array]:
    documents = len(offsets) - 1
    lines = documents
    for byte in values[offsets[0] : offsets[documents]]:
        lines += byte == _LINE_FEED
    document = np.empty(lines, np.int32)
    start = np.empty(lines, np.int64)
    end = np.empty(lines, np.int64)
    line = 0
    for index in range(documents):
        at, last = offsets[index], offsets[index + 1]
        start[line] = at
        while at < last:
            size = min(np.int64(LOOK_BYTES), last - at)
            if at + LOOK_BYTES <= len(values):
                found = matching_bytes(values, at, _LINE_FEED)
            else:
                found = np.uint64(0)
                for place in range(size):
                    found |= np.uint64(values[at + place] == _LINE_FEED) << np.uint64(place)
            while trailing_zeros(found) < size:
                document[line] = index
                end[line] = at + trailing_zeros(found)
                start[line + 1] = end[line] + 1
                line += 1
                found &= found - np.uint64(1)
            at += size
        document[line] = index
        end[line] = last
        line += 1
    return document, start, end


@compiled(numba.int64(numba.int64))
def _room(length: int) -> int:
    """Bytes that the form of a line may take with its padding: lower case takes at most three bytes for two."""
    return padded_blocks(length * 3 // 2 + SPARE_BYTES + 1) * BLOCK_BYTES


@compiled(
    numba.types.Tuple((numba.uint64[::1], numba.boolean[::1], numba.boolean[::1]))(
        BYTES, OFFSETS, OFFSETS, TABLE, CHANGES
    )
)
def _hash_lines(values: Array, start: Array, end: Array, table: Array, changes: Array) -> tuple[Array, Array, Array]:
    keys = np.full(len(start), EMPTY_KEY, np.uint64)
    blank = np.empty(len(start), np.bool_)
    ask = np.zeros(len(start), np.bool_)
    longest: Any = np.int64(0)
    for line in range(len(start)):
        longest = max(longest, end[line] - start[line])
    room = max(_PENDING_BYTES, _room(longest))
    forms = np.empty(room, np.uint8)
    first = np.zeros(room // BLOCK_BYTES + 1, np.int64)
    place = np.empty(room // BLOCK_BYTES, np.int64)
    pending = 0
    for line in range(len(start)):
        begin, last = strip(values, start[line], end[line])
        blank[line] = begin == last
        if begin == last:
            continue
        base = first[pending] * BLOCK_BYTES
        if base + _room(last - begin) > room:
            hash_messages(forms, first, pending, place, keys)
            pending = base = 0
        length = write_form(values, begin, last, table, changes, forms, base)
        ask[line] = length == UNKNOWN
        if length > 0:
            pad(forms, base, length)
            place[pending] = line
            first[pending + 1] = first[pending] + padded_blocks(length)
            pending += 1
    hash_messages(forms, first, pending, place, keys)
    return keys, blank, ask
