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
_SIDE_BY_SIDE = 12
_NONE = np.uint64(0)
_PAIR, _NUMBER = np.uint64(2), np.uint64(1)


class Automaton(NamedTuple):
    """The arrays of a model. State 0 is the empty context, state 1 + w the context of word w alone.

    A bucket is a cache line of eight cells, four keys and four values. A key is a context's state and a word plus one.
    All else are pairs of a float and a number, each array of them seen as both: the value of a key and that of a word
    alone are its probability and the state after it; a state's are the back-off that is charged for leaving it, and the
    state of the longest context which it ends.
    """

    cells: Array
    cell_floats: Array
    cell_numbers: Array
    state_floats: Array
    state_numbers: Array
    word_floats: Array
    word_numbers: Array

    @property
    def backoff(self) -> Array:
        """What is charged for leaving each state."""
        return self.state_floats[::2]

    @property
    def suffix(self) -> Array:
        """The state that each one is left for."""
        return self.state_numbers[1::2]

    @property
    def unigram(self) -> Array:
        """The log10 probability of each word behind no context."""
        return self.word_floats[::2]


AUTOMATON = numba.types.NamedTuple(
    (
        numba.uint64[::1],
        numba.float32[::1],
        numba.uint32[::1],
        numba.float32[::1],
        numba.uint32[::1],
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
    try:
        cells = _aligned(1 + sum(counts[1:]) // _NGRAMS_A_BUCKET)
        state, word = np.zeros(2 * states, np.uint32), np.zeros(2 * counts[0], np.uint32)
    except MemoryError as error:
        raise ValueError(f"{ngrams} n-grams do not fit into memory") from error
    word[1::2] = np.arange(1, counts[0] + 1)
    views = (array.view(kind) for array in (cells, state, word) for kind in (np.float32, np.uint32))
    return Automaton(cells, *views)


def _aligned(buckets: int) -> Array:
    """Cells of so many buckets, each of which is a cache line."""
    line = 64
    memory = np.zeros((buckets + 1) * line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : start + buckets * line].view(np.uint64)


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
    """The cell of a key's value, from its bucket on; -1 where there is none."""
    while True:
        for index in range(4):
            if cells[bucket + np.uint64(index)] == key:
                return np.int64(bucket + _KEYS + np.uint64(index))
        if cells[bucket + np.uint64(3)] == _NONE:
            return -1
        bucket += _BUCKET
        if bucket == np.uint64(len(cells)):
            bucket = np.uint64(0)


@compiled(numba.int64(numba.uint64[::1], numba.uint64, numba.uint64))
def _find_word_behind(cells: Array, context: Any, word: Any) -> Any:
    """`find` for a word behind a context."""
    key = key_of(context, word)
    return find(cells, key, bucket_of(cells, key))


@compiled(numba.uint64(numba.uint64[::1], numba.uint64))
def _insert(cells: Array, key: Any) -> Any:
    """The cell of the value of a key that was not there."""
    cell = bucket_of(cells, key)
    while cells[cell] != _NONE:
        cell += np.uint64(1)
        if cell & _KEYS != _NONE:
            cell += _KEYS
        if cell == np.uint64(len(cells)):
            cell = np.uint64(0)
    cells[cell] = key
    return cell + _KEYS


@compiled(numba.int64(AUTOMATON, numba.int64[::1], numba.float32, numba.float32, numba.int64))
def add(automaton: Automaton, ngram: Array, probability: Any, backoff: Any, state: int) -> Any:
    """Put an n-gram in, all shorter ones being in; it becomes the context `state`, or none where that is 0.

    Returns 0 where it is done, -1 where its context is not in, -2 where the n-gram is.
    """
    cells, floats, numbers, state_floats, state_numbers, _, _ = automaton
    context = np.uint64(ngram[0] + 1)
    for word in ngram[1:-1]:
        cell = _find_word_behind(cells, context, np.uint64(word))
        if cell < 0:
            return -1
        context = np.uint64(numbers[2 * cell + 1])
    word = np.uint64(ngram[-1])
    if _find_word_behind(cells, context, word) >= 0:
        return -2
    after = word + np.uint64(1)
    shorter = state_numbers[2 * context + 1]
    while shorter != 0:
        cell = _find_word_behind(cells, np.uint64(shorter), word)
        if cell >= 0:
            after = np.uint64(numbers[2 * cell + 1])
            break
        shorter = state_numbers[2 * shorter + 1]
    if state != 0:
        state_floats[2 * state], state_numbers[2 * state + 1] = backoff, after
        after = np.uint64(state)
    value = np.int64(2 * _insert(cells, key_of(context, word)))
    floats[value], numbers[value + 1] = probability, after
    return 0


@compiled(numba.void(AUTOMATON))
def forget_idle_contexts(automaton: Automaton) -> None:
    """Lead past every context behind which no word is known and for which nothing is charged."""
    cells, _, cell_numbers, state_floats, state_numbers, _, word_numbers = automaton
    states = len(state_floats) // 2
    idle = np.ones(states, np.bool_)
    for cell in range(len(cells)):
        if cell & 4 == 0 and cells[cell] != _NONE:
            idle[cells[cell] >> np.uint64(32)] = False
    better = np.zeros(states, np.uint32)
    for state in range(1, states):  # A suffix has a smaller number than the contexts that it ends.
        suffix = better[state_numbers[2 * state + 1]]
        state_numbers[2 * state + 1] = suffix
        better[state] = suffix if idle[state] and state_floats[2 * state] == 0 else np.uint32(state)
    for cell in range(len(cells)):
        if cell & 4 != 0:
            cell_numbers[2 * cell + 1] = better[cell_numbers[2 * cell + 1]]
    for word in range(len(word_numbers) // 2):
        word_numbers[2 * word + 1] = better[word_numbers[2 * word + 1]]


@compiled(
    numba.float32[::1](
        AUTOMATON, numba.types.Array(numba.int32, 1, "C", readonly=True), OFFSETS, numba.int64, numba.int64
    )
)
def _score(automaton: Automaton, words: Array, offsets: Array, begin: int, end: int) -> Array:
    """A look-up for each sentence in turns, sent for a turn ahead: so memory is hardly waited for."""
    # Taken out once: each time that an array is taken out of a tuple its references are counted.
    cells, cell_floats, cell_numbers, state_floats, state_numbers, word_floats, word_numbers = automaton
    scores = np.zeros(len(offsets) - 1, np.float32)
    sentences = np.full(_SIDE_BY_SIDE, -1, np.int64)
    places, depths = np.zeros(_SIDE_BY_SIDE, np.int64), np.zeros(_SIDE_BY_SIDE, np.int64)
    contexts, buckets = np.zeros(_SIDE_BY_SIDE, np.uint64), np.zeros(_SIDE_BY_SIDE, np.uint64)
    charged = np.zeros((_SIDE_BY_SIDE, MAX_ORDER), np.float32)
    begun, left = 0, len(scores)
    while left > 0:
        for lane in range(_SIDE_BY_SIDE):
            sentence, context, at = sentences[lane], contexts[lane], places[lane]
            if sentence >= 0:
                word = np.uint64(words[at] if at < offsets[sentence + 1] else end)
                cell = find(cells, key_of(context, word), buckets[lane]) if context != _NONE else -1
                if cell < 0 and context != _NONE:
                    charged[lane, depths[lane]] = state_floats[_PAIR * context]
                    depths[lane] += 1
                    context = np.uint64(state_numbers[_PAIR * context + _NUMBER])
                    if context != _NONE:
                        contexts[lane] = context
                        buckets[lane] = bucket_of(cells, key_of(context, word))
                        prefetch(cells, buckets[lane])
                        prefetch(state_floats, _PAIR * context)
                        continue
                if cell >= 0:
                    probability, context = cell_floats[2 * cell], np.uint64(cell_numbers[2 * cell + 1])
                else:
                    probability = word_floats[_PAIR * word]
                    context = np.uint64(word_numbers[_PAIR * word + _NUMBER])
                while depths[lane] > 0:
                    depths[lane] -= 1
                    probability += charged[lane, depths[lane]]
                scores[sentence] += probability
                at += 1
                if at > offsets[sentence + 1]:
                    left -= 1
                    sentence = -1
            if sentence < 0:
                sentences[lane] = -1
                if begun == len(scores):
                    continue
                sentence, begun = begun, begun + 1
                sentences[lane], at = sentence, offsets[sentence]
                context = np.uint64(word_numbers[2 * begin + 1])
            word = np.uint64(words[at] if at < offsets[sentence + 1] else end)
            contexts[lane], places[lane] = context, at
            buckets[lane] = bucket_of(cells, key_of(context, word))
            prefetch(cells, buckets[lane])
            prefetch(state_floats, _PAIR * context)
    return scores
