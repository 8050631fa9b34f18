"""The n-grams of evaluation sets, ready to be looked for: read from a table of passages, hashed and sorted.

A passage is the text of one field of an item. One of at least `ngram_words` words gives every n-gram of so many words;
a shorter one is matched whole, as one n-gram of its own length. An n-gram that more than `max_passages` passages of a
set share is the set's template ("Below is an instruction …") and says nothing of any item: it is not looked for, nor
is one of numbers alone ("1 2 3 4 …").
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.contamination_scan import Ngrams, Tallies, next_word, spell
from filters.key_sets import KeySet
from filters.shingle_loop import ALONE, SHINGLE_STEP, TABLE, letters, mix
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]

PASSAGES_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("set", "item", "field")),
        pa.field("text", pa.large_string()),
        pa.field("items", pa.list_(pa.int32())),
    ]
)
"""A set's passages, each once: the first item that has it (FILE#LINE), its field, and the numbers of all that do."""

_BITS_A_KEY = 16
_STEP = np.uint64(SHINGLE_STEP)
_WRITTEN = numba.types.Tuple((numba.uint64[::1], numba.int64[::1], numba.uint32[::1]))


@dataclass(frozen=True, slots=True)
class ContaminationIndex:
    """The passages in the order of their sets, their n-grams, and how many of each set are not looked for, and why."""

    sets: tuple[str, ...]
    passages: pa.Table
    ngrams: Ngrams
    template_ngrams: tuple[int, ...]
    number_ngrams: tuple[int, ...]

    def tallies(self) -> Tallies:
        """Counters that have counted nothing."""
        passages, ngrams, sets = self.passages.num_rows, len(self.ngrams.keys), len(self.sets)
        sizes = (passages, ngrams, sets, *(passages,) * 5, len(self.ngrams.passages), ngrams, sets, 1)
        return Tallies(*(np.zeros(size, np.int64) for size in sizes))

    def words(self, first: int, count: int) -> str:
        """So many words of the passages from one on, as they are compared."""
        starts = self.ngrams.word_starts
        spelt = self.ngrams.letters[starts[first] : starts[first + count]].tolist()
        return "".join(chr(letter & ~ALONE) if letter else " " for letter in spelt).rstrip()

    def ngram(self, number: int) -> str:
        """The words of an n-gram."""
        place = self.ngrams.places[number]
        return self.words(self.ngrams.words[place], self.ngrams.passage_words[self.ngrams.passages[place]])


def write_passages(path: str, passages: pa.Table, *, ngram_words: int, max_passages: int) -> None:
    """Write a table of passages with what they are to be cut by."""
    said = {"ngram_words": str(ngram_words), "max_passages": str(max_passages)}
    pq.write_table(passages.replace_schema_metadata(said), path, compression="zstd")


def load_index(path: str) -> ContaminationIndex:
    """The index of a table that `write_passages` has written."""
    table = pq.read_table(path)
    said = table.schema.metadata
    return build_index(
        table.replace_schema_metadata(), ngram_words=int(said[b"ngram_words"]), max_passages=int(said[b"max_passages"])
    )


def count_words(texts: pa.Array) -> Array:
    """How many words each text has."""
    values, offsets = text_buffers(texts)
    counts: Array = _count_words(values, offsets, letters())
    return counts


def build_index(passages: pa.Table, *, ngram_words: int, max_passages: int) -> ContaminationIndex:
    """The index of passages in the order of their sets."""
    column = passages.column("set").combine_chunks().dictionary_encode()
    sets, set_of = tuple(column.dictionary.to_pylist()), column.indices.to_numpy().astype(np.int32)
    values, offsets = text_buffers(passages.column("text").combine_chunks())
    hashes, ends, spelt = _read_passages(values, offsets, letters())
    lengths = np.minimum(np.diff(ends), ngram_words).astype(np.int32)
    word_starts = np.concatenate([[0], np.flatnonzero(spelt == 0) + 1]).astype(np.int64)
    keys, passage, word = _sorted_ngrams(hashes, ends, lengths)
    says = _has_letters(spelt, word_starts, word, lengths[passage])
    numbers = np.bincount(set_of[passage[~says]], minlength=len(sets))
    keys, passage, word = keys[says], passage[says], word[says]
    keeps, template = _outside_template(keys, set_of[passage], max_passages, len(sets))
    keys, passage, word = keys[keeps], passage[keeps], word[keeps]
    firsts = np.flatnonzero(_differs(keys))
    members = KeySet.of(keys[firsts])
    bits, bit_shift = _bitmap(members.keys)
    spans = word_starts[word + lengths[passage]] - word_starts[word]
    ngrams = Ngrams(
        bits=bits,
        keys=members.keys,
        buckets=members.starts,
        places=np.append(firsts, len(keys)).astype(np.int64),
        passages=passage,
        words=word,
        word_starts=word_starts,
        letters=spelt,
        lengths=np.unique(lengths[passage]).astype(np.int64),
        passage_words=lengths,
        passage_ngrams=np.bincount(passage, minlength=len(lengths)).astype(np.int32),
        passage_sets=set_of,
        bit_shift=bit_shift,
        bucket_shift=64 - (len(members.starts) - 1).bit_length() + 1,
        most_letters=int(spans.max(initial=1)),
    )
    return ContaminationIndex(sets, passages, ngrams, template, tuple(numbers.tolist()))


def _sorted_ngrams(hashes: Array, ends: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """Hash, passage and first word of all n-grams, by hash and passage; of a passage each once."""
    counts = np.where(lengths > 0, np.diff(ends) - lengths + 1, 0)
    keys, word = _window_keys(hashes, ends, lengths, int(counts.sum()))
    passage = np.repeat(np.arange(len(lengths), dtype=np.int32), counts)
    order = np.argsort(keys, kind="stable")  # Passages, and words in them, are in order already.
    keys, passage, word = keys[order], passage[order], word[order]
    first = _differs(keys) | _differs(passage)
    return keys[first], passage[first], word[first]


def _has_letters(spelt: Array, word_starts: Array, words: Array, lengths: Array) -> Array:
    """Which windows, given by first words and lengths, are not of numbers alone."""
    is_letter = (spelt != 0) & ((spelt < ord("0")) | (spelt > ord("9")))
    before = np.concatenate([[0], np.cumsum(is_letter)])
    has: Array = before[word_starts[words + lengths]] > before[word_starts[words]]
    return has


def _outside_template(keys: Array, set_of: Array, max_passages: int, sets: int) -> tuple[Array, tuple[int, ...]]:
    """Which rows are of n-grams that no more than so many passages of their set have; how many others each set has."""
    first = _differs(keys) | _differs(set_of)
    run = np.cumsum(first) - 1
    too_many = np.bincount(run) > max_passages if len(run) else np.zeros(0, np.bool_)
    template = np.bincount(set_of[first][too_many], minlength=sets)
    keeps: Array = ~too_many[run]
    return keeps, tuple(template.tolist())


def _differs(values: Array) -> Array:
    """Which values differ from the one before."""
    changed = np.ones(len(values), np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _bitmap(keys: Array) -> tuple[Array, int]:
    """A bitmap of the keys' first bits, and how far a key is shifted to them: nearly all others are told by it."""
    width = max(6, (_BITS_A_KEY * len(keys)).bit_length())
    bits = np.zeros(1 << width - 6, np.uint64)
    places = keys >> np.uint64(64 - width)
    np.bitwise_or.at(bits, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(63)))
    return bits, 64 - width


@compiled(numba.int64[::1](BYTES, OFFSETS, TABLE))
def _count_words(values: Array, offsets: Array, table: Array) -> Array:
    counts = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(counts)):
        at, start = offsets[text], 0
        while start >= 0:
            _, start, at = next_word(values, at, offsets[text + 1], table)
            counts[text] += start >= 0
    return counts


@compiled(_WRITTEN(BYTES, OFFSETS, TABLE))
def _read_passages(values: Array, offsets: Array, table: Array) -> Any:
    """The hashes of all words, before which word each passage ends, and the letters of all words with zeros between."""
    texts = len(offsets) - 1
    size = offsets[texts] - offsets[0] + texts
    hashes, ends = np.empty(size, np.uint64), np.zeros(texts + 1, np.int64)
    spelt = np.empty(size, np.uint32)  # Only letters of three bytes and more are words without a mark between.
    count, written = 0, 0
    for text in range(texts):
        at, end = offsets[text], offsets[text + 1]
        while True:
            word, start, at = next_word(values, at, end, table)
            if start < 0:
                break
            hashes[count] = word
            count += 1
        ends[text + 1] = count
        written += spell(values, offsets[text], end, table, count - ends[text], spelt[written:])
    return hashes[:count].copy(), ends, spelt[:written].copy()


@compiled(
    numba.types.Tuple((numba.uint64[::1], numba.int64[::1]))(
        numba.uint64[::1], OFFSETS, numba.types.Array(numba.int32, 1, "C", readonly=True), numba.int64
    )
)
def _window_keys(hashes: Array, ends: Array, lengths: Array, count: int) -> Any:
    """The hash and the first word of every window of each passage's length, in order."""
    keys, words = np.empty(count, np.uint64), np.empty(count, np.int64)
    found = 0
    for passage in range(len(lengths)):
        length = lengths[passage]
        if length == 0:
            continue
        leaving, rolling = np.uint64(1), np.uint64(0)
        for _ in range(length):
            leaving *= _STEP
        for word in range(ends[passage], ends[passage + 1]):
            rolling = rolling * _STEP + hashes[word]
            if word >= ends[passage] + length:
                rolling -= hashes[word - length] * leaving
            if word + 1 >= ends[passage] + length:
                keys[found], words[found] = mix(rolling), word + 1 - length
                found += 1
    return keys, words
