"""Stage `scores`: how the reference scores of a unit's pages are spread, so that a threshold can be told its tokens.

Counted in bins of 1/256, whose bounds are exact in single precision: pages and bytes of text that pass language and
perplexity, from which stage `threshold` chooses, and, in coarser bins, all pages.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import Filter

BINS = 256
COARSE_BINS = 32
COLUMNS = ("language", "language_score", "perplexity", "reference_score", "text")
"""What is read of a page; of its text the length alone."""

PAGES, BYTES, CRAWLED = "pages", "bytes", "crawled"
COUNTS = {
    f"{PAGES}.BIN": f"pages that pass language and perplexity, by reference score in {BINS} bins from 000",
    f"{BYTES}.BIN": "bytes of their text, in the same bins",
    f"{CRAWLED}.BIN": f"all pages that have a reference score, in {COARSE_BINS} bins",
}
"""What is counted of a unit."""

Counts = npt.NDArray[np.int64]


def count_scores(batches: Iterable[pa.RecordBatch], filters: tuple[Filter, ...]) -> Counter[str]:
    """`pages.BIN` and `bytes.BIN` of what the filters let pass, `crawled.BIN` of all pages that have a score."""
    pages, sizes = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    crawled = np.zeros(COARSE_BINS, np.int64)
    for batch in batches:
        kept = batch.filter(pc.is_valid(batch.column("reference_score")))
        crawled += np.bincount(_bins(kept) // (BINS // COARSE_BINS), minlength=COARSE_BINS)
        for rule in filters:
            kept = kept.filter(pc.is_null(rule.apply(kept).reason))
        pages += np.bincount(_bins(kept), minlength=BINS)
        np.add.at(sizes, _bins(kept), pc.binary_length(kept.column("text")).to_numpy())
    named = ((PAGES, pages), (BYTES, sizes), (CRAWLED, crawled))
    return Counter({f"{name}.{i:03d}": int(count) for name, held in named for i, count in enumerate(held) if count})


def histogram(counts: Mapping[str, int], name: str) -> Counts:
    """The bins that were counted under a name, from one unit's counts or the sum of many."""
    held = np.zeros(COARSE_BINS if name == CRAWLED else BINS, np.int64)
    for key, count in counts.items():
        kind, _, index = key.partition(".")
        if kind == name:
            held[int(index)] = count
    return held


def _bins(batch: pa.RecordBatch) -> Counts:
    scores = batch.column("reference_score").to_numpy(zero_copy_only=False)
    bins: Counts = np.minimum((scores * np.float32(BINS)).astype(np.int64), BINS - 1)
    return bins
