"""How much two texts truly share, counted on their whole sets of shingles."""

from typing import Any

import numba
import numpy as np

from filters.shingles import HASHES
from tokenizer.kernels import OFFSETS, compiled

Array = np.ndarray[Any, Any]


def shared(hashes: Array, offsets: Array, pairs: Array) -> Array:
    """How many hashes the two sets of each pair have in common.

    Sets are as `filters.shingles.shingle_sets` gives them; `pairs` is an (n, 2) array of their indices.
    """
    counts: Array = _shared(hashes, offsets, np.ascontiguousarray(pairs, np.int64).reshape(-1, 2))
    return counts


def jaccard(hashes: Array, offsets: Array, pairs: Array) -> Array:
    """Of all hashes that a pair has, the share that both have; 0 where neither has any."""
    common, first, second = _counted(hashes, offsets, pairs)
    share: Array = common / np.maximum(first + second - common, 1)
    return share


def containment(hashes: Array, offsets: Array, pairs: Array) -> Array:
    """Of the hashes of a pair's smaller set, the share that the larger has; 0 where the smaller is empty."""
    common, first, second = _counted(hashes, offsets, pairs)
    share: Array = common / np.maximum(np.minimum(first, second), 1)
    return share


def _counted(hashes: Array, offsets: Array, pairs: Array) -> tuple[Array, Array, Array]:
    sizes = np.diff(offsets)[np.asarray(pairs, np.int64).reshape(-1, 2)]
    return shared(hashes, offsets, pairs), sizes[:, 0], sizes[:, 1]


@compiled(numba.int64[::1](HASHES, OFFSETS, numba.types.Array(numba.int64, 2, "C", readonly=True)))
def _shared(hashes: Array, offsets: Array, pairs: Array) -> Array:
    counts = np.zeros(len(pairs), np.int64)
    for index in range(len(pairs)):
        one, other = offsets[pairs[index, 0]], offsets[pairs[index, 1]]
        one_end, other_end = offsets[pairs[index, 0] + 1], offsets[pairs[index, 1] + 1]
        count = 0
        while one < one_end and other < other_end:
            left, right = hashes[one], hashes[other]
            count += left == right
            one += left <= right  # No branches: which hash is less cannot be guessed.
            other += right <= left
        counts[index] = count
    return counts
