"""A sample of a book's word shingles, hashed in one loop over Arrow's UTF-8 buffers.

A shingle is so many words in a row; a word is a run of letters and digits, in lower case and without accents, so that
an ASCII edition and a typeset one have the same shingles. Of all shingles those with a small hash are kept: the same
ones of every book that has them (FracMinHash: Irber et al. 2022), so that sets can be compared by their samples.
"""

import unicodedata
from functools import cache
from typing import Any

import numba
import numpy as np

from tokenizer.kernels import BYTES, compiled, next_code_point

Array = np.ndarray[Any, Any]

MAPPED_CODE_POINTS = 0x10000
SEPARATOR = 0
IGNORED = 1
"""What the letter table holds for a blank or a mark of punctuation, and for an accent of its own."""

MASK = (1 << 64) - 1
WORD_START = 0xCBF29CE484222325
WORD_STEP = 0x100000001B3
SHINGLE_STEP = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB

_U64 = numba.uint64
_TABLE = numba.types.Array(numba.uint16, 1, "C", readonly=True)
_START, _WORD_STEP, _SHINGLE_STEP = np.uint64(WORD_START), np.uint64(WORD_STEP), np.uint64(SHINGLE_STEP)
_MIX_1, _MIX_2 = np.uint64(MIX_1), np.uint64(MIX_2)


def shingle_hashes(values: Array, start: int, end: int, words: int, limit: int) -> tuple[Array, int]:
    """The distinct hashes up to `limit` of the text's shingles, sorted, and how many words it has."""
    table = letters()
    room = np.empty(max(256, (end - start) // 64), np.uint64)
    found, counted = _sample(values, start, end, words, np.uint64(limit), table, room)
    if found > len(room):
        room = np.empty(found, np.uint64)
        _sample(values, start, end, words, np.uint64(limit), table, room)
    return np.unique(room[:found]), int(counted)


@cache
def letters() -> Array:
    """For each code point of the first plane: its bare small letter or digit, or SEPARATOR, or IGNORED."""
    table = np.zeros(MAPPED_CODE_POINTS, np.uint16)
    for code in range(MAPPED_CODE_POINTS):
        table[code] = _letter(chr(code))
    table.setflags(write=False)
    return table


def _letter(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Cf"):
        return IGNORED
    bare = unicodedata.normalize("NFKD", character.lower())[:1]
    return ord(bare) if bare.isalnum() and ord(bare) < MAPPED_CODE_POINTS else SEPARATOR


@compiled(_U64(_U64))
def _mixed(word: Any) -> Any:
    """The finalizer of SplitMix64: every bit of the result hangs on every bit of the word."""
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@compiled(
    numba.types.UniTuple(numba.int64, 2)(
        BYTES, numba.int64, numba.int64, numba.int64, _U64, _TABLE, numba.types.Array(numba.uint64, 1, "C")
    )
)
def _sample(values: Array, start: int, end: int, words: int, limit: Any, table: Array, room: Array) -> tuple[int, int]:
    """Write hashes up to `limit` as far as there is room; how many there are, and how many words."""
    ring = np.zeros(words, np.uint64)
    leaving = np.uint64(1)
    for _ in range(words):
        leaving *= _SHINGLE_STEP
    rolling, word = np.uint64(0), _START
    inside, counted, found, at = False, 0, 0, start
    while at <= end:
        letter = np.int64(SEPARATOR)
        after = at + 1
        if at < end:
            letter, after = next_code_point(values, at, end)
            if letter < MAPPED_CODE_POINTS:
                letter = np.int64(table[letter])
        at = after
        if letter == IGNORED:
            continue
        if letter != SEPARATOR:
            word = (word ^ np.uint64(letter)) * _WORD_STEP
            inside = True
        elif inside:
            mixed = _mixed(word)
            slot = counted % words
            rolling = rolling * _SHINGLE_STEP + mixed - ring[slot] * leaving
            ring[slot] = mixed
            counted += 1
            word, inside = _START, False
            if counted >= words:
                shingle = _mixed(rolling)
                if shingle <= limit:
                    if found < len(room):
                        room[found] = shingle
                    found += 1
    return found, counted
