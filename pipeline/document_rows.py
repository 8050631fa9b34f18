"""What the fits share: documents as rows, which of them are in a kept language, and which text is held out."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from filters.select import LanguageIs
from pipeline.recipe import Recipe
from pipeline.samples import rank

HELD_OUT_SHARE = 20
"""One text of so many is held out."""
MAX_HELD_OUT = 1000


class Read(Protocol):
    """What a fit reads documents with."""

    def __call__(self, source: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """A fresh iterator over the source's documents in a fixed order, with all columns or only these."""
        ...


def rows(read: Read, source: str, *columns: str) -> Iterator[tuple[Any, ...]]:
    """These columns of the source's documents, a tuple a document. No other column is read."""
    for batch in read(source, columns):
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def text_bytes(text: str) -> int:
    """How many bytes the text takes as UTF-8."""
    return len(text.encode("utf-8", "replace"))


def language_rule(recipe: Recipe) -> LanguageIs:
    """The rule by which pages of CommonCrawl are surely in a kept language: for fits as for `select`."""
    decimals = 2 if recipe.commoncrawl.mode == "faithful" else None
    return LanguageIs(keep=recipe.language.keep, min_score=recipe.language.min_score, score_decimals=decimals)


def is_held_out(text: str) -> bool:
    """Goes by the text, so that a copy of it under another id is not trained on either."""
    return rank("held out", text) % HELD_OUT_SHARE == 0
