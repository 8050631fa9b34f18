"""A back-off n-gram model in memory: an automaton whose states are contexts, one hash table for all n-grams.

A step looks the word up behind the context. Where the n-gram is unknown the context loses its first word and its
back-off is charged, until the n-gram is known or no context is left. So a known n-gram costs one look-up whatever its
length; KenLM's probing model, which starts at the word alone, needs one for each order. Charged back-offs are added to
the probability from the shortest context up, and the steps to the sum one by one, all in single precision: that is
KenLM's order (kpu/kenlm lm/model.cc, `FullScore`; python/score_sentence.cc), so that the sum has KenLM's every bit.

An n-gram takes 32 bytes, a context 8 more: of a model of 10^8 n-grams, which pieces of 4 GB of text give, 4 GB in each
process. For such a model take KenLM's own binary format, which all processes of a machine share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from tokenizer.kernels import OFFSETS, compiled
from tokenizer.prefetch import prefetch

Array = np.ndarray[Any, Any]

MAX_ORDER = 6
UNKNOWN, BEGIN, END = b"<unk>", b"<s>", b"</s>"

_BUCKET, _KEYS = np.uint64(8), np.uint64(4)
_NGRAMS_A_BUCKET = 2
_SIDE_BY_SIDE = 16
_NONE = np.uint64(0)


class Automaton(NamedTuple):
    """The arrays of a model. State 0 is the empty context, state 1 + w the context of word w alone.

    A bucket is a cache line of eight cells, four keys and four values. A key is a context's state and a word plus one;
    a value, through the two other views of the memory, is a probability (even) and the state after the word (odd).
    A state's `suffix` is that of the longest context which it ends, `backoff` what is charged for going there.
    """

    cells: Array
    halves: Array
    floats: Array
    suffix: Array
    backoff: Array
    unigram: Array
    after_unigram: Array


AUTOMATON = numba.types.NamedTuple(
    (
        numba.uint64[::1],
        numba.uint32[::1],
        numba.float32[::1],
        numba.uint32[::1],
        numba.float32[::1],
        numba.float32[::1],
        numba.uint32[::1],
    ),
    Automaton,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffModel:
    """The automaton, and the number of each word. Word 0 is the unknown one."""

    order: int
    numbers: dict[bytes, int]
    automaton: Automaton

    def score(self, words: Array, offsets: Array) -> Array:
        """The log10 probability of each sentence of word numbers, its end included, as float32."""
        scores: Array = _score(self.automaton, words, offsets, self.numbers[BEGIN], self.numbers[END])
        return scores


def empty_automaton(counts: Sequence[int]) -> Automaton:
    """Room for so many n-grams of each order. Raises ValueError where there cannot be as many."""
    ngrams, states = sum(counts), 1 + sum(counts[:-1])
    if max(ngrams, states) >= 1 << 31:
        raise ValueError(f"{ngrams} n-grams are more than can be numbered")
    line = 64
    size = line * (1 + sum(counts[1:]) // _NGRAMS_A_BUCKET)
    try:
        memory = np.zeros(size + line, np.uint8)
        start = -memory.ctypes.data % line
        table = memory[start : start + size]
        return Automaton(
            cells=table.view(np.uint64),
            halves=table.view(np.uint32),
            floats=table.view(np.float32),
            suffix=np.zeros(states, np.uint32),
            backoff=np.zeros(states, np.float32),
            unigram=np.zeros(counts[0], np.float32),
            after_unigram=np.arange(1, counts[0] + 1, dtype=np.uint32),
        )
    except MemoryError as error:
        raise ValueError(f"{ngrams} n-grams do not fit into memory") from error


@compiled(numba.uint64(numba.uint64, numba.uint64))
def key_of(context: Any, word: Any) -> Any:
    """The key of a word behind a context."""
    return context << np.uint64(32) | (word + np.uint64(1))


@compiled(numba.uint64(numba.uint64[::1], numba.uint64))
def bucket_of(cells: Array, key: Any) -> Any:
    """The first cell of the bucket in which a key is looked for first."""
    mixed = key * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    return ((mixed >> np.uint64(32)) * (np.uint64(len(cells)) // _BUCKET) >> np.uint64(32)) * _BUCKET


@compiled(numba.int64(numba.uint64[::1], numba.uint64, numba.uint64))
def find(cells: Array, key: Any, bucket: Any) -> Any:
    """The cell of a key's value, from its bucket on; where there is none, -1 - the cell that the key would have."""
    while True:
        # All four keys, and then one question: which of them it is cannot be foreseen.
        place = np.uint64(0)
        for index in range(4):
            place += np.uint64(cells[bucket + np.uint64(index)] == key) * (_KEYS + np.uint64(index))
        if place != _NONE:
            return np.int64(bucket + place)
        if cells[bucket + np.uint64(3)] == _NONE:
            break
        bucket += _BUCKET
        if bucket == np.uint64(len(cells)):
            bucket = np.uint64(0)
    free = bucket
    for index in range(3):
        free += np.uint64(cells[bucket + np.uint64(index)] != _NONE)
    return -1 - np.int64(free)


@compiled(numba.int64(numba.uint64[::1], numba.uint64, numba.uint64))
def find_word_behind(cells: Array, context: Any, word: Any) -> Any:
    """`find` for a word behind a context."""
    key = key_of(context, word)
    return find(cells, key, bucket_of(cells, key))


@compiled(numba.int64(AUTOMATON, numba.int64[::1], numba.float32, numba.float32, numba.int64))
def add(automaton: Automaton, ngram: Array, probability: Any, backoff: Any, state: int) -> Any:
    """Put an n-gram in, all shorter ones being in; it becomes the context `state`, or none where that is 0.

    Returns 0 where it is done, -1 where its context is not in, -2 where the n-gram is.
    """
    cells, halves, floats, suffix, backoffs, _, _ = automaton
    context = np.uint64(ngram[0] + 1)
    for word in ngram[1:-1]:
        cell = find_word_behind(cells, context, np.uint64(word))
        if cell < 0:
            return -1
        context = np.uint64(halves[2 * cell + 1])
    word = np.uint64(ngram[-1])
    key_cell = -1 - find_word_behind(cells, context, word)
    if key_cell < 0:
        return -2
    after = word + np.uint64(1)
    shorter = suffix[context]
    while shorter != 0:
        cell = find_word_behind(cells, np.uint64(shorter), word)
        if cell >= 0:
            after = np.uint64(halves[2 * cell + 1])
            break
        shorter = suffix[shorter]
    if state != 0:
        suffix[state], backoffs[state] = after, backoff
        after = np.uint64(state)
    cells[key_cell] = key_of(context, word)
    value = 2 * (key_cell + 4)
    floats[value], halves[value + 1] = probability, after
    return 0


@compiled(numba.void(AUTOMATON))
def forget_idle_contexts(automaton: Automaton) -> None:
    """Lead past every context behind which no word is known and for which nothing is charged."""
    cells, halves, _, suffix, backoff, _, after_unigram = automaton
    idle = np.ones(len(suffix), np.bool_)
    for cell in range(len(cells)):
        if cell & 4 == 0 and cells[cell] != _NONE:
            idle[cells[cell] >> np.uint64(32)] = False
    better = np.zeros(len(suffix), np.uint32)
    for state in range(1, len(suffix)):  # A suffix has a smaller number than the contexts that it ends.
        suffix[state] = better[suffix[state]]
        better[state] = suffix[state] if idle[state] and backoff[state] == 0 else np.uint32(state)
    for cell in range(len(cells)):
        if cell & 4 != 0:
            halves[2 * cell + 1] = better[halves[2 * cell + 1]]
    for word in range(len(after_unigram)):
        after_unigram[word] = better[after_unigram[word]]


@compiled(
    numba.float32[::1](
        AUTOMATON, numba.types.Array(numba.int32, 1, "C", readonly=True), OFFSETS, numba.int64, numba.int64
    )
)
def _score(automaton: Automaton, words: Array, offsets: Array, begin: int, end: int) -> Array:
    """A look-up for each sentence in turns, sent for a turn ahead: so memory is hardly waited for."""
    # Taken out once: each time that an array is taken out of a tuple its references are counted.
    cells, halves, floats, suffix, backoff, unigram, after_unigram = automaton
    scores = np.zeros(len(offsets) - 1, np.float32)
    sentences = np.full(_SIDE_BY_SIDE, -1, np.int64)
    places, depths = np.zeros(_SIDE_BY_SIDE, np.int64), np.zeros(_SIDE_BY_SIDE, np.int64)
    contexts, buckets = np.zeros(_SIDE_BY_SIDE, np.uint64), np.zeros(_SIDE_BY_SIDE, np.uint64)
    charged = np.zeros((_SIDE_BY_SIDE, MAX_ORDER), np.float32)
    begun, left = 0, len(scores)
    while left > 0:
        for lane in range(_SIDE_BY_SIDE):
            sentence = sentences[lane]
            context = contexts[lane]
            if sentence >= 0:
                word = np.uint64(words[places[lane]] if places[lane] < offsets[sentence + 1] else end)
                probability, after = unigram[word], np.uint64(after_unigram[word])
                if context != _NONE:
                    cell = find(cells, key_of(context, word), buckets[lane])
                    if cell < 0:
                        charged[lane, depths[lane]] = backoff[context]
                        depths[lane] += 1
                        context = np.uint64(suffix[context])
                        if context != _NONE:
                            contexts[lane] = context
                            buckets[lane] = bucket_of(cells, key_of(context, word))
                            prefetch(cells, buckets[lane])
                            continue
                    else:
                        value = np.uint64(cell) << np.uint64(1)
                        probability, after = floats[value], np.uint64(halves[value + np.uint64(1)])
                while depths[lane] > 0:
                    depths[lane] -= 1
                    probability += charged[lane, depths[lane]]
                scores[sentence] += probability
                context = after
                places[lane] += 1
                if places[lane] > offsets[sentence + 1]:
                    left -= 1
                    sentence = -1
            if sentence < 0:
                sentences[lane] = -1
                if begun == len(scores):
                    continue
                sentence, begun = begun, begun + 1
                sentences[lane], places[lane] = sentence, offsets[sentence]
                context = np.uint64(after_unigram[begin])
            word = np.uint64(words[places[lane]] if places[lane] < offsets[sentence + 1] else end)
            contexts[lane] = context
            buckets[lane] = bucket_of(cells, key_of(context, word))
            prefetch(cells, buckets[lane])
            prefetch(backoff, context)
            prefetch(suffix, context)
    return scores
