"""The loop that looks for n-grams of evaluation sets in documents: every window of words, in one pass over the bytes.

Windows of words are hashed as they go by, one hash for each length that the index holds. A hash that the index holds
is no hit yet: the window's words are spelt out and compared letter by letter with those of each passage.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from filters.shingle_loop import (
    ALONE,
    IGNORED,
    SEPARATOR,
    SHINGLE_STEP,
    START,
    TABLE,
    letter_of,
    mix,
    read_on,
)
from tokenizer.kernels import BYTES, OFFSETS, compiled, compiled_lean, next_code_point
from tokenizer.prefetch import prefetch

Array = np.ndarray[Any, Any]

SHOWN = 5
"""Of so many passages, those with the most n-grams in the document, the places are kept as evidence."""
COLUMNS = 5
PASSAGE, FOUND, HITS, PLACE, FIRST_WORD = range(COLUMNS)
"""Columns of evidence: the passage, how many of its n-grams are there, at how many places; the first place and word."""

_WAITING = 256
_STEP = np.uint64(SHINGLE_STEP)
_ROOM = numba.types.Array(numba.uint32, 1, "C")
_U64, _I64, _I32 = numba.uint64[::1], numba.int64[::1], numba.int32[::1]


class Ngrams(NamedTuple):
    """The n-grams of all passages, by hash. A passage's words lie one after the other, each with a zero behind it.

    `bits` is a bitmap of the keys' first bits, `buckets` says where keys begin that share a few. N-gram i stands in
    `passages[j]` from `words[j]` on, for each j from `places[i]` to before `places[i + 1]`.
    """

    bits: Array
    keys: Array
    buckets: Array
    places: Array
    passages: Array
    words: Array
    word_starts: Array
    letters: Array
    lengths: Array
    passage_words: Array
    passage_ngrams: Array
    passage_sets: Array
    bit_shift: int
    bucket_shift: int
    most_letters: int


class Tallies(NamedTuple):
    """What is counted over many documents, and what is remembered of the one at hand; all of the index's size."""

    documents_of_passage: Array
    documents_of_ngram: Array
    documents_of_set: Array
    found: Array
    hits: Array
    first_place: Array
    first_word: Array
    touched: Array
    occurrence_seen_at: Array
    ngram_seen_at: Array
    set_seen_at: Array
    document: Array


class Window(NamedTuple):
    """The last words of a text: their hashes and where they begin; and of each length the hash of so many of them.

    `leaving` is what the hash of a word has been multiplied by when it leaves. Windows wait until there are some of
    them to look up: hash, place and number of words. Meanwhile the memory that is asked for comes near.
    """

    hashes: Array
    starts: Array
    rolling: Array
    leaving: Array
    keys: Array
    places: Array
    sizes: Array


NGRAMS = numba.types.NamedTuple(
    (_U64, _U64, _I64, _I64, _I32, _I64, _I64, numba.uint32[::1], _I64, _I32, _I32, _I32, *(numba.int64,) * 3), Ngrams
)
TALLIES = numba.types.NamedUniTuple(_I64, 12, Tallies)
WINDOW = numba.types.NamedTuple((_U64, _I64, _U64, _U64, _U64, _I64, _I64), Window)


@compiled_lean(numba.types.Tuple((numba.uint64, numba.int64, numba.int64))(BYTES, numba.int64, numba.int64, TABLE))
def next_word(values: Array, at: Any, end: Any, table: Array) -> Any:
    """The hash of the next word, where it begins (-1 where there is none left), and where to read on."""
    state, start = (START, np.uint64(0), 0, False), at
    while at < end or state[3]:
        before, was_inside = at, state[3]
        ends, at, state = read_on(values, at, end, table, state)
        if state[3] and not was_inside:
            start = before
        if ends and state[3]:
            return mix(state[0] ^ state[1]), start, at
    return np.uint64(0), -1, at


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, TABLE, numba.int64, _ROOM))
def spell(values: Array, at: Any, end: Any, table: Array, words: Any, room: Array) -> Any:
    """Write the letters of so many words from a place on, a zero behind each; how many, or -1 where they do not fit."""
    written, inside, alone = 0, False, False
    while words > 0:
        letter, after = SEPARATOR, at
        if at < end:
            code, after = next_code_point(values, at, end)
            letter = letter_of(code, table)
        if letter == IGNORED:
            at = after
            continue
        if inside and (alone or letter == SEPARATOR or letter >= ALONE):
            letter, after, inside = SEPARATOR, at, False  # It is read again when this word has ended.
            words -= 1
        elif letter == SEPARATOR:
            if at >= end:
                return -1
            at = after
            continue
        else:
            inside, alone = True, letter >= ALONE
        if written == len(room):
            return -1
        room[written] = letter
        written += 1
        at = after
    return written


@compiled_lean(numba.boolean(NGRAMS, numba.int64, numba.int64, _ROOM, numba.int64))
def _is_spelt(index: Ngrams, word: Any, length: Any, room: Array, written: Any) -> Any:
    """Whether so many words of a passage, from one on, are the letters that were written."""
    start = index.word_starts[word]
    if index.word_starts[word + length] - start != written:
        return False
    at = 0
    while at < written and index.letters[start + at] == room[at]:
        at += 1
    return at == written


@compiled_lean(numba.int64(NGRAMS, TALLIES, numba.int64, numba.int64, _ROOM, numba.int64, numba.int64, numba.int64))
def _meet(
    index: Ngrams, tallies: Tallies, ngram: Any, length: Any, room: Array, written: Any, place: Any, touched: Any
) -> Any:
    """Count a window of the document for each passage that has just these words; how many passages were touched."""
    is_there, document = False, tallies.document[0]
    for occurrence in range(index.places[ngram], index.places[ngram + 1]):
        passage, word = index.passages[occurrence], index.words[occurrence]
        if index.passage_words[passage] != length or not _is_spelt(index, word, length, room, written):
            continue
        is_there = True
        if tallies.hits[passage] == 0:
            tallies.touched[touched] = passage
            tallies.first_place[passage], tallies.first_word[passage] = place, word
            touched += 1
        tallies.hits[passage] += 1
        if tallies.occurrence_seen_at[occurrence] != document:
            tallies.occurrence_seen_at[occurrence] = document
            tallies.found[passage] += 1
    if is_there and tallies.ngram_seen_at[ngram] != document:
        tallies.ngram_seen_at[ngram] = document
        tallies.documents_of_ngram[ngram] += 1
    return touched


@compiled_lean(numba.int64(NGRAMS, WINDOW, numba.int64))
def _sift(index: Ngrams, window: Window, waiting: Any) -> Any:
    """Move those of the waiting windows whose hash the bitmap does not rule out to the front; how many they are."""
    kept = 0
    for at in range(waiting):
        bit = window.keys[at] >> np.uint64(index.bit_shift)
        if index.bits[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1):
            prefetch(index.buckets, np.int64(window.keys[at] >> np.uint64(index.bucket_shift)))
            window.keys[kept], window.places[kept] = window.keys[at], window.places[at]
            window.sizes[kept] = window.sizes[at]
            kept += 1
    return kept


@compiled_lean(numba.int64(BYTES, numba.int64, TABLE, NGRAMS, TALLIES, _ROOM, WINDOW, numba.int64, numba.int64))
def _look_up(
    values: Array,
    end: Any,
    table: Array,
    index: Ngrams,
    tallies: Tallies,
    room: Array,
    window: Window,
    waiting: Any,
    touched: Any,
) -> Any:
    """Meet those of the waiting windows that the index may hold; how many passages have been touched."""
    for which in range(_sift(index, window, waiting)):
        key, length = window.keys[which], window.sizes[which]
        prefix = np.int64(key >> np.uint64(index.bucket_shift))
        ngram, stop = index.buckets[prefix], index.buckets[prefix + 1]
        while ngram < stop and index.keys[ngram] < key:
            ngram += 1
        if ngram < stop and index.keys[ngram] == key:
            place = window.places[which]
            written = spell(values, place, end, table, length, room)
            touched = _meet(index, tallies, ngram, length, room, written, place, touched)
    return touched


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, TABLE, NGRAMS, TALLIES, _ROOM, WINDOW))
def _read(
    values: Array, at: Any, end: Any, table: Array, index: Ngrams, tallies: Tallies, room: Array, window: Window
) -> Any:
    """Meet every window of one text; how many passages share one with it."""
    lengths, longest = index.lengths, len(window.hashes)
    window.hashes[:] = 0
    window.rolling[:] = 0
    touched, counted, slot, waiting = 0, 0, 0, 0
    while True:
        word, start, at = next_word(values, at, end, table)
        if start < 0 or waiting + len(lengths) > len(window.keys):
            touched = _look_up(values, end, table, index, tallies, room, window, waiting, touched)
            waiting = 0
        if start < 0:
            return touched
        for which in range(len(lengths)):
            gone = slot - lengths[which]
            gone += longest if gone < 0 else 0
            left = window.hashes[gone] * window.leaving[which]
            window.rolling[which] = window.rolling[which] * _STEP + word - left
        window.hashes[slot], window.starts[slot] = word, start
        counted += 1
        for which in range(len(lengths)):
            if counted < lengths[which]:
                break  # The others are longer.
            key, first = mix(window.rolling[which]), slot - lengths[which] + 1
            prefetch(index.bits, np.int64(key >> np.uint64(index.bit_shift + 6)))
            window.keys[waiting], window.sizes[waiting] = key, lengths[which]
            window.places[waiting] = window.starts[first + longest if first < 0 else first]
            waiting += 1
        slot = slot + 1 if slot + 1 < longest else 0


@compiled_lean(numba.void(TALLIES, numba.int64, numba.int64[:, ::1]))
def _show(tallies: Tallies, passage: Any, evidence: Array) -> None:
    """Put a passage among the evidence, which is sorted: the most n-grams first, then the first passage."""
    found, at = tallies.found[passage], len(evidence)
    while at > 0 and (
        evidence[at - 1, FOUND] < found or (evidence[at - 1, FOUND] == found and evidence[at - 1, PASSAGE] > passage)
    ):
        at -= 1
        if at + 1 < len(evidence):
            for column in range(COLUMNS):
                evidence[at + 1, column] = evidence[at, column]
    if at < len(evidence):
        evidence[at, PASSAGE], evidence[at, FOUND], evidence[at, HITS] = passage, found, tallies.hits[passage]
        evidence[at, PLACE], evidence[at, FIRST_WORD] = tallies.first_place[passage], tallies.first_word[passage]


@compiled_lean(numba.int64(NGRAMS, TALLIES, numba.int64, numba.float64, numba.int64[:, ::1]))
def _judge(index: Ngrams, tallies: Tallies, touched: Any, min_fraction: float, evidence: Array) -> Any:
    """Count the passages that the document holds enough of, and show the first of them; how many they are."""
    enough, document = 0, tallies.document[0]
    for place in range(touched):
        passage = tallies.touched[place]
        if tallies.found[passage] / index.passage_ngrams[passage] >= min_fraction:
            enough += 1
            _show(tallies, passage, evidence)
            tallies.documents_of_passage[passage] += 1
            of_set = index.passage_sets[passage]
            if tallies.set_seen_at[of_set] != document:
                tallies.set_seen_at[of_set] = document
                tallies.documents_of_set[of_set] += 1
        tallies.found[passage], tallies.hits[passage] = 0, 0
    return enough


@compiled(numba.int64[::1](BYTES, OFFSETS, TABLE, NGRAMS, TALLIES, numba.float64, numba.int64[:, :, ::1]))
def scan(
    values: Array,
    offsets: Array,
    table: Array,
    index: Ngrams,
    tallies: Tallies,
    min_fraction: float,
    evidence: Array,
) -> Array:
    """How many passages each text holds enough of; writes `evidence` of SHOWN of them and counts them in `tallies`."""
    enough = np.zeros(len(offsets) - 1, np.int64)
    if not len(index.keys):
        return enough
    room, longest = np.empty(index.most_letters, np.uint32), index.lengths[-1]
    leaving, rolling = np.ones(len(index.lengths), np.uint64), np.zeros(len(index.lengths), np.uint64)
    for which in range(len(leaving)):
        for _ in range(index.lengths[which]):
            leaving[which] *= _STEP
    most = _WAITING + len(leaving)
    window = Window(
        np.zeros(longest, np.uint64),
        np.zeros(longest, np.int64),
        rolling,
        leaving,
        np.zeros(most, np.uint64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
    )
    for text in range(len(enough)):
        tallies.document[0] += 1
        touched = _read(values, offsets[text], offsets[text + 1], table, index, tallies, room, window)
        if touched:
            enough[text] = _judge(index, tallies, touched, min_fraction, evidence[text])
    return enough
