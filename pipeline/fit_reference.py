"""Stage `train-reference`: the classifier "does this look like a page that Wikipedia cites?".

It reads the samples of stage `sample`, in which pages that Wikipedia cites and other pages were drawn alike: surely in
a kept language, long enough. Of either class as many are taken, those with the lowest ranks, each address and each
text once. The same samples and recipe give the same bytes and the same report.
"""

import math
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters.reference import train_reference
from filters.urls import url_keys
from pipeline.crawl_sample import NEGATIVES, POSITIVES, populations, purpose
from pipeline.document_rows import Read, rows
from pipeline.errors import FatalError, or_fatal
from pipeline.recipe import Recipe
from pipeline.samples import rank

MIN_EXAMPLES = 20_000  # Times epochs: 5 epochs of 172 documents leave every score between 0.499 and 0.501.
MAX_EPOCHS = 200


def fit_reference(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`reference.bin`: pages that Wikipedia cites (or its articles) against as many other pages, all long enough."""
    settings = recipe.reference
    positives, negatives = _Candidates(read, recipe, POSITIVES), _Candidates(read, recipe, NEGATIVES)
    cited, others = positives.distinct(set()), negatives.distinct(positives.marks())
    documents = min(len(cited), len(others), settings.max_documents)
    if not documents:
        raise FatalError(_nothing_to_refer_to(recipe, bool(cited)))
    epochs = max(settings.epochs, min(MAX_EPOCHS, math.ceil(MIN_EXAMPLES / (2 * documents))))
    report = or_fatal(
        lambda: train_reference(
            positives.texts(cited[:documents]),
            negatives.texts(others[:documents]),
            folder / "reference.bin",
            dimension=settings.dimension,
            epochs=epochs,
            min_score=settings.min_score,
            seed=recipe.seed,
        ),
        "reference.model",
    )
    return report.to_dict() | {
        "epochs": epochs,
        "positive_candidates": len(positives.ranks),
        "positive_duplicates": len(positives.ranks) - len(cited),
        "negative_candidates": len(negatives.ranks),
        "negative_duplicates": len(negatives.ranks) - len(others),
    }


def _nothing_to_refer_to(recipe: Recipe, positives: bool) -> str:
    if positives:
        return "no CommonCrawl document is left as a random page; set reference.model or lower reference.min_chars"
    if recipe.reference.positives == "cited":
        return (
            "no CommonCrawl document of the kept languages is cited by a Wikipedia document; set reference.positives ="
            ' "articles", or reference.model'
        )
    return "no Wikipedia document is long enough to train on; set reference.model or lower reference.min_chars"


class _Candidates:
    """The documents that one class is drawn from, by number: 24 bytes each, and their texts when they are wanted."""

    def __init__(self, read: Read, recipe: Recipe, name: str) -> None:
        self._read = read
        self._recipe = recipe
        self._name = name
        self.ranks, self._urls, self._texts = array("Q"), array("Q"), array("Q")
        drawn_for = purpose(name, recipe)
        for doc_id, url, text in self._documents():
            self.ranks.append(rank(drawn_for, doc_id))
            self._urls.append(int(url_keys([url])[0]))
            self._texts.append(rank("text", text))

    def _documents(self) -> Iterator[tuple[str, str | None, str]]:
        if self._name == POSITIVES and self._recipe.reference.positives == "articles":
            for doc_id, language, text in rows(self._read, "wikipedia", "doc_id", "language", "text"):
                if language in self._recipe.language.keep and len(text) >= self._recipe.reference.min_chars:
                    yield doc_id, None, text
            return
        for batch in self._read("commoncrawl"):
            chosen = batch.filter(pa.array(populations(batch, self._recipe)[self._name]))
            columns = (chosen.column(name).to_pylist() for name in ("doc_id", "url", "text"))
            yield from zip(*columns, strict=True)

    def marks(self) -> set[int]:
        """What two documents may not share: addresses and texts."""
        return {*self._urls, *self._texts} - {0}

    def distinct(self, seen: set[int]) -> list[int]:
        """Numbers of the documents by rank, without those whose address or text was `seen`, or taken already."""
        chosen = []
        for number in sorted(range(len(self.ranks)), key=self.ranks.__getitem__):
            marks = {self._urls[number], self._texts[number]} - {0}
            if not marks & seen:
                chosen.append(number)
                seen |= marks
        return chosen

    def texts(self, numbers: Iterable[int]) -> Iterator[str]:
        """The texts of the numbered documents, in the order in which they lie."""
        wanted = set(numbers)
        return (text for number, (_, _, text) in enumerate(self._documents()) if number in wanted)
