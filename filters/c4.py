"""C4's rules about whole pages: what a published page must have, and what one from a WET file must."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult


@dataclass(frozen=True, slots=True, kw_only=True)
class HasText:
    """Rejects documents of nothing but white space.

    Source: Raffel et al. 2020, section 2.2: a published page has at least three sentences.
    Differs: nothing.
    Reads text. Rewrites nothing. Rejects: empty_text. Counts: nothing.
    """

    name: ClassVar[str] = "has_text"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(batch.column("text"))), 0)
        return FilterResult(batch, pc.if_else(empty, "empty_text", pa.scalar(None, pa.string())), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class IsWholePage:
    """Rejects records of a WET file that lack an address, a text or a date.

    Source: tensorflow/datasets c4_utils.py, `split_wet_file`, whose counters the reasons are named after.
    Differs: nothing.
    Reads url, text, date. Rewrites nothing. Rejects: no_url, no_content, no_timestamp. Counts: nothing.
    """

    name: ClassVar[str] = "c4_page"
    reasons: ClassVar[tuple[str, ...]] = ("no_url", "no_content", "no_timestamp")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        reason: pa.Array = pa.nulls(batch.num_rows, pa.string())
        for column, missing in (("date", "no_timestamp"), ("text", "no_content"), ("url", "no_url")):
            is_missing = pc.equal(pc.fill_null(pc.binary_length(batch.column(column)), 0), 0)
            reason = pc.if_else(is_missing, missing, reason)
        return FilterResult(batch, reason, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxChars:
    """Rejects pages of more than `max_chars` characters.

    Source: tensorflow/datasets c4_utils.py, `is_valid_length`.
    Differs: nothing. It stands before pages are compared by address, so that a newer page that is too long loses to an
    older one.
    Reads text. Rewrites nothing. Rejects: too_long. Counts: nothing.
    """

    name: ClassVar[str] = "c4_max_chars"
    reasons: ClassVar[tuple[str, ...]] = ("too_long",)
    max_chars: int = 190_000

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError(f"max_chars must be at least 1, got {self.max_chars}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        too_long = pc.greater(pc.utf8_length(batch.column("text")), self.max_chars)
        return FilterResult(batch, pc.if_else(too_long, "too_long", pa.scalar(None, pa.string())), {})
