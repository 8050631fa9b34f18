"""Applies what the page-level group stage found: superseded copies of a page go, cited pages are marked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.batch import FilterResult, reasons, with_column
from filters.dedup import identities, is_member
from filters.fingerprint import Array
from filters.urls import url_keys

UrlKeys = Callable[[Iterable[str | None]], Array]
"""What two addresses of one page share, as 64 bits; 0 for what is no web address."""

_NO_KEYS = np.empty(0, np.uint64)
_NO_PAIRS = np.empty((0, 2), np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRepeatedUrls:
    """Keeps one page of each address: the newest, of two as new the first.

    `winners` has a row (key of the address, key of the doc_id that stays) for each address that two pages have, sorted.

    Source: tensorflow/datasets c4_utils.py, C4 3.1 (the newest page of an address); Soldaini et al. 2024, section 5
        (exact deduplication of addresses).
    Differs: nothing. A page without a web address is nobody's copy.
    Reads url, doc_id. Rewrites nothing. Rejects: repeated_url. Counts: nothing.
    """

    name: ClassVar[str] = "drop_repeated_urls"
    reasons: ClassVar[tuple[str, ...]] = ("repeated_url",)
    winners: Array = field(default_factory=lambda: _NO_PAIRS, compare=False, repr=False)
    keys: UrlKeys = url_keys

    def __post_init__(self) -> None:
        if self.winners.ndim != 2 or self.winners.shape[1] != 2:
            raise ValueError(f"winners must have 2 columns, got shape {self.winners.shape}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        keys = self.keys(batch.column("url").to_pylist())
        held = is_member(keys, self.winners[:, 0]) & (keys != 0)
        places = np.searchsorted(self.winners[:, 0], keys[held])
        lost = np.zeros(batch.num_rows, np.bool_)
        lost[held] = self.winners[places, 1] != identities(batch)[held]
        return FilterResult(batch, reasons("repeated_url" if is_lost else None for is_lost in lost), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkCited:
    """Says of each page whether Wikipedia cites its address. `cited_keys` are the sorted keys of addresses it cites.

    Source: LLaMA section 2.1: pages used as references in Wikipedia.
    Differs: nothing.
    Reads url. Rewrites cited. Rejects: nothing. Counts: cited.
    """

    name: ClassVar[str] = "mark_cited"
    reasons: ClassVar[tuple[str, ...]] = ()
    cited_keys: Array = field(default_factory=lambda: _NO_KEYS, compare=False, repr=False)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; no document has a reason."""
        cited = is_member(url_keys(batch.column("url").to_pylist()), self.cited_keys)
        marked = with_column(batch, "cited", pa.array(cited))
        return FilterResult(marked, pa.nulls(batch.num_rows, pa.string()), {"cited": int(cited.sum())})
