"""The rule of CommonCrawl's text before deduplication; books have it too."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MinChars:
    """Rejects texts too short to say anything: pages before their lines can count as somebody's duplicates, and books.

    Source: Wenzek et al. 2019; facebookresearch/cc_net process_wet_file.py, `min_len`.
    Differs: nothing for pages; that books have the rule is a choice of ours, so that notices do not count as books.
    Characters are Unicode code points; the title line is not among them where it is the title.
    Reads text. Rewrites nothing. Rejects: too_few_chars. Counts: nothing.
    """

    name: ClassVar[str] = "min_chars"
    reasons: ClassVar[tuple[str, ...]] = ("too_few_chars",)
    min_chars: int = 300

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ValueError(f"min_chars must be at least 0, got {self.min_chars}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        too_short = pc.less(pc.utf8_length(batch.column("text")), self.min_chars)
        return FilterResult(batch, pc.if_else(too_short, "too_few_chars", pa.scalar(None, pa.string())), {})
