"""A text's word shingles: all of them, or a sample.

A shingle is so many words in a row; a text with fewer words has one, of all its words; a text without words has none.
A word is a run of letters and digits, in lower case and without accents, so that an ASCII edition and a typeset one
have the same shingles. Everything else only ends words: in code too, so that `a += b` and `a(b)` are the same words.
Scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese …) have a word a letter.

A sample of a text's shingles are those with a small hash: the same ones of every text that has them (FracMinHash:
Irber et al. 2022), so that sets can be compared by their samples.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.key_sets import sorted_keys
from filters.shingle_loop import TABLE, letters, next_shingles
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]

HASHES = numba.types.Array(numba.uint64, 1, "C", readonly=True)
_ROOM = numba.types.Array(numba.uint64, 1, "C")
_CHUNK_SHINGLES = 4096  # What is looked at together when not all is kept: it stays in the processor's nearest cache.


def shingle_hashes(values: Array, start: int, end: int, words: int, limit: int) -> tuple[Array, int]:
    """The distinct hashes up to `limit` of one text's shingles, sorted, and how many words it has."""
    room = np.empty(max(256, (end - start) // 64), np.uint64)
    found, counted = _sample(values, start, end, words, np.uint64(limit), letters(), room)
    if found > len(room):
        room = np.empty(found, np.uint64)
        _sample(values, start, end, words, np.uint64(limit), letters(), room)
    return sorted_keys(room[:found]), int(counted)


def shingle_sets(texts: pa.Array, words: int) -> tuple[Array, Array]:
    """The distinct hashes of each text's shingles, sorted: text i's from `offsets[i]` to before `offsets[i + 1]`."""
    if words < 1:
        raise ValueError(f"words must be at least 1, got {words}")
    values, ends = text_buffers(texts)
    hashes, offsets = _all_shingles(values, ends, words, letters())
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        hashes[start:end].sort()  # NumPy's sort is several times faster than Numba's.
    return hashes[: _at_most_once(hashes, offsets)], offsets


@compiled(
    numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, numba.int64, numba.uint64, TABLE, _ROOM)
)
def _sample(values: Array, start: int, end: int, words: int, limit: Any, table: Array, room: Array) -> tuple[int, int]:
    """Write hashes up to `limit` as far as there is room; how many there are, and how many words."""
    ring, chunk = np.zeros(words, np.uint64), np.empty(_CHUNK_SHINGLES, np.uint64)
    rolling, counted, kept, at = np.uint64(0), 0, 0, start
    while at < end:
        found, at, rolling, counted = next_shingles(values, at, end, ring, rolling, counted, table, chunk)
        for shingle in chunk[:found]:
            if shingle <= limit:
                if kept < len(room):
                    room[kept] = shingle
                kept += 1
    return kept, counted


@compiled(numba.types.Tuple((numba.uint64[::1], numba.int64[::1]))(BYTES, OFFSETS, numba.int64, TABLE))
def _all_shingles(values: Array, ends: Array, words: int, table: Array) -> tuple[Array, Array]:
    """Every shingle of every text in order, and where each text's begin."""
    texts = len(ends) - 1
    room = np.empty((ends[texts] - ends[0] + texts) // 2, np.uint64)  # A word and what ends it take two bytes.
    ring = np.zeros(words, np.uint64)
    offsets = np.zeros(texts + 1, np.int64)
    for text in range(texts):
        first = offsets[text]
        found, _, _, _ = next_shingles(values, ends[text], ends[text + 1], ring, np.uint64(0), 0, table, room[first:])
        offsets[text + 1] = first + found
    return room[: offsets[texts]], offsets


@compiled(numba.int64(numba.uint64[::1], numba.int64[::1]))
def _at_most_once(hashes: Array, offsets: Array) -> int:
    """Move each hash of sorted rows to the front once, and the rows' places with them; how many stay."""
    kept, start = 0, 0
    for row in range(len(offsets) - 1):
        first = kept
        for at in range(start, offsets[row + 1]):
            if kept == first or hashes[kept - 1] != hashes[at]:
                hashes[kept] = hashes[at]
                kept += 1
        start = offsets[row + 1]
        offsets[row + 1] = kept
    return kept
