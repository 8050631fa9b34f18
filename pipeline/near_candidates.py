"""Which documents may overlap: keys of each document, such that two that overlap are likely to have keys in common.

For whole documents the keys are bands of MinHash signatures; for a document within a longer one they are a shared
sample of its shingles. Whoever makes the keys, pairs of documents with a key in common are found in the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.minhash import NO_SHINGLE, band_keys, choose_bands, signatures
from filters.shingles import shingle_hashes
from tokenizer.kernels import text_buffers

Array = np.ndarray[Any, Any]

KEY = np.dtype([("key", "<u8"), ("document", "<u8"), ("bytes", "<u4"), ("keys", "<u4"), ("level", "<u4")])
"""A key of a document, the document's length, how many keys it has in all, and how densely it was sampled."""
PAIR = np.dtype(
    [
        *(("longer", "<u8"), ("shorter", "<u8"), ("longer_bytes", "<u4"), ("shorter_bytes", "<u4")),
        *(("shared", "<u4"), ("sample", "<u4")),
    ]
)
"""Two documents, how many keys they share, and how many the smaller of their two samples has."""

MAX_BYTES = 0xFFFFFFFF
_LAST_HASH = (1 << 64) - 1
MAX_LONGER = 32
"""Of the documents with one key, each is compared with so many of the longest."""

LEVELS = 8
"""A document too short for the sample is sampled twice as densely at each level, up to 128 times."""
MIN_SAMPLE = 64
"""Hashes that make a document comparable; one with fewer is sampled more densely."""
MIN_COMMON_SAMPLE = 16
"""Two documents whose common sample is smaller say nothing of each other."""
_SLACK = 0.7
"""What a sample of sixteen hashes may show of an overlap without a miss in a thousand: of 0.9 it shows 0.63."""
MISS_WEIGHT = 0.98
"""Candidates are compared in whole: one too many costs little, one that is missed stays in the corpus. Of pairs at the
threshold of 0.8 itself 98% become candidates, of those at 0.85 all but one in a thousand."""


class KeyMaker(Protocol):
    """How documents get their keys. A frozen, picklable object."""

    def keys(self, documents: Array, batch: pa.RecordBatch) -> Array:
        """KEY rows of a batch's documents, whose numbers are given."""
        ...

    def are_candidates(self, pairs: Array) -> Array:
        """Which pairs share enough keys to be compared in whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BandKeys:
    """Keys of whole documents: bands of MinHash signatures, chosen for the Jaccard similarity that is looked for."""

    similarity: float
    shingle_words: int
    permutations: int

    def keys(self, documents: Array, batch: pa.RecordBatch) -> Array:
        """A key a band; a text without words has none."""
        rows = signatures(batch.column("text"), words=self.shingle_words, permutations=self.permutations)
        bands = choose_bands(self.similarity, self.permutations, false_negative_weight=MISS_WEIGHT)
        found = np.zeros((len(rows), bands.bands), KEY)
        found["key"], found["document"], found["keys"] = band_keys(rows, bands), documents[:, None], bands.bands
        found["bytes"] = _lengths(batch)[:, None]
        kept: Array = found[(rows != NO_SHINGLE).any(axis=1)].ravel()
        return kept

    def are_candidates(self, pairs: Array) -> Array:
        """All that have a key in common."""
        return np.ones(len(pairs), np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledKeys:
    """Keys of documents that may stand within longer ones: one of `sample` shingles, the same ones of every text."""

    containment: float
    shingle_words: int
    sample: int

    def keys(self, documents: Array, batch: pa.RecordBatch) -> Array:
        """The sampled shingles of each document."""
        values, offsets = text_buffers(batch.column("text"))
        lengths = _lengths(batch)
        held = [np.zeros(0, KEY)]
        for index, document in enumerate(documents):
            hashes, level = self._sampled(values, int(offsets[index]), int(offsets[index + 1]))
            found = np.zeros(len(hashes), KEY)
            found["key"], found["document"], found["bytes"] = hashes, document, lengths[index]
            found["keys"], found["level"] = len(hashes), level
            held.append(found)
        return np.concatenate(held)

    def _sampled(self, values: Array, start: int, end: int) -> tuple[Array, int]:
        limits = [min(_LAST_HASH, (_LAST_HASH // self.sample) << level) for level in range(LEVELS)]
        hashes, _ = shingle_hashes(values, start, end, self.shingle_words, limits[0])
        if len(hashes) < MIN_SAMPLE:
            hashes, _ = shingle_hashes(values, start, end, self.shingle_words, limits[-1])
        sizes = np.searchsorted(hashes, np.array(limits, np.uint64), side="right")
        level = int(np.argmax(sizes >= MIN_SAMPLE)) if sizes[-1] >= MIN_SAMPLE else LEVELS - 1
        return hashes[: sizes[level]], level

    def are_candidates(self, pairs: Array) -> Array:
        """Those of which the samples show nearly the overlap that is looked for."""
        enough = pairs["shared"] >= _SLACK * self.containment * pairs["sample"]
        found: Array = enough & (pairs["shared"] >= _SLACK * self.containment * MIN_COMMON_SAMPLE)
        return found


def pairs_of(records: Array, most: int = MAX_LONGER) -> Iterator[Array]:
    """Pairs of documents with a key in common, those of one turn each once; of a key each with the longest `most`.

    All records of a key must be there. A turn gives no more pairs than there are records.
    """
    records = records[np.lexsort((records["document"], MAX_BYTES - records["bytes"], records["key"]))]
    starts = np.flatnonzero(first_of_each(records["key"]))
    first = np.repeat(starts, np.diff(np.append(starts, len(records))))
    rank = np.arange(len(records)) - first
    for leader in range(min(most, int(rank.max(initial=0)))):
        below = np.flatnonzero(rank > leader)
        longer, shorter = records[first[below] + leader], records[below]
        found = np.zeros(len(below), PAIR)
        for name, side in (("longer", longer), ("shorter", shorter)):
            found[name], found[f"{name}_bytes"] = side["document"], side["bytes"]
        level = np.minimum(longer["level"], shorter["level"])
        sizes = (side["keys"] >> (side["level"] - level) for side in (longer, shorter))
        found["shared"], found["sample"] = 1, np.minimum(*sizes)
        yield summed(found)


def left_out(records: Array, most: int = MAX_LONGER) -> int:
    """How many pairs with a key in common `pairs_of` does not give, each counted once a key."""
    _, sizes = np.unique(records["key"], return_counts=True)
    rest = np.maximum(sizes.astype(np.int64) - most - 1, 0)
    return int((rest * (rest + 1) // 2).sum())


def summed(pairs: Array) -> Array:
    """One row a pair, its shared keys added up, sorted by the two documents."""
    if not len(pairs):
        return pairs
    pairs = pairs[np.lexsort((pairs["shorter"], pairs["longer"]))]
    starts = np.flatnonzero(first_of_each(pairs["longer"]) | first_of_each(pairs["shorter"]))
    totals = pairs[starts]
    totals["shared"] = np.add.reduceat(pairs["shared"], starts)
    return totals


def first_of_each(numbers: Array) -> Array:
    """Which of the numbers differ from the one before."""
    first = np.ones(len(numbers), np.bool_)
    first[1:] = numbers[1:] != numbers[:-1]
    return first


def _lengths(batch: pa.RecordBatch) -> Array:
    sizes = pc.binary_length(batch.column("text")).to_numpy(zero_copy_only=False)
    lengths: Array = np.minimum(sizes.astype(np.int64), MAX_BYTES).astype(np.uint32)
    return lengths
