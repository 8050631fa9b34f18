"""The thresholds on scores, apart from the models: another threshold costs no second look at the text."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, check_fraction, reasons
from filters.perplexity import bucket

BUCKETS = ("head", "middle", "tail")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageIs:
    """Keeps documents that are surely in one of the languages.

    Source: LLaMA section 2.1 (English alone); facebookresearch/cc_net split_by_lang.py (at least 0.5).
    Differs: the score is compared as it is; CCNet rounds it to two decimals before, so that 0.495 passes for 0.5
    (`score_decimals=2` does so too).
    Reads language, language_score. Rejects: language_unknown, language_score_too_low, language_not_kept.
    Counts: nothing.
    """

    name: ClassVar[str] = "language_is"
    reasons: ClassVar[tuple[str, ...]] = ("language_unknown", "language_score_too_low", "language_not_kept")
    keep: tuple[str, ...]
    min_score: float = 0.5
    score_decimals: int | None = None

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep must name at least one language, got ()")
        check_fraction("min_score", self.min_score)
        if self.score_decimals is not None and self.score_decimals < 0:
            raise ValueError(f"score_decimals must be at least 0, got {self.score_decimals}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        unsure = pc.if_else(self._is_sure(batch.column("language_score")), None, "language_score_too_low")
        foreign = pc.if_else(self._is_kept(batch.column("language")), unsure, "language_not_kept")
        reason = pc.if_else(pc.is_valid(batch.column("language")), foreign, "language_unknown")
        return FilterResult(batch, reason.cast(pa.string()), {})

    def keeps(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows are surely in a language that is kept; only the two columns are read."""
        return pc.and_(self._is_kept(batch.column("language")), self._is_sure(batch.column("language_score")))

    def _is_kept(self, language: pa.StringArray) -> pa.BooleanArray:
        return pc.is_in(language, value_set=pa.array(self.keep, pa.string()))

    def _is_sure(self, score: pa.DoubleArray) -> pa.BooleanArray:
        if self.score_decimals is not None:
            score = pa.array(np.round(score.to_numpy(zero_copy_only=False), self.score_decimals), from_pandas=True)
        return pc.fill_null(pc.greater_equal(score, self.min_score), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerplexityBucketIs:
    """Keeps documents of some perplexity buckets: head below the first cut-off, middle below the second, then tail.

    Source: facebookresearch/cc_net perplexity.py and data/cutoff.csv (English: 340 and 520 for Meta's own model).
    Differs: the cut-offs are those of the model at hand; a document without a perplexity is rejected, where CCNet
    puts it into a bucket of its own.
    Reads perplexity. Rejects: no_perplexity, perplexity_head, perplexity_middle, perplexity_tail.
    Counts: head, middle, tail.
    """

    name: ClassVar[str] = "perplexity_bucket_is"
    reasons: ClassVar[tuple[str, ...]] = ("no_perplexity", "perplexity_head", "perplexity_middle", "perplexity_tail")
    keep: tuple[str, ...]
    head: float
    middle: float

    def __post_init__(self) -> None:
        unknown = set(self.keep) - set(BUCKETS)
        if unknown or not self.keep:
            raise ValueError(f"keep must name some of {', '.join(BUCKETS)}, got {', '.join(self.keep) or '()'}")
        if not 0 < self.head <= self.middle:
            raise ValueError(f"head must be above 0 and at most middle = {self.middle}, got {self.head}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        values = batch.column("perplexity").to_pylist()
        buckets = [None if value is None else bucket(value, self.head, self.middle) for value in values]
        counts = {name: buckets.count(name) for name in BUCKETS}  # type: ignore[arg-type]
        return FilterResult(batch, reasons(self._judge(name) for name in buckets), counts)

    def _judge(self, name: str | None) -> str | None:
        if name is None:
            return "no_perplexity"
        return None if name in self.keep else f"perplexity_{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceScoreAtLeast:
    """Keeps documents that look like pages which Wikipedia cites.

    Source: LLaMA section 2.1; RedPajama-Data rp_v1 data_prep/cc (at least 0.25, chosen to land on LLaMA's tokens).
    Differs: nothing.
    Reads reference_score. Rejects: no_reference_score, reference_score_too_low. Counts: nothing.
    """

    name: ClassVar[str] = "reference_score_at_least"
    reasons: ClassVar[tuple[str, ...]] = ("no_reference_score", "reference_score_too_low")
    min_score: float = 0.25

    def __post_init__(self) -> None:
        check_fraction("min_score", self.min_score)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        return FilterResult(batch, reasons(map(self._judge, batch.column("reference_score").to_pylist())), {})

    def _judge(self, score: float | None) -> str | None:
        if score is None:
            return "no_reference_score"
        return "reference_score_too_low" if score < self.min_score else None
