"""Stage `train-reference`: the classifier "does this look like a page that Wikipedia cites?".

The same documents and recipe give the same bytes and the same report.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.reference import train_reference
from filters.urls import url_keys
from pipeline.document_rows import Read, is_kept, rows
from pipeline.errors import FatalError, or_fatal
from pipeline.recipe import Recipe
from pipeline.samples import Draw, Sample, rank

_MIN_EXAMPLES = 20_000  # Times epochs: 5 epochs of 172 documents leave every score between 0.499 and 0.501.
_MAX_EPOCHS = 200
_KEYS_A_MERGE = 1 << 20


def fit_reference(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`reference.bin`: pages that Wikipedia cites (or its articles) against as many random pages, all long enough."""
    settings = recipe.reference
    cited = _cited_keys(read) if settings.positives == "cited" else np.zeros(0, dtype=np.uint64)
    positives = Draw(f"positives {recipe.seed}", settings.max_documents)
    negatives = Draw(f"negatives {recipe.seed}", settings.max_documents)
    for key, _ in _positives(read, recipe, cited):
        positives.add(key)
    for doc_id, _, _ in _pages(read, recipe, cited, wanted=False):
        negatives.add(doc_id)
    documents = min(len(positives.values()), len(negatives.values()))
    if not documents:
        raise FatalError(_nothing_to_refer_to(recipe, positives.candidates))
    epochs = max(settings.epochs, min(_MAX_EPOCHS, math.ceil(_MIN_EXAMPLES / (2 * documents))))
    chosen, others = positives.sample(max_documents=documents), negatives.sample(max_documents=documents)
    report = or_fatal(
        lambda: train_reference(
            _once(_positives(read, recipe, cited), chosen),
            (text for doc_id, _, text in _pages(read, recipe, cited, wanted=False) if others.holds(doc_id)),
            folder / "reference.bin",
            dimension=settings.dimension,
            epochs=epochs,
            min_score=settings.min_score,
            seed=recipe.seed,
        ),
        "reference.model",
    )
    found = {"epochs": epochs, "cited_urls": len(cited), "positive_candidates": positives.candidates}
    return report.to_dict() | found | {"negative_candidates": negatives.candidates}


def _nothing_to_refer_to(recipe: Recipe, positives: int) -> str:
    if positives:
        return "no CommonCrawl document is left as a random page; set reference.model or lower reference.min_chars"
    if recipe.reference.positives == "cited":
        return (
            "no CommonCrawl document of the kept languages is cited by a Wikipedia document; set reference.positives ="
            ' "articles", or reference.model'
        )
    return "no Wikipedia document is long enough to train on; set reference.model or lower reference.min_chars"


def _cited_keys(read: Read) -> npt.NDArray[np.uint64]:
    """Sorted keys of all addresses that Wikipedia cites: 8 bytes each."""
    keys, waiting = np.zeros(0, dtype=np.uint64), [np.zeros(0, dtype=np.uint64)]
    for batch in read("wikipedia"):
        waiting.append(url_keys(batch.column("cited_urls").flatten().to_pylist()))
        if sum(map(len, waiting)) > len(keys) + _KEYS_A_MERGE:
            keys, waiting = np.unique(np.concatenate([keys, *waiting])), []
    keys = np.unique(np.concatenate([keys, *waiting]))
    return np.asarray(keys[keys != 0])


def _positives(read: Read, recipe: Recipe, cited: npt.NDArray[np.uint64]) -> Iterator[tuple[str, str]]:
    """Positives and what two of them may not share: the address, or an article's text."""
    if recipe.reference.positives == "cited":
        for _, key, text in _pages(read, recipe, cited, wanted=True):
            yield f"{key:016x}", text
    else:
        for language, text in rows(read, "wikipedia", "language", "text"):
            if language in recipe.language.keep and len(text) >= recipe.reference.min_chars:
                yield _text_key(text), text


def _once(positives: Iterable[tuple[str, str]], sample: Sample) -> Iterator[str]:
    """Texts of the sample, each address and each text once: a page crawled five times is no more cited."""
    seen: set[str] = set()
    for key, text in positives:
        marks = {key, _text_key(text)}
        if sample.holds(key) and not marks & seen:
            seen |= marks
            yield text


def _text_key(text: str) -> str:
    return f"{rank('text', text):016x}-text"


def _pages(
    read: Read, recipe: Recipe, cited: npt.NDArray[np.uint64], *, wanted: bool
) -> Iterator[tuple[str, int, str]]:
    """CommonCrawl documents of the kept languages, long enough, that are (`wanted`) or are not among the cited."""
    columns = ("doc_id", "language", "language_score", "url", "text")
    for doc_id, language, score, url, text in rows(read, "commoncrawl", *columns):
        if is_kept(recipe, language, score) and len(text) >= recipe.reference.min_chars:
            key = url_keys([url])[0]
            at = int(np.searchsorted(cited, key))
            if (at < len(cited) and cited[at] == key) == wanted:
                yield doc_id, int(key), text
