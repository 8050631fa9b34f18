"""Gopher's rules about web pages: what a page of prose looks like, and how much of it may repeat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.batch import FilterResult, check_fraction, first_reason
from filters.page_counts import MAX_STOP_WORDS, Array, page_counts
from filters.repetition_counts import REPEATED_WORDS, TOP_WORDS, repetition_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherQuality:
    """Rejects pages that do not look like prose: by words, their length, symbols, bullets, ellipses, stop words.

    Source: Rae et al. 2021, section A.1.1 (quality filtering); huggingface/datatrove gopher_quality_filter.py.
    Differs: words lie between white space, where datatrove has spaCy's tokens and leaves marks that stand alone out of
    the word count and the mean; the fraction of lines is of lines that are not blank. `*` is a bullet beside
    datatrove's `•` and `-`. Stop words are different ones, as there, compared as they are written.
    Reads text. Rewrites nothing. Rejects: too_few_words, too_many_words, words_too_short, words_too_long,
    too_many_hashes, too_many_ellipses, too_many_bullet_lines, too_many_ellipsis_lines, too_few_alphabetic_words,
    too_few_stop_words. Counts: nothing.
    """

    name: ClassVar[str] = "gopher_quality"
    reasons: ClassVar[tuple[str, ...]] = (
        *("too_few_words", "too_many_words", "words_too_short", "words_too_long", "too_many_hashes"),
        *("too_many_ellipses", "too_many_bullet_lines", "too_many_ellipsis_lines"),
        *("too_few_alphabetic_words", "too_few_stop_words"),
    )
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_chars: float = 3.0
    max_mean_word_chars: float = 10.0
    max_hashes_per_word: float = 0.1
    max_ellipses_per_word: float = 0.1
    max_bullet_line_fraction: float = 0.9
    max_ellipsis_line_fraction: float = 0.3
    min_alphabetic_word_fraction: float = 0.8
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")
    bullets: str = "•-*"

    def __post_init__(self) -> None:
        for least, most in (("min_words", "max_words"), ("min_mean_word_chars", "max_mean_word_chars")):
            if not 0 <= getattr(self, least) <= getattr(self, most):
                raise ValueError(
                    f"{least} must be from 0 to {most} = {getattr(self, most)}, got {getattr(self, least)}"
                )
        for name in ("max_bullet_line_fraction", "max_ellipsis_line_fraction", "min_alphabetic_word_fraction"):
            check_fraction(name, getattr(self, name))
        if not 0 <= self.min_stop_words <= len(self.stop_words) <= MAX_STOP_WORDS:
            raise ValueError(
                f"min_stop_words must be from 0 to the number of stop_words, at most {MAX_STOP_WORDS}, "
                f"got {self.min_stop_words} of {len(self.stop_words)}"
            )

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        found = page_counts(batch.column("text"), bullets=self.bullets, stop_words=self.stop_words)
        words, lines = found["words"], found["lines"]
        mean = ratio(found["word_chars"], words)
        faults = {
            "too_few_words": words < self.min_words,
            "too_many_words": words > self.max_words,
            "words_too_short": mean < self.min_mean_word_chars,
            "words_too_long": mean > self.max_mean_word_chars,
            "too_many_hashes": ratio(found["hashes"], words) > self.max_hashes_per_word,
            "too_many_ellipses": ratio(found["ellipses"], words) > self.max_ellipses_per_word,
            "too_many_bullet_lines": ratio(found["bullet_lines"], lines) > self.max_bullet_line_fraction,
            "too_many_ellipsis_lines": ratio(found["ellipsis_lines"], lines) > self.max_ellipsis_line_fraction,
            "too_few_alphabetic_words": ratio(found["alphabetic_words"], words) < self.min_alphabetic_word_fraction,
            "too_few_stop_words": found["stop_words"] < self.min_stop_words,
        }
        return FilterResult(batch, first_reason(**faults), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherRepetition:
    """Rejects pages too much of which repeats: lines, paragraphs, the commonest short run of words, long runs.

    Source: Rae et al. 2021, section A.1.1, table A1; huggingface/datatrove gopher_repetition_filter.py.
    Differs: words lie between white space, where datatrove has spaCy's tokens. A run of words that comes once is no
    repetition, where datatrove takes the commonest run however rare, and so rejects texts of few words. Of a text
    above a million words, or lines, the first million is looked at.
    Reads text. Rewrites nothing. Rejects: repeated_lines, repeated_paragraphs, repeated_line_chars,
    repeated_paragraph_chars, top_2_words, top_3_words, top_4_words, repeated_5_words, repeated_6_words,
    repeated_7_words, repeated_8_words, repeated_9_words, repeated_10_words. Counts: nothing.
    """

    name: ClassVar[str] = "gopher_repetition"
    reasons: ClassVar[tuple[str, ...]] = (
        *("repeated_paragraphs", "repeated_paragraph_chars", "repeated_lines", "repeated_line_chars"),
        *("top_2_words", "top_3_words", "top_4_words", "repeated_5_words", "repeated_6_words"),
        *("repeated_7_words", "repeated_8_words", "repeated_9_words", "repeated_10_words"),
    )
    max_repeated_line_fraction: float = 0.30
    max_repeated_paragraph_fraction: float = 0.30
    max_repeated_line_char_fraction: float = 0.20
    max_repeated_paragraph_char_fraction: float = 0.20
    max_top_char_fractions: tuple[float, ...] = (0.20, 0.18, 0.16)
    max_repeated_char_fractions: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)

    def __post_init__(self) -> None:
        for name in ("line", "paragraph", "line_char", "paragraph_char"):
            check_fraction(f"max_repeated_{name}_fraction", getattr(self, f"max_repeated_{name}_fraction"))
        for name, runs in (("max_top_char_fractions", TOP_WORDS), ("max_repeated_char_fractions", REPEATED_WORDS)):
            if len(getattr(self, name)) != len(runs):
                raise ValueError(f"{name} must be {len(runs)} fractions, got {len(getattr(self, name))}")
            for value in getattr(self, name):
                check_fraction(name, value)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        found = repetition_counts(batch.column("text"))
        chars = found["chars"]
        faults = {}
        for unit in ("paragraph", "line"):
            repeated = ratio(found[f"repeated_{unit}s"], found[f"{unit}s"])
            repeated_chars = ratio(found[f"repeated_{unit}_chars"], chars)
            faults[f"repeated_{unit}s"] = repeated > getattr(self, f"max_repeated_{unit}_fraction")
            faults[f"repeated_{unit}_chars"] = repeated_chars > getattr(self, f"max_repeated_{unit}_char_fraction")
        for kind, runs, bounds in (
            ("top", TOP_WORDS, self.max_top_char_fractions),
            ("repeated", REPEATED_WORDS, self.max_repeated_char_fractions),
        ):
            for words, bound in zip(runs, bounds, strict=True):
                faults[f"{kind}_{words}_words"] = ratio(found[f"{kind}_{words}_word_chars"], chars) > bound
        return FilterResult(batch, first_reason(**faults), {})


def ratio(part: Array, whole: Array) -> Array:
    """Part by whole; 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
