"""How much of a page repeats: lines, paragraphs, runs of words. Compiled; linear in the text.

Source: Rae et al. 2021, section A.1.1, table A1; huggingface/datatrove gopher_repetition_filter.py, whose
reading of the paper this is: a line, paragraph or run counts as a repetition from its second occurrence on.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.page_counts import KINDS, SPACE, hash_bytes, kinds
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

TOP_WORDS = (2, 3, 4)
REPEATED_WORDS = (5, 6, 7, 8, 9, 10)
MAX_UNITS = 1 << 20
"""So many lines, paragraphs and words of a text are looked at, so that memory is bounded."""

COUNTS = (
    "chars",
    *("lines", "repeated_lines", "repeated_line_chars"),
    *("paragraphs", "repeated_paragraphs", "repeated_paragraph_chars"),
    *(f"top_{words}_word_chars" for words in TOP_WORDS),
    *(f"repeated_{words}_word_chars" for words in REPEATED_WORDS),
)
"""Names of the counts, in the order of the columns."""

_LINES, _PARAGRAPHS, _TOP = 1, 4, 7
_LINE_FEED = 0x0A
_RUN = np.uint64(0x9E3779B97F4A7C15)
_U64 = numba.types.Array(numba.uint64, 1, "C")
_I64 = numba.types.Array(numba.int64, 1, "C")
_TABLE = numba.types.Array(numba.int64, 2, "C")


@compiled(numba.int64(BYTES, numba.int64, numba.int64, numba.int64, _U64, _I64, _I64))
def _split_lines(values: Array, start: Any, end: Any, breaks: Any, hashes: Array, chars: Array, row: Array) -> Any:
    """Hash and characters of each piece between so many line feeds or more; how many. Counts the text's characters."""
    found, feeds, size, total = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    first, last, at = start, start, start
    while at <= end:
        feed = at < end and values[at] == _LINE_FEED
        if feed:
            feeds += 1
        if (at == end or (not feed and feeds >= breaks)) and size > 0:
            if found < len(hashes):
                hashes[found], chars[found] = hash_bytes(values, first, last), size
                found += 1
            size, first = np.int64(0), at
        if at < end:
            begins = (values[at] & 0xC0) != 0x80
            total += begins
            if not feed:
                if size == 0:
                    first = at
                size += begins + (feeds if size > 0 else 0)
                feeds = np.int64(0)
                last = at + 1
        at += 1
    row[0] = total
    return found


@compiled(numba.int64(BYTES, numba.int64, numba.int64, KINDS, _U64, _I64))
def _split_words(values: Array, start: Any, end: Any, table: Array, hashes: Array, chars: Array) -> Any:
    """Hash and characters of each word; how many there are."""
    found, first, size, at = np.int64(0), start, np.int64(0), start
    while at <= end and found < len(hashes):
        code, after = next_code_point(values, at, end) if at < end else (np.int64(0x20), at + 1)
        if table[code] & SPACE:
            if size:
                hashes[found], chars[found] = hash_bytes(values, first, at), size
                found += 1
            first, size = after, np.int64(0)
        else:
            size += 1
        at = after
    return found


@compiled(numba.uint64(numba.int64))
def _mask(count: Any) -> Any:
    """Of a table with room for so many runs: small texts take little of it, which stays in the cache."""
    size = np.uint64(4)
    while size < np.uint64(2 * count):
        size <<= np.uint64(1)
    return size - np.uint64(1)


@compiled(numba.int64(_U64, numba.int64, _TABLE, numba.int64, numba.uint64))
def _slot(runs: Array, at: Any, slots: Array, number: Any, mask: Any) -> Any:
    """The slot of the run at a place: its own, or a free one."""
    slot = (runs[at] ^ (runs[at] >> np.uint64(32))) & mask
    while slots[slot, 0] == number and runs[slots[slot, 1]] != runs[at]:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@compiled(numba.void(_U64, _I64, numba.int64, _TABLE, numba.int64, _I64, numba.int64))
def _count_repeated(
    hashes: Array, chars: Array, found: Any, slots: Array, number: Any, row: Array, column: Any
) -> None:
    """How many pieces came before, and their characters, into the two columns after the pieces' own."""
    mask = _mask(found)
    for at in range(found):
        slot = _slot(hashes, at, slots, number, mask)
        if slots[slot, 0] == number:
            row[column + 1] += 1
            row[column + 2] += chars[at]
        slots[slot, 0], slots[slot, 1] = number, at


@compiled(numba.int64(_U64, _I64, numba.int64, numba.int64, _TABLE, numba.int64))
def _commonest(runs: Array, chars: Array, words: Any, length: Any, slots: Array, number: Any) -> Any:
    """Characters of all occurrences of the commonest run."""
    mask, most, place = _mask(words), np.int64(1), np.int64(-1)
    for at in range(words - length + 1):
        slot = _slot(runs, at, slots, number, mask)
        if slots[slot, 0] != number:
            slots[slot, 0], slots[slot, 1], slots[slot, 2] = number, at, 0
        slots[slot, 2] += 1
        first, often = slots[slot, 1], slots[slot, 2]
        if often > most or (often == most and first < place):
            most, place = often, first
    if place < 0:
        return np.int64(0)
    return most * (chars[place : place + length].sum() + length - 1)


@compiled(numba.int64(_U64, _I64, numba.int64, numba.int64, _TABLE, numba.int64))
def _repeated(runs: Array, chars: Array, words: Any, length: Any, slots: Array, number: Any) -> Any:
    """Characters of runs that came before; behind one the next run begins after its last word."""
    mask, total, at = _mask(words), np.int64(0), np.int64(0)
    while at < words - length + 1:
        slot = _slot(runs, at, slots, number, mask)
        if slots[slot, 0] == number:
            total += chars[at : at + length].sum()
            at += length
        else:
            slots[slot, 0], slots[slot, 1] = number, at
            at += 1
    return total


@compiled(numba.int64[:, ::1](BYTES, OFFSETS, KINDS, numba.int64, numba.int64))
def _count(values: Array, offsets: Array, table: Array, max_units: Any, longest_run: Any) -> Any:
    rows = np.zeros((len(offsets) - 1, 16), np.int64)
    longest: Any = np.int64(0)
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    room = min(longest // 2 + 1, max_units)
    hashes, chars, runs = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.uint64)
    slots = np.zeros(
        (np.int64(_mask(room)) + 1, 3), np.int64
    )  # Of a run: the pass that put it here, its first place, how often it came.
    passes = np.int64(0)
    for text in range(len(offsets) - 1):
        start, end, row = offsets[text], offsets[text + 1], rows[text]
        for breaks, column in ((1, _LINES), (2, _PARAGRAPHS)):
            found = _split_lines(values, start, end, breaks, hashes, chars, row)
            passes += 1
            row[column] = found
            _count_repeated(hashes, chars, found, slots, passes, row, column)
        words = _split_words(values, start, end, table, hashes, chars)
        runs[:words] = hashes[:words]
        for length in range(2, longest_run + 1):
            for at in range(words - length + 1):
                runs[at] = (runs[at] ^ (runs[at] >> np.uint64(31))) * _RUN + hashes[at + length - 1]
            passes += 1
            if length < 5:
                row[_TOP + length - 2] = _commonest(runs, chars, words, length, slots, passes)
            else:
                row[_TOP + length - 2] = _repeated(runs, chars, words, length, slots, passes)
    return rows


def repetition_counts(texts: pa.Array, *, longest_run: int = REPEATED_WORDS[-1]) -> dict[str, Array]:
    """Each of COUNTS, a number a text; runs of more than `longest_run` words are not looked for, their counts are 0.

    `top_N_word_chars` are the characters of all occurrences of the commonest run of N words (of equally common ones the
    first), joined by blanks, 0 where no run comes twice; `repeated_N_word_chars` those of the words of runs that came
    before, no word counted twice.
    """
    rows = _count(*text_buffers(texts), kinds(), MAX_UNITS, longest_run)
    return dict(zip(COUNTS, rows.T, strict=True))
