"""The loop over a text's letters that ends its words and hashes each row of them: a shingle.

A word is hashed from its bytes, eight at a time: a letter of ASCII is a byte, any other three with the high bit set. So
eight bytes of ASCII are looked at together, and give what one letter after another would.
"""

import unicodedata
from functools import cache
from typing import Any

import numba
import numpy as np

from tokenizer.kernels import BYTES, compiled, next_code_point
from tokenizer.segments import load_word
from tokenizer.vectors import trailing_zeros

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
SHINGLE_STEP = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB

# Letters of the line breaking classes ID and SA (Unicode Standard Annex 14): Chinese, Japanese, Yi; South East Asia's.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x2E80, 0x312F)),
    *((0x31A0, 0x31FF), (0x3400, 0xA4CF), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
    *((0x11700, 0x1174F), (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFF)),
)
_LAST_LETTERS = 0x40000
_HANGUL = (0xAC00, 0xD7A3)

TABLE = numba.types.Array(numba.uint32, 1, "C", readonly=True)
_U64 = numba.uint64
_WRITABLE = numba.types.Array(numba.uint64, 1, "C")
WORD_STATE = numba.types.Tuple((_U64, _U64, numba.int64, numba.boolean))
"""A word as far as it was read: its hash, the bytes to go into it, how many they are, and whether there are letters."""
START, _SHINGLE_STEP = np.uint64(WORD_START), np.uint64(SHINGLE_STEP)
_MIX_1, _MIX_2 = np.uint64(MIX_1), np.uint64(MIX_2)
_BLOCK_BYTES = 8
_EACH = 0x0101010101010101
_HIGH_BITS, _SMALL = np.uint64(0x80 * _EACH), np.uint64(0x20 * _EACH)
# What makes a byte's high bit say that it is at least this one: added, it carries.
_FROM_A, _PAST_Z = (np.uint64((0x80 - code) * _EACH) for code in (ord("a"), ord("z") + 1))
_FROM_0, _PAST_9 = (np.uint64((0x80 - code) * _EACH) for code in (ord("0"), ord("9") + 1))


@cache
def letters() -> Array:
    """For each code point of two planes its bare small letter or digit, with ALONE or not; or SEPARATOR, or IGNORED."""
    unspaced = bytearray(_LAST_LETTERS)
    for first, last in _UNSPACED:
        unspaced[first : last + 1] = bytes([1]) * (last + 1 - first)
    mapped = (_letter(chr(code), unspaced) for code in range(MAPPED_CODE_POINTS))
    table = np.fromiter(mapped, np.uint32, MAPPED_CODE_POINTS)
    table.setflags(write=False)
    return table


def _letter(character: str, unspaced: bytearray) -> int:
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return IGNORED
    if _HANGUL[0] <= ord(character) <= _HANGUL[1]:
        return ord(character)  # It is taken apart into two or three letters: the first says too little.
    bare = unicodedata.normalize("NFKD", character.lower())[:1]
    if category == "Mc":  # A vowel beside its letter.
        return IGNORED if unspaced[ord(bare)] else ord(bare)
    if not bare.isalnum():
        return SEPARATOR
    return ord(bare) | (ALONE if unspaced[ord(bare)] and bare.isalpha() else 0)


@compiled(_U64(_U64))
def mix(word: Any) -> Any:
    """The finalizer of SplitMix64: every bit of the result hangs on every bit of the word."""
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@compiled(numba.int64(numba.int64, TABLE))
def letter_of(code: Any, table: Array) -> Any:
    """What the letter table says of a code point, or would say if it knew all planes."""
    if code < MAPPED_CODE_POINTS:
        return np.int64(table[code])
    return code | ALONE if code < _LAST_LETTERS else IGNORED


@compiled(numba.types.Tuple((_U64, numba.int64, numba.int64))(_U64))
def _leading_letters(block: Any) -> Any:
    """Of eight bytes those before the first that is no ASCII letter or digit, in lower case, and how many they are.

    The third answer is at which byte to go on from when that first is ASCII: blanks and marks after it are passed.
    """
    ascii_only = block & ~_HIGH_BITS
    small = ascii_only | _SMALL
    alphabetic = (small + _FROM_A) & ~(small + _PAST_Z)
    digits = (ascii_only + _FROM_0) & ~(ascii_only + _PAST_9)
    others = ~((alphabetic | digits) & ~block) & _HIGH_BITS
    first = others & (~others + np.uint64(1))
    onward = trailing_zeros((~others | block) & _HIGH_BITS & ~(first - np.uint64(1))) >> 3
    return small & ((first >> np.uint64(7)) - np.uint64(1)), trailing_zeros(others) >> 3, onward


@compiled(numba.types.Tuple((_U64, _U64, numba.int64))(_U64, _U64, numba.int64, numba.int64))
def _with_letter(word: Any, pending: Any, filled: Any, letter: Any) -> Any:
    """A word's hash, the bytes that are to go into it and how many they are, with one letter more."""
    size, packed = 1, letter
    if letter >= 0x80:
        size, packed = 3, 0x808080 | (letter & 0x7F) | (letter >> 7 & 0x7F) << 8 | (letter >> 14 & 0x7F) << 16
    packed = np.uint64(packed)
    pending |= packed << np.uint64(8 * filled)
    filled += size
    if filled >= _BLOCK_BYTES:
        filled -= _BLOCK_BYTES
        word, pending = mix(word ^ pending), packed >> np.uint64(8 * (size - filled))
    return word, pending, filled


@compiled(
    numba.types.Tuple((numba.boolean, numba.int64, WORD_STATE))(BYTES, numba.int64, numba.int64, TABLE, WORD_STATE)
)
def read_on(values: Array, at: Any, end: Any, table: Array, state: Any) -> Any:
    """Read a letter, or up to eight: whether a word may end there, the place to go on from, and the word so far."""
    word, pending, filled, inside = state
    if filled == 0 and at + _BLOCK_BYTES <= end:
        start = at
        pending, filled, onward = _leading_letters(load_word(values, start))
        at += filled
        inside = inside or filled > 0
        if filled == _BLOCK_BYTES:
            return False, at, (mix(word ^ pending), np.uint64(0), 0, inside)
        if values[at] < 0x80:
            return True, start + onward, (word, pending, filled, inside)
    letter, after = SEPARATOR, at
    if at < end:
        code, after = next_code_point(values, at, end)
        letter = letter_of(code, table)
    if letter in (SEPARATOR, IGNORED):
        return letter == SEPARATOR, after, (word, pending, filled, inside)
    if inside and letter >= ALONE:  # It is read again when the word before it has ended.
        return True, at, (word, pending, filled, inside)
    word, pending, filled = _with_letter(word, pending, filled, letter)
    return letter >= ALONE, after, (word, pending, filled, True)


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
    state, found = (START, np.uint64(0), 0, False), 0
    while found < len(room) and (at < end or state[3]):
        ends, at, state = read_on(values, at, end, table, state)
        if not (ends and state[3]):
            continue
        mixed = mix(state[0] ^ state[1])
        state = (START, np.uint64(0), 0, False)
        rolling = rolling * _SHINGLE_STEP + mixed - ring[slot] * leaving
        ring[slot] = mixed
        slot = slot + 1 if slot + 1 < len(ring) else 0
        counted += 1
        if counted >= len(ring):
            room[found] = mix(rolling)
            found += 1
    if at >= end and 0 < counted < len(ring):
        room[0] = mix(rolling)
        found = 1
    return found, at, rolling, counted
