"""Rejects pages that hold a word of a list."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts
from filters.load_once import load_once


@dataclass(frozen=True, slots=True, kw_only=True)
class BadWords:
    """Rejects pages that hold, in any case, a line of the file at `words_path` between two characters of no word.

    Source: Raffel et al. 2020, section 2.2 (the "List of Dirty, Naughty, Obscene or Otherwise Bad Words");
    tensorflow/datasets c4_utils.py, `get_badwords_filter_fn`.
    Differs: a blank line of the list is passed over (`blank_is_a_word=True`: it is found in nearly every page).
    Reads text. Rewrites nothing. Rejects: bad_word. Counts: nothing.
    """

    name: ClassVar[str] = "c4_bad_words"
    reasons: ClassVar[tuple[str, ...]] = ("bad_word",)
    words_path: str
    blank_is_a_word: bool = False

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        words = load_once(read_words, self.words_path)
        looked_for = [(word, pattern) for word, pattern in words if word or self.blank_is_a_word]

        def verdict(text: str) -> str | None:
            lowered = text.lower()
            # Looking for the bare word first is some twenty times faster than one pattern with all the words.
            return (
                "bad_word" if any(word in lowered and pattern.search(lowered) for word, pattern in looked_for) else None
            )

        return FilterResult(batch, reasons(map(verdict, texts(batch))), {})


def read_words(path: str) -> list[tuple[str, "re.Pattern[str]"]]:
    """The words of a list, one a line, each with a pattern that finds it where it stands alone."""
    with Path(path).open(encoding="utf-8") as lines:
        words = sorted({line.strip() for line in lines})
    return [(word, re.compile(rf"(?:\W|^){re.escape(word)}(?:\W|$)")) for word in words]
