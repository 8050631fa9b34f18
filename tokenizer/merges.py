"""The pieces of a segment under a BPE model, exactly SentencePiece's.

Source: google/sentencepiece 0.2.3, src/bpe_model.cc: of all neighbours whose joined text is a piece, those with the
best score are merged, the leftmost first, until there are none.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled, compiled_lean, next_code_point
from tokenizer.trie import NONE, ROOT, TRIE, Trie, exact, longest, step

STARTS, NODES = 0, 1
SYMBOLS = numba.int64[:, ::1]
_NEVER = -(1 << 32)
_PAIR_BITS = 14


class Merges(NamedTuple):
    """The pieces, the rank of each node of their trie (a higher one merges first), and what pairs are known to do."""

    pieces: Trie
    ranks: NDArray[np.int64]
    pairs: NDArray[np.uint64]


MERGES = numba.types.NamedTuple((TRIE, numba.int64[::1], numba.uint64[::1]), Merges)


def ranks(scores: NDArray[np.float32]) -> NDArray[np.int32]:
    """Whole numbers in the order of the scores; -0.0 comes before 0.0, as SentencePiece compares them."""
    bits = scores.view(np.int32)
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


def build_merges(pieces: Trie, scores: NDArray[np.float32]) -> Merges:
    """The merges of pieces with these scores."""
    of_nodes = np.where(pieces.ids == NONE, np.int64(_NEVER), ranks(scores)[pieces.ids])
    return Merges(pieces, of_nodes, np.zeros(1 << _PAIR_BITS, np.uint64))


@compiled_lean(numba.int64(numba.uint64[::1], BYTES, numba.int64, numba.int64, numba.int64))
def _walk(edges: NDArray[np.uint64], text: NDArray[np.uint8], node: int, start: int, end: int) -> Any:
    """The node that some bytes lead to from another one, NONE where there is none."""
    at = start
    while at < end and node != NONE:
        node = step(edges, node, text[at])
        at += 1
    return node


@compiled_lean(numba.int64(numba.uint64[::1], numba.int64[::1], BYTES, numba.int64, numba.int64, SYMBOLS))
def merge(edges: Any, ranks_of: Any, text: Any, start: int, end: int, symbols: NDArray[np.int64]) -> Any:
    """Merges the characters of a segment and returns how many symbols are left, described in the rows of `symbols`.

    `edges` is the trie's and `ranks_of` the rank of each node. The rows are: where a symbol begins, its node or NONE,
    the node of it and the next one together, the rank of merging them.
    """
    starts, nodes, joined, ranks_ = symbols[STARTS], symbols[NODES], symbols[2], symbols[3]
    count, at = 0, start
    while at < end:
        starts[count] = at
        _, after = next_code_point(text, at, end)
        nodes[count] = _walk(edges, text, ROOT, at, after)
        at = after
        count += 1
    starts[count] = end
    first, last = 0, count - 2  # The symbols whose pair with the next one is new.
    while True:
        for left in range(first, last + 1):
            joined[left] = _walk(edges, text, nodes[left], starts[left + 1], starts[left + 2])
            ranks_[left] = ranks_of[joined[left]] if joined[left] != NONE else _NEVER
        best = 0
        for left in range(1, count - 1):
            best = left if ranks_[left] > ranks_[best] else best
        if count < 2 or ranks_[best] == _NEVER:
            return count
        nodes[best] = joined[best]
        count -= 1
        for symbol in range(best + 1, count):
            starts[symbol], nodes[symbol] = starts[symbol + 1], nodes[symbol + 1]
            joined[symbol], ranks_[symbol] = joined[symbol + 1], ranks_[symbol + 1]
        starts[count] = end
        first, last = max(0, best - 1), min(best, count - 2)


@compiled(numba.boolean(MERGES, BYTES, numba.int64, numba.int64, numba.int64))
def stay_apart(merges: Merges, text: NDArray[np.uint8], start: int, cut: int, end: int) -> Any:
    """Whether merging the characters of two neighbours alone gives just these two."""
    left, right = exact(merges.pieces, text, start, cut), exact(merges.pieces, text, cut, end)
    known = min(left, right) != NONE
    pair = np.uint64(left) << np.uint64(32) | np.uint64(right) << np.uint64(1)
    slot = pair * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _PAIR_BITS)
    if known and merges.pairs[slot] != np.uint64(0) and merges.pairs[slot] | np.uint64(1) == pair | np.uint64(1):
        return merges.pairs[slot] & np.uint64(1) != np.uint64(0)
    symbols = np.empty((4, end - start + 1), np.int64)
    count = merge(merges.pieces.edges, merges.ranks, text, start, end, symbols)
    answer = count == 2 and symbols[STARTS, 1] == cut
    if known:
        merges.pairs[slot] = pair | np.uint64(answer)
    return answer


@compiled(numba.boolean(MERGES, BYTES, numba.int64, numba.int64))
def _merges_whole(merges: Merges, text: NDArray[np.uint8], start: int, end: int) -> Any:
    """Whether merging makes a piece out of its own characters: no two shorter pieces may join into it."""
    symbols = np.empty((4, end - start + 1), np.int64)
    return merge(merges.pieces.edges, merges.ranks, text, start, end, symbols) == 1


@compiled_lean(numba.int64(MERGES, BYTES, numba.int64, numba.int64, numba.int64))
def _longest_symbol(merges: Merges, text: NDArray[np.uint8], start: int, end: int, below: int) -> Any:
    """Where the longest piece or character ends that begins here and ends before `below`; `start` for none."""
    found = longest(merges.pieces, text, start, min(end, below - 1))
    if found > start:
        return found
    _, after = next_code_point(text, start, end)
    return after if after < below else start


@compiled(numba.int64(MERGES, BYTES, numba.int64, numba.int64, numba.int64[::1]))
def cut_into_pieces(merges: Merges, text: NDArray[np.uint8], start: int, end: int, starts: NDArray[np.int64]) -> Any:
    """Writes where the pieces of a segment begin, and its end, and returns how many there are.

    `merge` takes time with the square of the length; this takes time in proportion to it, so it is for long segments.
    A row of pieces is what merging gives if and only if each two neighbours alone become what they are. (The first
    merge across a boundary would be the first one for its two neighbours alone as well.) So a beginning of the
    text has one such row at most, and a search for it goes back over any place at most once.
    """
    dead = np.zeros(end - start + 1, np.bool_)  # Places where no row goes on to the end.
    count = 0
    starts[0] = start
    below = end + 1  # The next piece ends before this place.
    while starts[count] < end:
        at = starts[count]
        following = _longest_symbol(merges, text, at, end, below)
        if following == at:
            dead[at - start] = True
            below = at
            count -= 1
        elif dead[following - start] or not (
            stay_apart(merges, text, starts[count - 1], at, following)
            if count
            else _merges_whole(merges, text, at, following)
        ):
            below = following
        else:
            count += 1
            starts[count] = following
            below = end + 1
    return count
