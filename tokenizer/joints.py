"""Where may text be cut before it is encoded? Wherever no piece holds the two characters around the cut.

A piece that covers both sides of a cut holds these two characters side by side. Where no piece does, none can cover
both, whatever stands before and after: the text on each side has its own pieces, as if it stood alone.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled, compiled_lean, next_code_point

CUTS = 512
"""So many places are looked for at a time."""

_ASCII = 128


class Joints(NamedTuple):
    """Pairs of characters that stand side by side in some piece.

    `ascii` is 1 for each pair of ASCII characters that does not, `pairs` a hash set of the pairs with another character
    that do.
    """

    ascii: NDArray[np.uint8]
    pairs: NDArray[np.uint64]


JOINTS = numba.types.NamedTuple((numba.uint8[::1], numba.uint64[::1]), Joints)


@compiled_lean(numba.boolean(numba.uint64[::1], numba.int64, numba.int64))
def _holds(pairs: NDArray[np.uint64], left: int, right: int) -> Any:
    """Whether the set holds the pair of code points."""
    pair = np.uint64(left) << np.uint64(21) | np.uint64(right)
    mask = np.uint64(len(pairs) - 1)
    slot = ((pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask
    while pairs[slot] != np.uint64(0):
        if pairs[slot] == pair:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@compiled(numba.int64(JOINTS, BYTES, numba.int64, numba.int64, numba.int64[::1]))
def next_cuts(joints: Joints, text: NDArray[np.uint8], start: int, end: int, cuts: NDArray[np.int64]) -> Any:
    """Writes the next places after `start` where the text may be cut, its end being one; returns how many.

    Fewer than there is room for where the end is reached. A place is written before it is known to count: that the
    processor need not guess where words end makes this twice as fast.
    """
    if start >= end:
        return 0
    count = 0
    left, at = next_code_point(text, start, end)
    while at < end and count < len(cuts) - 1:
        right, after = np.int64(text[np.uint64(at)]), at + 1
        cuts[np.uint64(count)] = at
        if left | right < _ASCII:
            count += joints.ascii[np.uint64(left << 7 | right)]
        else:
            right, after = next_code_point(text, at, end)
            count += not _holds(joints.pairs, left, right)
        left, at = right, after
    if at >= end:
        cuts[count] = end
        count += 1
    return count


def build_joints(pieces: Iterable[str]) -> Joints:
    """What stands side by side in these pieces."""
    found = sorted({(ord(left), ord(right)) for piece in pieces for left, right in pairwise(piece)})
    ascii_ = np.ones(_ASCII * _ASCII, np.uint8)
    ascii_[[left << 7 | right for left, right in found if left | right < _ASCII]] = 0
    others = [left << 21 | right for left, right in found if left | right >= _ASCII]
    pairs = np.zeros(1 << max(4, (2 * len(others)).bit_length()), np.uint64)
    _fill(pairs, np.array(others, np.uint64))
    return Joints(ascii_, pairs)


@compiled_lean(numba.void(numba.uint64[::1], numba.uint64[::1]))
def _fill(pairs: NDArray[np.uint64], others: NDArray[np.uint64]) -> None:
    mask = np.uint64(len(pairs) - 1)
    for pair in others:
        slot = ((pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask
        while pairs[slot] != np.uint64(0):
            slot = (slot + np.uint64(1)) & mask
        pairs[slot] = pair
