"""A text's word shingles, hashed in one loop over Arrow's UTF-8 buffers: all of them, or a sample.

A shingle is so many words in a row; a text with fewer words has one, of all its words; a text without words has none.
A word is a run of letters and digits, in lower case and without accents, so that an ASCII edition and a typeset one
have the same shingles. Everything else only ends words: in code too, so that `a += b` and `a(b)` are the same words.
Scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese …) have a word a letter.

A sample of a text's shingles are those with a small hash: the same ones of every text that has them (FracMinHash:
Irber et al. 2022), so that sets can be compared by their samples.
"""

import unicodedata
from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

MAPPED_CODE_POINTS = 0x20000
"""The table knows the first two planes; the next two hold Chinese letters alone, the rest marks that are not seen."""
SEPARATOR = 0
IGNORED = 1
ALONE = 1 << 24
"""What the letter table holds for a blank or a mark of punctuation, for an accent of its own, and adds to a letter
that is a word of its own."""

MASK = (1 << 64) - 1
WORD_START = 0xCBF29CE484222325
WORD_STEP = 0x100000001B3
SHINGLE_STEP = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB

# Letters of the line breaking classes ID and SA (Unicode Standard Annex 14): Chinese, Japanese, Yi; South East Asia's.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x2E80, 0x312F)),
    *((0x31A0, 0x31FF), (0x3400, 0xA4CF), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
    *((0x11700, 0x1174F), (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF)),
)
_HANGUL = (0xAC00, 0xD7A3)

TABLE = numba.types.Array(numba.uint32, 1, "C", readonly=True)
HASHES = numba.types.Array(numba.uint64, 1, "C", readonly=True)
_U64 = numba.uint64
_WRITABLE = numba.types.Array(numba.uint64, 1, "C")
_START, _WORD_STEP, _SHINGLE_STEP = np.uint64(WORD_START), np.uint64(WORD_STEP), np.uint64(SHINGLE_STEP)
_MIX_1, _MIX_2 = np.uint64(MIX_1), np.uint64(MIX_2)
_CHUNK_SHINGLES = 4096  # What is looked at together when not all is kept: it stays in the processor's nearest cache.


def shingle_hashes(values: Array, start: int, end: int, words: int, limit: int) -> tuple[Array, int]:
    """The distinct hashes up to `limit` of one text's shingles, sorted, and how many words it has."""
    room = np.empty(max(256, (end - start) // 64), np.uint64)
    found, counted = _sample(values, start, end, words, np.uint64(limit), letters(), room)
    if found > len(room):
        room = np.empty(found, np.uint64)
        _sample(values, start, end, words, np.uint64(limit), letters(), room)
    return np.unique(room[:found]), int(counted)


def shingle_sets(texts: pa.Array, words: int) -> tuple[Array, Array]:
    """The distinct hashes of each text's shingles, sorted: text i's from `offsets[i]` to before `offsets[i + 1]`."""
    if words < 1:
        raise ValueError(f"words must be at least 1, got {words}")
    values, ends = text_buffers(texts)
    hashes, offsets = _all_shingles(values, ends, words, letters())
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        hashes[start:end].sort()  # NumPy's sort is several times faster than Numba's.
    return _distinct(hashes, offsets)


@cache
def letters() -> Array:
    """For each code point of two planes its bare small letter or digit, with ALONE or not; or SEPARATOR, or IGNORED."""
    table = np.fromiter((_letter(chr(code)) for code in range(MAPPED_CODE_POINTS)), np.uint32, MAPPED_CODE_POINTS)
    table.setflags(write=False)
    return table


def _letter(character: str) -> int:
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return IGNORED
    if _HANGUL[0] <= ord(character) <= _HANGUL[1]:
        return ord(character)  # Its canonical decomposition is three letters: the first says too little.
    bare = unicodedata.normalize("NFKD", character.lower())[:1]
    unspaced = any(first <= ord(bare) <= last for first, last in _UNSPACED)
    if category == "Mc":  # A vowel beside its letter.
        return IGNORED if unspaced else ord(bare)
    if not bare.isalnum():
        return SEPARATOR
    return ord(bare) | (ALONE if unspaced and bare.isalpha() else 0)


@compiled(_U64(_U64))
def mix(word: Any) -> Any:
    """The finalizer of SplitMix64: every bit of the result hangs on every bit of the word."""
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@compiled(numba.int64(numba.int64, TABLE))
def _looked_up(code: Any, table: Array) -> Any:
    """What the letter table says of a code point, or would say."""
    if code < MAPPED_CODE_POINTS:
        return np.int64(table[code])
    return code | ALONE if code < 0x40000 else IGNORED


@compiled(
    numba.types.Tuple((numba.int64, numba.int64, _U64, numba.int64))(
        BYTES, numba.int64, numba.int64, _WRITABLE, _U64, numba.int64, TABLE, _WRITABLE
    )
)
def next_shingles(
    values: Array, at: Any, end: Any, ring: Array, rolling: Any, counted: Any, table: Array, room: Array
) -> Any:
    """Write hashes of a text's next shingles as far as there is room.

    Gives how many, the place to go on from, and `rolling` and `counted` as they are there: at the text's start both
    are 0. The `ring` is as long as a shingle and keeps the words that it still needs.
    """
    leaving = np.uint64(1)
    for _ in range(len(ring)):
        leaving *= _SHINGLE_STEP
    if counted == 0:
        ring[:] = 0
    slot = counted % len(ring)
    word, found = _START, 0
    inside: Any = False
    while found < len(room) and (at < end or inside):
        letter: Any = np.int64(SEPARATOR)
        after = at
        if at < end:
            code, after = next_code_point(values, at, end)
            letter = _looked_up(code, table)
        if letter == IGNORED:
            at = after
            continue
        if inside and (letter == SEPARATOR or letter >= ALONE):
            inside = False  # The letter is read again: it may be a word.
        elif letter == SEPARATOR:
            at = after
            continue
        else:
            word = (word ^ np.uint64(letter)) * _WORD_STEP
            inside = letter < ALONE
            at = after
            if inside:
                continue
        mixed = mix(word)
        rolling = rolling * _SHINGLE_STEP + mixed - ring[slot] * leaving
        ring[slot] = mixed
        slot = slot + 1 if slot + 1 < len(ring) else 0
        counted += 1
        word = _START
        if counted >= len(ring):
            room[found] = mix(rolling)
            found += 1
    if at >= end and 0 < counted < len(ring):
        room[0] = mix(rolling)
        found = 1
    return found, at, rolling, counted


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, numba.int64, _U64, TABLE, _WRITABLE))
def _sample(values: Array, start: int, end: int, words: int, limit: Any, table: Array, room: Array) -> tuple[int, int]:
    """Write hashes up to `limit` as far as there is room; how many there are, and how many words."""
    ring, chunk = np.zeros(words, np.uint64), np.empty(_CHUNK_SHINGLES, np.uint64)
    rolling, counted, kept, at = np.uint64(0), 0, 0, start
    while at < end:
        found, at, rolling, counted = next_shingles(values, at, end, ring, rolling, counted, table, chunk)
        for shingle in chunk[:found]:
            if shingle <= limit:
                if kept < len(room):
                    room[kept] = shingle
                kept += 1
    return kept, counted


@compiled(numba.types.Tuple((numba.uint64[::1], numba.int64[::1]))(BYTES, OFFSETS, numba.int64, TABLE))
def _all_shingles(values: Array, ends: Array, words: int, table: Array) -> tuple[Array, Array]:
    """Every shingle of every text in order, and where each text's begin."""
    texts = len(ends) - 1
    room = np.empty((ends[texts] - ends[0] + texts + 1) // 2, np.uint64)  # A word and what ends it take two bytes.
    ring = np.zeros(words, np.uint64)
    offsets = np.zeros(texts + 1, np.int64)
    for text in range(texts):
        first = offsets[text]
        found, _, _, _ = next_shingles(values, ends[text], ends[text + 1], ring, np.uint64(0), 0, table, room[first:])
        offsets[text + 1] = first + found
    return room[: offsets[texts]].copy(), offsets


@compiled(numba.types.Tuple((numba.uint64[::1], numba.int64[::1]))(HASHES, OFFSETS))
def _distinct(hashes: Array, offsets: Array) -> tuple[Array, Array]:
    """Sorted rows with each hash once."""
    kept = np.empty(len(hashes), np.uint64)
    starts = np.zeros(len(offsets), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        for at in range(offsets[row], offsets[row + 1]):
            if at == offsets[row] or hashes[at] != hashes[at - 1]:
                kept[count] = hashes[at]
                count += 1
        starts[row + 1] = count
    return kept[:count].copy(), starts
