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
