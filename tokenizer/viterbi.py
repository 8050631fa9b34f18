"""The pieces of a segment under a unigram model, exactly SentencePiece's, and how deep in a text they hold.

Source: google/sentencepiece 0.2.3, src/unigram_model.cc, `EncodeOptimized`.
SentencePiece adds scores in single precision from the beginning of the text. Deep in a text the sum is coarse, and of
two rows of pieces that are nearly as good the other one may win; past 100,000 it starts from 0 again. So a segment's
pieces depend on the sum before it, unless the best row is better than any other by more than all rounding together.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled, compiled_lean, next_code_point
from tokenizer.trie import NONE, ROOT, TRIE, Trie, step

UNKNOWN_PENALTY = np.float32(10.0)
RESET = np.float32(100_000.0)

_ROUNDING = 2.0**-23
"""Two sums of equally many terms are off by no more than this a term, in parts of the greatest one."""


class Unigram(NamedTuple):
    """The pieces, the score of each id, and what an unknown character scores."""

    pieces: Trie
    scores: NDArray[np.float32]
    unknown_score: np.float32


UNIGRAM = numba.types.NamedTuple((TRIE, numba.float32[::1], numba.float32), Unigram)


class Paths(NamedTuple):
    """For each place of a segment the best row of pieces that ends there, once as SentencePiece adds and once exactly.

    `sums` and `exact` are what it scores, `second` the best of the rows with another last piece, `starts` and
    `exact_starts` where the last piece begins, `ids` what it is, NONE for an unknown character.
    """

    sums: NDArray[np.float32]
    starts: NDArray[np.int64]
    ids: NDArray[np.int32]
    exact: NDArray[np.float64]
    second: NDArray[np.float64]
    exact_starts: NDArray[np.int64]


PATHS = numba.types.NamedTuple(
    (
        numba.float32[::1],
        numba.int64[::1],
        numba.int32[::1],
        numba.float64[::1],
        numba.float64[::1],
        numba.int64[::1],
    ),
    Paths,
)


@compiled(PATHS(numba.int64, numba.boolean))
def empty_paths(size: int, weigh: bool) -> Any:
    """Room for a segment of so many bytes; without the exact half where that is not to be weighed."""
    half = size + 1 if weigh else 1
    return Paths(
        np.empty(size + 1, np.float32),
        np.empty(size + 1, np.int64),
        np.empty(size + 1, np.int32),
        np.empty(half, np.float64),
        np.empty(half, np.float64),
        np.empty(half, np.int64),
    )


@compiled_lean(numba.float32(PATHS, numba.int64, numba.int64, numba.float64))
def _limit(paths: Paths, size: int, characters: int, farthest: float) -> Any:
    """The sum before from which on rounding may do more than the best row is better than any other, or a reset falls.

    `farthest` is what any sum may be away from the sum before, `characters` how many terms it has at most.
    """
    margin = np.inf
    at = size
    while at > 0:
        if paths.starts[at] != paths.exact_starts[at]:
            return np.float32(0.0)
        margin = min(margin, paths.exact[at] - paths.second[at])
        at = paths.exact_starts[at]
    limit = min(margin / (_ROUNDING * characters), np.float64(RESET)) - farthest
    return np.float32(max(0.0, limit * 0.999 - 1.0))


@compiled_lean(numba.void(numba.float32[::1], numba.int64[::1], numba.int64, numba.int64))
def _begin_anew(sums: Any, starts: Any, at: int, frontier: int) -> None:
    """Makes the sum at this place 0, and less by as much the sums that are known so far behind it."""
    offset = sums[at]
    for place in range(at, frontier + 1):
        if place == at or starts[place] != NONE:
            sums[place] -= offset


@compiled_lean(numba.float32(UNIGRAM, BYTES, numba.int64, numba.int64, numba.float32, PATHS, numba.boolean))
def find_paths(
    unigram: Unigram, text: NDArray[np.uint8], start: int, end: int, before: float, paths: Paths, weigh: bool
) -> Any:
    """Fills the paths of a segment that stands after a text with the sum `before`.

    Returns the sum before, positive or negative, from which on the pieces may be others; 0 where any may do so, and
    where that is not to be weighed.
    """
    edges, names, scores = unigram.pieces.edges, unigram.pieces.ids, unigram.scores
    sums, starts, ids = paths.sums, paths.starts, paths.ids
    exact, second, exact_starts = paths.exact, paths.second, paths.exact_starts
    size = end - start
    starts[: size + 1] = NONE
    sums[0] = before
    if weigh:
        exact[: size + 1] = -np.inf
        second[: size + 1] = -np.inf
        exact[0] = 0.0
    farthest, characters = 0.0, 0
    frontier, at = 0, 0
    while at < size:
        if abs(sums[at]) > RESET:
            _begin_anew(sums, starts, at, frontier)
        _, after = next_code_point(text, start + at, end)
        after -= start
        node: Any = np.int64(ROOT)
        place, is_known, is_last = at, False, False
        while not is_last:
            piece = np.int32(NONE)
            while piece == NONE and node != NONE and place < size:
                node = step(edges, node, text[start + place])
                if node != NONE:
                    place += 1
                    piece = names[node]
            if piece == NONE:  # No piece is left: the character is unknown, if it was none of them.
                if is_known:
                    break
                place, is_last = after, True
            score = scores[piece] if piece != NONE else unigram.unknown_score
            total = sums[at] + score
            if starts[place] == NONE or total > sums[place]:  # The first of equally good ones stays.
                sums[place], starts[place], ids[place] = total, at, piece
            if weigh:
                total_exact = exact[at] + np.float64(score)
                farthest = max(farthest, abs(total_exact))
                second[place] = max(second[place], min(exact[place], total_exact))
                if total_exact > exact[place]:
                    exact[place], exact_starts[place] = total_exact, at
            is_known |= place == after
            frontier = max(frontier, place)
        characters += 1
        at = after
    return _limit(paths, size, characters, farthest) if weigh else np.float32(0.0)
