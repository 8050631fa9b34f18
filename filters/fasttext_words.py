"""From text to the sum of its rows in a fastText model: its words, their n-grams of characters, and runs of words.

Source: facebookresearch/fastText, src/dictionary.cc (`readWord`, `getLine`, `addSubwords`, `addWordNgrams`) and
model.cc (`computeHidden`). Rows are added one by one in its order and in single precision, so that the sums are its
sums to the last bit; what is remembered of a word is which rows it has.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from filters.fasttext_file import MAX_NGRAM
from filters.fasttext_lexicon import (
    FIRST_HASH,
    IS_LABEL,
    LEXICON,
    ROWS,
    SCRATCH,
    TABLE,
    Lexicon,
    append_ngrams,
    find_pruned,
    hash_byte,
    known_row,
    mark,
    place,
    same,
    slots_for,
)
from tokenizer.kernels import BYTES, compiled_lean

Array = np.ndarray[Any, Any]

MAX_REMEMBERED_BYTES = 64
"""Longest word that is remembered: few longer ones come twice."""

REMEMBERED_WORDS = 1 << 17
_CELLS_A_WORD = 32
_CELLS_OF_LONGEST = 2 + MAX_REMEMBERED_BYTES // 4 + (MAX_REMEMBERED_BYTES + 2) * MAX_NGRAM + 1
_MAX_PROBES = 32
_NO_SLOT = -1
_CHARS_AT_ONCE = 64
_ROWS_AT_ONCE = 2048
WORDS_AT_ONCE = 256
ROWS_HELD = _ROWS_AT_ONCE + (MAX_REMEMBERED_BYTES + 2) * MAX_NGRAM + 1
"""Room for the rows that wait to be added: so many, and then those of one more word or piece of a long one."""


class Memory(NamedTuple):
    """Words met before and the rows of each; emptied when full, so that it never grows.

    `slots` are a word's hash and the first of its cells, or -1. Its cells are how many bytes it has, how many rows
    (`IS_LABEL`: none, for it is a label), the rows and the bytes, all together since one look then fetches them.
    `cell_bytes` are the cells as bytes. `used` counts words and cells.
    """

    slots: Array
    cells: Array
    cell_bytes: Array
    used: Array


MEMORY = numba.types.NamedTuple((TABLE, ROWS, SCRATCH, numba.int64[::1]), Memory)
MATRIX = numba.types.Array(numba.float32, 2, "C", readonly=True, aligned=False)
"""Types in compiled code."""

_VECTOR, _PLACE = numba.float32[::1], numba.int64
_WORDS = numba.int64[:, ::1]
_PAIR, _TRIPLE = numba.types.UniTuple(_PLACE, 2), numba.types.UniTuple(_PLACE, 3)


def empty_memory(words: int = REMEMBERED_WORDS) -> Memory:
    """A memory for so many words."""
    cells = np.empty(words * _CELLS_A_WORD + _CELLS_OF_LONGEST, np.int32)
    slots = np.full((slots_for(words), 2), -1, np.int32)
    return Memory(slots=slots, cells=cells, cell_bytes=cells.view(np.uint8), used=np.zeros(2, np.int64))


@compiled_lean(numba.boolean(numba.uint8), inline="always")
def _is_blank(byte: int) -> Any:
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@compiled_lean(numba.boolean(BYTES, _PLACE, _PLACE))
def _is_end(values: Array, start: int, size: int) -> Any:
    """Whether a word is `</s>`."""
    return (
        size == 4
        and values[start] == ord("<")
        and values[start + 1] == ord("/")
        and values[start + 2] == ord("s")
        and values[start + 3] == ord(">")
    )


@compiled_lean(_PAIR(BYTES, _PLACE, _PLACE, numba.boolean, _WORDS))
def _read_words(values: Array, at: int, end: int, verbatim: bool, words: Array) -> tuple[int, int]:
    """Write where each of the next words begins, its bytes and its hash; how many they are, and where the next is."""
    held = 0
    while held < len(words):
        while at < end and _is_blank(values[at]):
            at += 1
        start = at
        digest = FIRST_HASH
        while at < end and not _is_blank(values[at]):
            digest = hash_byte(digest, values[at])
            at += 1
        if start == at:
            break
        if not _is_end(values, start, at - start):
            words[held, 0], words[held, 1], words[held, 2] = start, at - start, digest
            held += 1
        elif verbatim:
            return held, end
    return held, at


@compiled_lean(_PLACE(TABLE, ROWS, SCRATCH, BYTES, _PLACE, _PLACE, numba.uint32))
def _recall(slots: Array, cells: Array, cell_bytes: Array, values: Array, start: int, size: int, digest: Any) -> Any:
    """The slot of a word, or the empty one that it may have; `_NO_SLOT` where too many words hash alike."""
    slot = place(digest, len(slots))
    for _ in range(_MAX_PROBES):
        cell = np.int64(slots[slot, 1])
        if cell < 0:
            return slot
        if slots[slot, 0] == np.int32(digest) and cells[cell] == size:
            spelled = 4 * (cell + 2 + max(cells[cell + 1], 0))
            if same(cell_bytes, spelled, values, start, size):
                return slot
        slot = (slot + 1) & (len(slots) - 1)
    return _NO_SLOT


@compiled_lean(_PLACE(LEXICON, BYTES, _PLACE, _PLACE, numba.uint32, SCRATCH, ROWS, _PLACE))
def _append_rows(
    lexicon: Lexicon, values: Array, start: int, size: int, digest: Any, word: Array, rows: Array, held: int
) -> Any:
    """Append the rows of a short word and of its n-grams; how many are held then, or `IS_LABEL`."""
    known = known_row(lexicon, values, start, size, digest)
    if known == IS_LABEL:
        return IS_LABEL
    if known >= 0:
        rows[held] = known
        held += 1
    if lexicon.max_ngram:
        mark(values, start, size, word)
        held = append_ngrams(lexicon, word, 0, size + 2, size + 2, rows, held)
    return held


@compiled_lean(_PLACE(LEXICON, MEMORY, _PLACE, BYTES, _PLACE, _PLACE, numba.uint32, SCRATCH))
def _learn(
    lexicon: Lexicon, memory: Memory, slot: int, values: Array, start: int, size: int, digest: Any, word: Array
) -> Any:
    """Write a new word's cells and slot; the first of its cells."""
    slots, cells, used = memory.slots, memory.cells, memory.used
    if 2 * used[0] >= len(slots) or used[1] + _CELLS_OF_LONGEST > len(cells):
        for index in range(len(slots)):
            slots[index, 1] = -1
        used[0] = used[1] = 0
        slot = place(digest, len(slots))
    cell = used[1]
    end = _append_rows(lexicon, values, start, size, digest, word, cells, cell + 2)
    cells[cell] = size
    cells[cell + 1] = end - cell - 2 if end >= 0 else IS_LABEL
    end = max(end, cell + 2)
    for index in range(size):
        memory.cell_bytes[4 * end + index] = values[start + index]
    slots[slot, 0], slots[slot, 1] = np.int32(digest), cell
    used[0], used[1] = used[0] + 1, end + (size + 3) // 4
    return cell


@compiled_lean(numba.void(MATRIX, ROWS, _PLACE, _VECTOR))
def _add(matrix: Array, rows: Array, held: int, total: Array) -> None:
    """Add rows of the matrix, one after the other."""
    columns = len(total)
    for column in range(0, columns - 7, 8):  # Eight sums at a time stay in registers.
        a, b, c, d = total[column], total[column + 1], total[column + 2], total[column + 3]
        e, f, g, h = total[column + 4], total[column + 5], total[column + 6], total[column + 7]
        for at in range(held):
            row = np.int64(rows[at])
            a += matrix[row, column]
            b += matrix[row, column + 1]
            c += matrix[row, column + 2]
            d += matrix[row, column + 3]
            e += matrix[row, column + 4]
            f += matrix[row, column + 5]
            g += matrix[row, column + 6]
            h += matrix[row, column + 7]
        total[column], total[column + 1], total[column + 2], total[column + 3] = a, b, c, d
        total[column + 4], total[column + 5], total[column + 6], total[column + 7] = e, f, g, h
    for column in range(columns // 8 * 8, columns):
        for at in range(held):
            total[column] += matrix[np.int64(rows[at]), column]


@compiled_lean(_PAIR(LEXICON, BYTES, _PLACE, _PLACE, numba.uint32, SCRATCH, ROWS, _PLACE, MATRIX, _VECTOR))
def _append_long(
    lexicon: Lexicon,
    values: Array,
    start: int,
    size: int,
    digest: Any,
    word: Array,
    rows: Array,
    held: int,
    matrix: Array,
    total: Array,
) -> tuple[int, int]:
    """As `_append_rows`, for a word of any length: how many rows are held then, and how many were added."""
    known = known_row(lexicon, values, start, size, digest)
    if known == IS_LABEL:
        return IS_LABEL, 0
    if known >= 0:
        rows[held] = known
        held += 1
    added = 0
    if lexicon.max_ngram:
        mark(values, start, size, word)
        for first in range(0, size + 2, _CHARS_AT_ONCE):
            held = append_ngrams(lexicon, word, first, min(first + _CHARS_AT_ONCE, size + 2), size + 2, rows, held)
            if held >= _ROWS_AT_ONCE:
                _add(matrix, rows, held, total)
                added, held = added + held, 0
    return held, added


@compiled_lean(_PAIR(LEXICON, ROWS, _PLACE, ROWS, _PLACE, MATRIX, _VECTOR))
def _append_word_ngrams(
    lexicon: Lexicon, hashes: Array, words: int, rows: Array, held: int, matrix: Array, total: Array
) -> tuple[int, int]:
    """Append the rows of runs of two to `word_ngrams` words: how many are held then, and how many were added."""
    added = 0
    for first in range(words):
        digest = np.uint64(np.int64(hashes[first]))
        for last in range(first + 1, min(words, first + lexicon.word_ngrams)):
            digest = digest * np.uint64(116049371) + np.uint64(np.int64(hashes[last]))
            row = np.int64(digest % np.uint64(lexicon.buckets))
            if len(lexicon.pruned):
                row = find_pruned(lexicon.pruned, lexicon.is_there, row)
            if row >= 0:
                rows[held] = lexicon.words + row
                held += 1
        if held >= _ROWS_AT_ONCE:
            _add(matrix, rows, held, total)
            added, held = added + held, 0
    return held, added


@compiled_lean(_TRIPLE(LEXICON, MEMORY, BYTES, _WORDS, SCRATCH, ROWS, _PLACE, ROWS, _PLACE, MATRIX, _VECTOR))
def _append_words(
    lexicon: Lexicon,
    memory: Memory,
    values: Array,
    words: Array,
    word: Array,
    rows: Array,
    held: int,
    hashes: Array,
    hashed: int,
    matrix: Array,
    total: Array,
) -> tuple[int, int, int]:
    """Append the rows of words, out of memory where they are there: rows held then, rows added, words in all."""
    slots, cells, cell_bytes = memory.slots, memory.cells, memory.cell_bytes
    added = 0
    for index in range(len(words)):
        start, size, digest = words[index, 0], words[index, 1], np.uint32(words[index, 2])
        slot: Any = np.int64(_NO_SLOT)
        if size <= MAX_REMEMBERED_BYTES:
            slot = _recall(slots, cells, cell_bytes, values, start, size, digest)
        if slot < 0:
            now, more = _append_long(lexicon, values, start, size, digest, word, rows, held, matrix, total)
            if now == IS_LABEL:
                continue
            held, added = now, added + more
        else:
            cell: Any = np.int64(slots[slot, 1])
            if cell < 0:
                cell = _learn(lexicon, memory, slot, values, start, size, digest, word)
            if cells[cell + 1] == IS_LABEL:
                continue
            for at in range(cell + 2, cell + 2 + cells[cell + 1]):
                rows[held] = cells[at]
                held += 1
        if held >= _ROWS_AT_ONCE:
            _add(matrix, rows, held, total)
            added, held = added + held, 0
        if len(hashes):
            hashes[hashed] = np.int32(digest)
        hashed += 1
    return held, added, hashed


@compiled_lean(
    _PLACE(LEXICON, MEMORY, BYTES, _PLACE, _PLACE, numba.boolean, MATRIX, _WORDS, SCRATCH, ROWS, ROWS, _VECTOR)
)
def sum_rows(
    lexicon: Lexicon,
    memory: Memory,
    values: Array,
    at: int,
    end: int,
    verbatim: bool,
    matrix: Array,
    words: Array,
    word: Array,
    rows: Array,
    hashes: Array,
    total: Array,
) -> Any:
    """Add up the rows of a text's words, of its end, and of runs of words; how many rows they are.

    None where there is no word. A word `</s>` is passed over. `verbatim` reads both as fastText does.
    """
    hashed, held, added = 0, 0, 0
    count = len(words)
    while count == len(words):
        count, at = _read_words(values, at, end, verbatim, words)
        held, more, hashed = _append_words(
            lexicon, memory, values, words[:count], word, rows, held, hashes, hashed, matrix, total
        )
        added += more
    if not hashed and not verbatim:
        return 0
    if lexicon.end_row >= 0:
        rows[held] = lexicon.end_row
        held += 1
    if lexicon.word_ngrams > 1:
        hashes[hashed] = np.int32(lexicon.end_hash)
        held, more = _append_word_ngrams(lexicon, hashes, hashed + 1, rows, held, matrix, total)
        added += more
    _add(matrix, rows, held, total)
    return added + held
