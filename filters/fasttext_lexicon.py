"""A fastText model's dictionary, to look words and n-grams up in: which rows of the input matrix are theirs.

Source: facebookresearch/fastText, src/dictionary.cc (`hash`, `find`, `computeSubwords`, `pushHash`).
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from filters.fasttext_file import Arguments, Dictionary
from tokenizer.kernels import BYTES, compiled_lean

Array = np.ndarray[Any, Any]

LABEL, END = b"__label__", b"</s>"
FIRST_HASH = np.uint32(2166136261)
IS_LABEL = -2
"""What a word that is a label has instead of rows."""

_PRIME = np.uint32(16777619)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_BEGIN_OF_WORD, _END_OF_WORD = ord("<"), ord(">")
_MAX_CHAIN = 1000
_PLACE = numba.int64


class Lexicon(NamedTuple):
    """The dictionary, to look things up in.

    `slots` are numbers of words, or -1. `pruned` are buckets (or -1) and their rows below the words' rows, and
    `is_there` is a bit for each of several buckets that hash alike: small enough to stay in the processor's cache. All
    three are of length 0 where nothing is pruned. `end_row` is the row of the word that ends a line, or -1.
    """

    data: Array
    spans: Array
    slots: Array
    pruned: Array
    is_there: Array
    words: int
    end_row: int
    end_hash: int
    buckets: int
    min_ngram: int
    max_ngram: int
    word_ngrams: int


TABLE, ROWS, SCRATCH = numba.int32[:, ::1], numba.int32[::1], numba.uint8[::1]
LEXICON = numba.types.NamedTuple((BYTES, numba.int64[:, ::1], ROWS, TABLE, SCRATCH, *(numba.int64,) * 7), Lexicon)
"""Types in compiled code."""


def build_lexicon(arguments: Arguments, dictionary: Dictionary) -> Lexicon:
    """The lexicon of a model; raises ValueError where its words or buckets are chosen to collide."""
    spans, pruned = dictionary.spans, dictionary.pruned
    slots = np.full(slots_for(len(spans)), -1, np.int32)
    if not _fill_slots(dictionary.data, spans, slots):
        raise ValueError("too many words of its dictionary share a hash")
    pairs = np.array(np.empty((0, 2)) if pruned is None else pruned, np.int32)
    table = np.full((slots_for(len(pairs)) if len(pairs) else 0, 2), -1, np.int32)
    is_there = np.zeros(len(table), np.uint8)
    if not _fill_pruned(pairs, table, is_there):
        raise ValueError("too many of its pruned buckets share a hash")
    end = np.frombuffer(END, np.uint8)
    end_hash = _hash(end, 0, len(end))
    end_row = int(_find_word(end, 0, len(end), end_hash, dictionary.data, spans, slots))
    has_buckets = pruned is None or len(pruned) > 0
    return Lexicon(
        data=dictionary.data,
        spans=spans,
        slots=slots,
        pruned=table,
        is_there=is_there,
        words=dictionary.words,
        end_row=end_row if end_row < dictionary.words else -1,
        end_hash=int(end_hash),
        buckets=arguments.buckets,
        min_ngram=arguments.min_ngram,
        max_ngram=arguments.max_ngram if has_buckets else 0,
        word_ngrams=arguments.word_ngrams if has_buckets else 1,
    )


def slots_for(entries: int) -> int:
    """A power of two, so that a quarter to a half of the slots are taken."""
    return 1 << max(4, (2 * entries - 1).bit_length())


@compiled_lean(numba.uint32(numba.uint32, numba.uint8), inline="always")
def hash_byte(digest: Any, byte: Any) -> Any:
    """FNV-1a, but that a byte is a signed character."""
    return np.uint32(np.uint32(digest ^ np.uint32(np.int8(byte))) * _PRIME)


@compiled_lean(numba.uint32(BYTES, _PLACE, _PLACE))
def _hash(values: Array, start: int, end: int) -> Any:
    digest = FIRST_HASH
    for at in range(start, end):
        digest = hash_byte(digest, values[at])
    return digest


@compiled_lean(_PLACE(numba.uint32, _PLACE), inline="always")
def place(digest: Any, slots: int) -> Any:
    """The slot to look at first, of a power of two."""
    return np.int64(np.uint64(digest) * _SPREAD >> np.uint64(32)) & (slots - 1)


@compiled_lean(numba.boolean(BYTES, _PLACE, BYTES, _PLACE, _PLACE))
def same(left: Array, at: int, right: Array, start: int, size: int) -> Any:
    """Whether two stretches of as many bytes are the same."""
    for index in range(size):  # noqa: SIM110 (compiled code has no generators)
        if left[at + index] != right[start + index]:
            return False
    return True


@compiled_lean(_PLACE(BYTES, _PLACE, _PLACE, numba.uint32, BYTES, numba.int64[:, ::1], ROWS))
def _find_word(values: Array, start: int, size: int, digest: Any, data: Array, spans: Array, slots: Array) -> Any:
    """The number of a word or label of the dictionary, or -1."""
    slot = place(digest, len(slots))
    while slots[slot] >= 0:
        word = np.int64(slots[slot])
        if spans[word, 1] - spans[word, 0] == size and same(data, spans[word, 0], values, start, size):
            return word
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@compiled_lean(numba.boolean(BYTES, numba.int64[:, ::1], ROWS))
def _fill_slots(data: Array, spans: Array, slots: Array) -> Any:
    """False where a chain grows too long. Of two entries that are the same the later one counts."""
    for word in range(len(spans)):
        start, size = spans[word, 0], spans[word, 1] - spans[word, 0]
        slot = place(_hash(data, start, spans[word, 1]), len(slots))
        for _ in range(_MAX_CHAIN):
            held = slots[slot]
            if held < 0 or (spans[held, 1] - spans[held, 0] == size and same(data, spans[held, 0], data, start, size)):
                slots[slot] = word
                break
            slot = (slot + 1) & (len(slots) - 1)
        else:
            return False
    return True


@compiled_lean(numba.boolean(TABLE, TABLE, SCRATCH))
def _fill_pruned(pairs: Array, table: Array, is_there: Array) -> Any:
    """False where a chain grows too long. Of two rows of one bucket the later one counts."""
    for pair in range(len(pairs)):
        bucket = pairs[pair, 0]
        slot = place(np.uint32(bucket), len(table))
        for _ in range(_MAX_CHAIN):
            if table[slot, 0] < 0 or table[slot, 0] == bucket:
                table[slot, 0], table[slot, 1] = bucket, pairs[pair, 1]
                break
            slot = (slot + 1) & (len(table) - 1)
        else:
            return False
        bit = place(np.uint32(bucket), 8 * len(is_there))
        is_there[bit >> 3] |= np.uint8(1 << (bit & 7))
    return True


@compiled_lean(_PLACE(TABLE, SCRATCH, _PLACE))
def find_pruned(table: Array, is_there: Array, bucket: Any) -> Any:
    """The row of a bucket below the words' rows, or -1 where it was pruned."""
    bit = place(np.uint32(bucket), 8 * len(is_there))
    if not is_there[bit >> 3] & np.uint8(1 << (bit & 7)):
        return -1
    slot = place(np.uint32(bucket), len(table))
    while table[slot, 0] >= 0:
        if table[slot, 0] == bucket:
            return np.int64(table[slot, 1])
        slot = (slot + 1) & (len(table) - 1)
    return -1


@compiled_lean(_PLACE(LEXICON, SCRATCH, _PLACE, _PLACE, _PLACE, ROWS, _PLACE))
def append_ngrams(lexicon: Lexicon, word: Array, first: int, last: int, size: int, rows: Array, held: int) -> Any:
    """Append the rows of the n-grams of characters that begin at `first` to `last` in a word between its marks."""
    pruned, is_there, words = lexicon.pruned, lexicon.is_there, lexicon.words
    buckets, shortest, longest = np.uint32(lexicon.buckets), lexicon.min_ngram, lexicon.max_ngram
    for begin in range(first, last):
        if word[begin] & 0xC0 == 0x80:
            continue
        digest = FIRST_HASH
        end = begin
        for chars in range(1, longest + 1):
            if end == size:
                break
            digest = hash_byte(digest, word[end])
            end += 1
            while end < size and word[end] & 0xC0 == 0x80:
                digest = hash_byte(digest, word[end])
                end += 1
            if chars < shortest or (chars == 1 and (begin == 0 or end == size)):  # A mark alone is none.
                continue
            row = np.int64(digest % buckets)
            if len(pruned):
                row = find_pruned(pruned, is_there, row)
            if row >= 0:
                rows[held] = words + row
                held += 1
    return held


@compiled_lean(_PLACE(LEXICON, BYTES, _PLACE, _PLACE, numba.uint32))
def known_row(lexicon: Lexicon, values: Array, start: int, size: int, digest: Any) -> Any:
    """The row of a word of the dictionary, -1 where it is not there, `IS_LABEL` where it is a label."""
    found = _find_word(values, start, size, digest, lexicon.data, lexicon.spans, lexicon.slots)
    if found >= lexicon.words:
        return IS_LABEL
    if found < 0 and size >= len(LABEL):
        for index in range(len(LABEL)):
            if values[start + index] != LABEL[index]:
                return -1
        return IS_LABEL
    return found


@compiled_lean(numba.void(BYTES, _PLACE, _PLACE, SCRATCH))
def mark(values: Array, start: int, size: int, word: Array) -> None:
    """Write a word between the marks that tell n-grams at its ends from those inside."""
    word[0] = _BEGIN_OF_WORD
    for index in range(size):
        word[1 + index] = values[start + index]
    word[size + 1] = _END_OF_WORD
