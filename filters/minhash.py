"""MinHash signatures of texts, straight from their letters, and the bands that bring alike texts together.

Two texts agree at a place of their signatures as often as a shingle that one of them has is a shingle of both: their
Jaccard similarity, estimated with a standard error of at most 1 / (2 sqrt(permutations)).

Source: Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3; ekzhu/datasketch 2.0 `MinHash`, whose
    permutations these are (`affine32`: a * h + b modulo 2^32, `a` odd, over a hash that is mixed), and `MinHashLSH`.
Differs: h is the high half of a shingle's 64-bit hash, not 32 bits of SHA-1, and constants are drawn by SplitMix64.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.minima import LANES, lower_minima
from filters.shingle_loop import MASK, SHINGLE_STEP, TABLE, letters, mix, next_shingles
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]

NO_SHINGLE = 0xFFFFFFFF
"""What a text without words has at every place of its signature."""

_WORDS32 = numba.types.Array(numba.uint32, 1, "C", readonly=True)
_ROWS32 = numba.types.Array(numba.uint32, 2, "C", readonly=True)
_CHUNK_SHINGLES = 1024


@dataclass(frozen=True, slots=True)
class Bands:
    """Two texts are a candidate pair when they agree at all `rows` places of one of the `bands`."""

    bands: int
    rows: int

    def chance(self, similarity: Any) -> Any:
        """How probably texts of that Jaccard similarity, or of each of an array of them, become a candidate pair."""
        return 1 - (1 - similarity**self.rows) ** self.bands


def signatures(texts: pa.Array, *, words: int, permutations: int = 128) -> Array:
    """A row of `permutations` uint32 for each text, from its shingles of so many words."""
    for name, value in (("words", words), ("permutations", permutations)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    values, offsets = text_buffers(texts)
    factors, terms = constants(-(-permutations // LANES) * LANES)
    rows: Array = _signatures(values, offsets, words, letters(), factors, terms)
    return np.ascontiguousarray(rows[:, :permutations])


@cache
def constants(permutations: int) -> tuple[Array, Array]:
    """What each permutation multiplies with and adds: the same on every machine, and for a longer signature's start."""
    places = [np.uint64((place + 1) * SHINGLE_STEP & MASK) for place in range(permutations)]
    drawn = np.array([mix(place) for place in places], np.uint64)
    factors, terms = (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1), drawn.astype(np.uint32)
    for array in (factors, terms):
        array.setflags(write=False)
    return factors, terms


def estimate(one: Array, other: Array) -> Array:
    """The Jaccard similarity that signatures say, along the last axis."""
    share: Array = np.mean(np.equal(one, other), axis=-1)
    return share


@cache
def choose_bands(threshold: float, permutations: int, *, false_negative_weight: float = 0.5) -> Bands:
    """The bands with the smallest weighted sum of candidates below the threshold and misses from it on.

    Where candidates are checked afterwards, a miss costs more than a candidate too many.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be from 0 to 1, got {threshold}")
    if not 0 <= false_negative_weight <= 1:
        raise ValueError(f"false_negative_weight must be from 0 to 1, got {false_negative_weight}")
    nodes, weights = np.polynomial.legendre.leggauss(permutations // 2 + 1)  # Exact: chances are polynomials.
    below, above = (nodes + 1) / 2 * threshold, 1 - (1 - nodes) / 2 * (1 - threshold)
    best, least = Bands(1, 1), np.inf
    for bands in range(1, permutations + 1):
        for rows in range(1, permutations // bands + 1):
            found = Bands(bands, rows)
            too_many = weights @ found.chance(below) * threshold / 2
            missed = weights @ (1 - found.chance(above)) * (1 - threshold) / 2
            error = float((1 - false_negative_weight) * too_many + false_negative_weight * missed)
            if error < least:
                best, least = found, error
    return best


def band_keys(rows: Array, bands: Bands) -> Array:
    """A 64-bit key for each row and band: equal where two rows agree in that band, and in no two bands the same."""
    if rows.shape[1] < bands.bands * bands.rows:
        raise ValueError(f"{bands} needs {bands.bands * bands.rows} permutations, got {rows.shape[1]}")
    keys: Array = _band_keys(np.ascontiguousarray(rows, np.uint32), bands.bands, bands.rows)
    return keys


@compiled(numba.uint32[:, ::1](BYTES, OFFSETS, numba.int64, TABLE, _WORDS32, _WORDS32))
def _signatures(values: Array, ends: Array, words: int, table: Array, factors: Array, terms: Array) -> Array:
    texts = len(ends) - 1
    rows = np.full((texts, len(factors)), np.uint32(NO_SHINGLE), np.uint32)
    ring, chunk = np.zeros(words, np.uint64), np.empty(_CHUNK_SHINGLES, np.uint64)
    hashes = np.empty(_CHUNK_SHINGLES, np.uint32)
    for text in range(texts):
        at, end, rolling, counted = ends[text], ends[text + 1], np.uint64(0), 0
        while at < end:
            found, at, rolling, counted = next_shingles(values, at, end, ring, rolling, counted, table, chunk)
            for index in range(found):
                hashes[index] = chunk[index] >> np.uint64(32)
            for block in range(0, len(factors), LANES):
                lower_minima(rows[text], block, factors, terms, hashes, found)
    return rows


@compiled(numba.uint64[:, ::1](_ROWS32, numba.int64, numba.int64))
def _band_keys(rows: Array, bands: int, length: int) -> Array:
    keys = np.empty((len(rows), bands), np.uint64)
    for index in range(len(rows)):
        for band in range(bands):
            key = mix(np.uint64(band + 1))
            for place in range(band * length, (band + 1) * length):
                key = mix(key ^ np.uint64(rows[index, place]))
            keys[index, band] = key
    return keys
