"""The rules of C4 as it is published: there is next to nothing left to reject."""

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
    Reads text. Rewrites nothing. Rejects: empty_text. Counts: none.
    """

    name: ClassVar[str] = "has_text"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(batch.column("text"))), 0)
        return FilterResult(batch, pc.if_else(empty, "empty_text", pa.scalar(None, pa.string())), {})
