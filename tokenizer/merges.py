"""The pieces of a segment under a BPE model, exactly SentencePiece's, in time proportional to its length.

Source: google/sentencepiece 0.2.3, src/bpe_model.cc: of all neighbours whose joined text is a piece, those with the
best score are merged, the leftmost first, until there are none.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled, next_code_point
from tokenizer.trie import NONE, TRIE, Trie, exact, longest

MAX_MERGED_BYTES = 64
"""A longer segment is not merged as a whole: that takes time with the square of its length."""

_NEVER = -(1 << 31)
_KNOWN_PAIRS = 1 << 14


class Merges(NamedTuple):
    """The pieces, the rank of each id (a higher one merges first), and which pairs of ids are known to stay apart."""

    pieces: Trie
    ranks: NDArray[np.int32]
    pairs: NDArray[np.uint64]


MERGES = numba.types.NamedTuple((TRIE, numba.int32[::1], numba.uint64[::1]), Merges)


def ranks(scores: NDArray[np.float32]) -> NDArray[np.int32]:
    """Whole numbers in the order of the scores; -0.0 comes before 0.0, as SentencePiece compares them."""
    bits = scores.view(np.int32)
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


def build_merges(pieces: Trie, scores: NDArray[np.float32]) -> Merges:
    """The merges of pieces with these scores."""
    return Merges(pieces, ranks(scores), np.zeros(_KNOWN_PAIRS, np.uint64))


@compiled(numba.int32(MERGES, BYTES, numba.int64, numba.int64))
def _rank(merges: Merges, text: NDArray[np.uint8], start: int, end: int) -> Any:
    found = exact(merges.pieces, text, start, end)
    return _NEVER if found == NONE else merges.ranks[found]


@compiled(numba.int64(MERGES, BYTES, numba.int64, numba.int64, numba.int64[::1]))
def _merged(merges: Merges, text: NDArray[np.uint8], start: int, end: int, cuts: NDArray[np.int64]) -> Any:
    """Merges as the model says; writes where the pieces begin, and the end, and returns how many pieces there are."""
    count, at = 0, start
    while at < end:
        cuts[count] = at
        _, at = next_code_point(text, at, end)
        count += 1
    cuts[count] = end
    best = np.empty(count, np.int32)  # The rank of merging a symbol with the next one.
    for symbol in range(count - 1):
        best[symbol] = _rank(merges, text, cuts[symbol], cuts[symbol + 2])
    while count > 1:
        left = 0
        for symbol in range(1, count - 1):
            if best[symbol] > best[left]:
                left = symbol
        if best[left] == _NEVER:
            break
        for symbol in range(left + 1, count):
            cuts[symbol] = cuts[symbol + 1]
        for symbol in range(left + 1, count - 2):
            best[symbol] = best[symbol + 1]
        count -= 1
        if left > 0:
            best[left - 1] = _rank(merges, text, cuts[left - 1], cuts[left + 1])
        if left < count - 1:
            best[left] = _rank(merges, text, cuts[left], cuts[left + 2])
    return count


@compiled(numba.boolean(MERGES, BYTES, numba.int64, numba.int64, numba.int64))
def stay_apart(merges: Merges, text: NDArray[np.uint8], start: int, cut: int, end: int) -> Any:
    """Whether two pieces, or characters that are none, stay what they are when they stand side by side alone."""
    left, right = exact(merges.pieces, text, start, cut), exact(merges.pieces, text, cut, end)
    pair = np.uint64(left) << np.uint64(32) | np.uint64(right) << np.uint64(1)
    slot = (pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - 14)
    known = min(left, right) != NONE
    if known and merges.pairs[slot] >> np.uint64(1) << np.uint64(1) == pair and merges.pairs[slot] != np.uint64(0):
        return merges.pairs[slot] & np.uint64(1) != np.uint64(0)
    cuts = np.empty(end - start + 1, np.int64)
    answer = _merged(merges, text, start, end, cuts) == 2 and cuts[1] == cut
    if known:
        merges.pairs[slot] = pair | np.uint64(answer)
    return answer


@compiled(numba.int64(MERGES, BYTES, numba.int64, numba.int64, numba.int64))
def _longest_symbol(merges: Merges, text: NDArray[np.uint8], start: int, end: int, below: int) -> Any:
    """Where the longest piece or character ends that begins here and ends before `below`; `start` for none."""
    found = longest(merges.pieces, text, start, min(end, below - 1))
    if found > start:
        return found
    _, after = next_code_point(text, start, end)
    return after if after < below else start


@compiled(numba.int64(MERGES, BYTES, numba.int64, numba.int64, numba.int64[::1]))
def cut_into_pieces(merges: Merges, text: NDArray[np.uint8], start: int, end: int, cuts: NDArray[np.int64]) -> Any:
    """Writes where the pieces of a segment begin, and its end, and returns how many pieces there are.

    A row of pieces is what merging gives if and only if each two neighbours alone stay what they are. (The first
    merge across a boundary would be the first one for its two neighbours alone as well.) So a beginning of the
    text has one such row at most, and a search for it goes back over any place at most once.
    """
    if end - start <= MAX_MERGED_BYTES:
        return _merged(merges, text, start, end, cuts)
    dead = np.zeros(end - start + 1, np.bool_)  # Places where no row goes on to the end.
    count = 0
    cuts[0] = start
    below = end + 1  # The next piece ends before this place.
    while cuts[count] < end:
        at = cuts[count]
        following = _longest_symbol(merges, text, at, end, below)
        if following == at:
            dead[at - start] = True
            below = at
            count -= 1
        elif dead[following - start] or (count and not stay_apart(merges, text, cuts[count - 1], at, following)):
            below = following
        else:
            count += 1
            cuts[count] = following
            below = end + 1
    return count
