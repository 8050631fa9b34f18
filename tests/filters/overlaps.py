"""What two sets of shingles share, as parts of a whole: measures that tests compare texts by."""

from typing import Any

import numpy as np

from filters.similarity import shared

Array = np.ndarray[Any, Any]


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
