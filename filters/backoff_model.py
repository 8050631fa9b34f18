"""A back-off n-gram model in memory: an automaton whose states are contexts, one hash table for all n-grams.

A step looks the word up behind the context. Where the n-gram is unknown the context loses its first word and its
back-off is charged, until the n-gram is known or no context is left. So a known n-gram costs one look-up whatever its
length; KenLM's probing model, which starts at the word alone, needs one for each order. Charged back-offs are added to
the probability from the shortest context up, and the steps to the sum one by one, all in single precision: that is
KenLM's order (kpu/kenlm lm/model.cc, `FullScore`; python/score_sentence.cc), so that the sum has KenLM's every bit.

An n-gram takes 24 bytes, a context 8 more: of a model of 10^8 n-grams, which pieces of 4 GB of text give, 3 GB in each
process. For such a model take KenLM's own binary format, which all processes of a machine share.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from tokenizer.kernels import OFFSETS, compiled

Array = np.ndarray[Any, Any]

MAX_ORDER = 6
UNKNOWN, BEGIN, END = b"<unk>", b"<s>", b"</s>"

# A slot holds a context, a word plus one (0: the slot is empty), a probability, and the context after the word.
CONTEXT, WORD, PROBABILITY, AFTER, SLOT = 0, 1, 2, 3, 4
SLOTS = numba.uint32[:, ::1]
SLOT_FLOATS = numba.float32[:, ::1]
STATES = numba.uint32[::1]
FLOATS = numba.float32[::1]
WORDS = numba.types.Array(numba.int32, 1, "C", readonly=True)

_SLOTS_AN_NGRAM = 1.5


class Automaton(NamedTuple):
    """The arrays of a model. State 0 is the empty context, state 1 + w the context of word w alone.

    `floats` is the memory of `slots` read as float32. A state's `suffix` is the state without the first word that the
    model knows, `backoff` what is charged for going there.
    """

    slots: Array
    floats: Array
    suffix: Array
    backoff: Array
    unigram: Array
    after_unigram: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffModel:
    """The automaton, and the number of each word. Word 0 is the unknown one."""

    order: int
    numbers: dict[bytes, int]
    automaton: Automaton

    def number(self, word: str) -> int:
        """A word's number; 0 where the model does not know it."""
        return self.numbers.get(word.encode(), 0)

    def score(self, words: Array, offsets: Array) -> Array:
        """The log10 probability of each sentence of word numbers, its end included, as float32."""
        begin, end = self.numbers[BEGIN], self.numbers[END]
        scores: Array = _score(words, offsets, begin, end, *self.automaton)
        return scores


def empty_automaton(counts: tuple[int, ...]) -> Automaton:
    """Room for so many n-grams of each order. Raises ValueError where there cannot be as many."""
    slots = 16 + int(_SLOTS_AN_NGRAM * sum(counts[1:]))
    states = 1 + sum(counts[: max(1, len(counts) - 1)])
    if max(slots, states, *counts) >= 1 << 32:
        raise ValueError(f"{sum(counts)} n-grams are more than can be numbered")
    try:
        table = np.zeros((slots, SLOT), np.uint32)
        return Automaton(
            slots=table,
            floats=table.view(np.float32),
            suffix=np.zeros(states, np.uint32),
            backoff=np.zeros(states, np.float32),
            unigram=np.zeros(counts[0], np.float32),
            after_unigram=np.arange(1, counts[0] + 1, dtype=np.uint32),
        )
    except MemoryError as error:
        raise ValueError(f"{sum(counts)} n-grams do not fit into memory") from error


@compiled(numba.int64(SLOTS, numba.int64, numba.int64))
def find(slots: Array, context: int, word: int) -> int:
    """The slot of a word behind a context, or where it would go: then that slot is empty."""
    mixed = (np.uint64(context) << np.uint64(32) | np.uint64(word)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    slot = np.int64((mixed >> np.uint64(32)) * np.uint64(len(slots)) >> np.uint64(32))
    while slots[slot, WORD] != 0 and (slots[slot, WORD] != word + 1 or slots[slot, CONTEXT] != context):
        slot += 1
        if slot == len(slots):
            slot = 0
    return slot


@compiled(numba.int64(SLOTS, STATES, numba.int64, numba.int64))
def known_suffix(slots: Array, suffix: Array, context: int, word: int) -> int:
    """The state of the longest known n-gram that ends a context and a word, the context shortened once at least."""
    while context != 0:
        context = np.int64(suffix[context])
        if context == 0:
            return word + 1
        slot = find(slots, context, word)
        if slots[slot, WORD] != 0:
            return np.int64(slots[slot, AFTER])
    return 0


@compiled(numba.void(SLOTS, STATES, FLOATS, STATES))
def forget_idle_contexts(slots: Array, suffix: Array, backoff: Array, after_unigram: Array) -> None:
    """Lead past every context behind which no word is known and for which nothing is charged."""
    idle = np.ones(len(suffix), np.bool_)
    for slot in range(len(slots)):
        if slots[slot, WORD] != 0:
            idle[slots[slot, CONTEXT]] = False
    better = np.zeros(len(suffix), np.uint32)
    for state in range(1, len(suffix)):  # A suffix has a smaller number than the contexts that it ends.
        suffix[state] = better[suffix[state]]
        better[state] = suffix[state] if idle[state] and backoff[state] == 0 else np.uint32(state)
    for slot in range(len(slots)):
        slots[slot, AFTER] = better[slots[slot, AFTER]]
    for word in range(len(after_unigram)):
        after_unigram[word] = better[after_unigram[word]]


@compiled(
    numba.types.Tuple((numba.float32, numba.int64))(
        numba.int64, numba.int64, SLOTS, SLOT_FLOATS, STATES, FLOATS, FLOATS, STATES, FLOATS
    )
)
def _step(
    context: int,
    word: int,
    slots: Array,
    floats: Array,
    suffix: Array,
    backoff: Array,
    unigram: Array,
    after_unigram: Array,
    charged: Array,
) -> Any:
    """The log10 probability of a word behind a context, and the context after it."""
    depth = 0
    probability, after = unigram[word], np.int64(after_unigram[word])
    while context != 0:
        slot = find(slots, context, word)
        if slots[slot, WORD] != 0:
            probability, after = floats[slot, PROBABILITY], np.int64(slots[slot, AFTER])
            break
        charged[depth] = backoff[context]
        depth += 1
        context = np.int64(suffix[context])
    while depth > 0:
        depth -= 1
        probability += charged[depth]
    return probability, after


@compiled(
    numba.float32[::1](WORDS, OFFSETS, numba.int64, numba.int64, SLOTS, SLOT_FLOATS, STATES, FLOATS, FLOATS, STATES)
)
def _score(
    words: Array,
    offsets: Array,
    begin: int,
    end: int,
    slots: Array,
    floats: Array,
    suffix: Array,
    backoff: Array,
    unigram: Array,
    after_unigram: Array,
) -> Array:
    scores = np.empty(len(offsets) - 1, np.float32)
    charged = np.empty(MAX_ORDER, np.float32)
    for sentence in range(len(scores)):
        context = np.int64(after_unigram[begin])
        total = np.float32(0)
        for at in range(offsets[sentence], offsets[sentence + 1] + 1):
            word = np.int64(words[at]) if at < offsets[sentence + 1] else end
            probability, context = _step(context, word, slots, floats, suffix, backoff, unigram, after_unigram, charged)
            total += probability
        scores[sentence] = total
    return scores
