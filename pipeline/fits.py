"""Fits CommonCrawl's models from the run's own documents: language, n-gram model, cut-offs, reference classifier.

Each function reads documents through `read(source)`, a fresh iterator of batches in a fixed order, writes its model
into `folder` and returns a report for `report.json`. The same documents and recipe give the same bytes.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.classifier import MAX_CHARS, load_classifier, predict_with
from filters.language import PIECE_CHARS, language_pieces, train_language
from filters.ngram import estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import cutoffs, load_language_model, load_pieces, perplexity, train_pieces
from filters.reference import train_reference, url_keys
from pipeline.errors import FatalError
from pipeline.recipe import Recipe
from pipeline.samples import Draw, Sample, rank

Read = Callable[[str], Iterator[pa.RecordBatch]]
Result = TypeVar("Result")

_HELD_OUT_SHARE = 20
_MAX_HELD_OUT = 1000
_MIN_LANGUAGE_EXAMPLES = 50_000  # Times epochs: fewer steps leave fastText near where it started.
_MAX_LANGUAGE_EPOCHS = 50
_MIN_REFERENCE_EXAMPLES = 20_000  # Likewise: 5 epochs of 172 documents leave every score between 0.499 and 0.501.
_MAX_REFERENCE_EPOCHS = 200
_KEYS_A_MERGE = 1 << 20


def fit_language(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`language.bin` from the Wikipedia documents of each language, the same number of bytes of each at most."""
    limit, purpose = recipe.language.max_text_bytes, f"language {recipe.seed}"
    draws: dict[str, Draw] = {}
    for doc_id, language, text in _rows(read("wikipedia"), "doc_id", "language", "text"):
        if language:
            # No document is longer than a piece is useful for, so that a limit of bytes bounds the documents as well.
            draws.setdefault(language, Draw(purpose, 1 + limit // PIECE_CHARS)).add(doc_id, _size(text))
    samples = {language: draw.sample(max_total=limit) for language, draw in sorted(draws.items())}
    missing = sorted(set(recipe.language.keep) - set(samples))
    if len(samples) < 2 or missing:
        raise FatalError(
            "language identification needs Wikipedias of two languages or more,"
            f" {', '.join(recipe.language.keep)} among them, found {', '.join(samples) or 'none'};"
            " set language.model to a fastText model such as lid.176.bin"
        )
    total = sum(draw.values()[: samples[language].documents].sum() for language, draw in draws.items())
    epochs = min(_MAX_LANGUAGE_EPOCHS, max(5, math.ceil(_MIN_LANGUAGE_EXAMPLES * PIECE_CHARS / (1 + total))))
    held_out: list[tuple[str, str]] = []
    path = folder / "language.bin"
    examples = _language_examples(read, samples, held_out)
    counts = _or_fatal(lambda: train_language(examples, path, seed=recipe.seed, epochs=epochs), "language.model")
    model = load_classifier(str(path))
    right = [predict_with(model, text)[0][0] == language for language, text in held_out]
    return {
        "examples": counts,
        "epochs": epochs,
        "held_out_examples": len(right),
        "held_out_accuracy": sum(right) / len(right) if right else None,
    }


def _language_examples(
    read: Read, samples: dict[str, Sample], held_out: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    for doc_id, language, text in _rows(read("wikipedia"), "doc_id", "language", "text"):
        if language in samples and samples[language].holds(doc_id):
            for i, piece in enumerate(language_pieces(text[:MAX_CHARS])):
                # Not the first piece: a language may have no other.
                if i and len(held_out) < _MAX_HELD_OUT and _held_out(piece):
                    held_out.append((language, piece))
                else:
                    yield language, piece


def fit_language_model(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`pieces.model` and `lm.arpa` from a sample of one language's Wikipedia; each line of text is a sentence.

    Differs from CCNet's Makefile, which takes the opening text of an article alone, as one sentence.
    """
    settings = recipe.language_model
    draw = Draw(f"language_model {recipe.seed}", settings.max_documents)
    for doc_id, text in _of_language(read, settings.language):
        draw.add(doc_id, _size(text))
    sample = draw.sample(max_total=settings.max_text_bytes)
    if not sample.documents:
        raise FatalError(
            f"no Wikipedia document in {settings.language} to train a language model on; set language_model.arpa and"
            " language_model.pieces to models of your own"
        )
    pieces_path, arpa_path = folder / "pieces.model", folder / "lm.arpa"
    for_pieces = draw.sample(max_total=min(settings.max_pieces_text_bytes, settings.max_text_bytes))
    lines = _lines(read, settings.language, for_pieces)
    count = _or_fatal(
        lambda: train_pieces(lines, pieces_path, vocabulary_size=settings.vocabulary_size),
        "language_model.vocabulary_size",
    )
    pieces = load_pieces(str(pieces_path))
    sentences = (" ".join(pieces.encode(line, out_type=str)) for line in _lines(read, settings.language, sample))
    estimate = _or_fatal(
        lambda: estimate_language_model(sentences, arpa_path, order=settings.order), "language_model.arpa"
    )
    model = load_language_model(str(arpa_path))
    tested = [perplexity(model, pieces, text.replace("\n", " ")) for text in _tested(read, settings.language, sample)]
    known = [value for value in tested if value is not None]
    return {
        "documents": sample.documents,
        "candidates": sample.candidates,
        "pieces": count,
        "pieces_asked_for": settings.vocabulary_size,
        "pieces_documents": for_pieces.documents,
        "tokens": estimate.tokens,
        "ngrams": list(estimate.ngrams),
        "discounts": [list(values) for values in estimate.discounts],
        "orders_with_fallback_discounts": list(estimate.fallback_orders),
        "held_out_documents": len(known),
        "held_out_median_perplexity": float(np.median(known)) if known else None,
    }


def _of_language(read: Read, language: str) -> Iterator[tuple[str, str]]:
    for doc_id, found, text in _rows(read("wikipedia"), "doc_id", "language", "text"):
        if found == language and text:
            yield doc_id, text


def _lines(read: Read, language: str, sample: Sample) -> Iterator[str]:
    """Normalised lines of the sampled documents that are not held out; of a lone document nothing is."""
    for doc_id, text in _of_language(read, language):
        if sample.holds(doc_id) and (sample.documents < _HELD_OUT_SHARE or not _held_out(text)):
            for line in text.split("\n"):
                normalized = normalize_for_language_model(line[:MAX_CHARS])
                if normalized:
                    yield normalized


def _tested(read: Read, language: str, sample: Sample) -> Iterator[str]:
    if sample.documents < _HELD_OUT_SHARE:
        return
    found = 0
    for doc_id, text in _of_language(read, language):
        if found < _MAX_HELD_OUT and sample.holds(doc_id) and _held_out(text):
            found += 1
            yield text


def fit_cutoffs(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`cutoffs.json`: the perplexities that part head, middle and tail, from a sample or from the recipe.

    The sample is of documents that are surely in a kept language, as in CCNet, which scores no others: the scraps of
    other languages that a model takes for English would else say what an English page should read like.
    """
    settings = recipe.perplexity
    draw = Draw(f"cutoffs {recipe.seed}", settings.max_documents)
    head, middle = settings.head_cutoff, settings.middle_cutoff
    if not head:
        columns = ("doc_id", "language", "language_score", "perplexity")
        for doc_id, language, score, value in _rows(read("commoncrawl"), *columns):
            if value is not None and _is_kept(recipe, language, score):
                draw.add(doc_id, value)
        if not draw.candidates:
            raise FatalError(
                f"no CommonCrawl document in {recipe.language_model.language} has a perplexity to take percentiles of;"
                " set perplexity.head_cutoff and perplexity.middle_cutoff"
            )
        head, middle = cutoffs(draw.values(), settings.head_percentile, settings.middle_percentile)
    report = {
        "head": head,
        "middle": middle,
        "from": "recipe" if settings.head_cutoff else "percentiles",
        "percentiles": [settings.head_percentile, settings.middle_percentile],
        "documents": len(draw.values()),
        "candidates": draw.candidates,
    }
    (folder / "cutoffs.json").write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return report


def read_cutoffs(path: Path) -> tuple[float, float]:
    """The head and middle cut-offs of a `cutoffs.json`."""
    report = json.loads(path.read_text(encoding="utf-8"))
    return float(report["head"]), float(report["middle"])


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
    epochs = max(settings.epochs, min(_MAX_REFERENCE_EPOCHS, math.ceil(_MIN_REFERENCE_EXAMPLES / (2 * documents))))
    chosen, others = positives.sample(max_documents=documents), negatives.sample(max_documents=documents)
    report = _or_fatal(
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
        for language, text in _rows(read("wikipedia"), "language", "text"):
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
    for doc_id, language, score, url, text in _rows(read("commoncrawl"), *columns):
        if _is_kept(recipe, language, score) and len(text) >= recipe.reference.min_chars:
            key = url_keys([url])[0]
            at = int(np.searchsorted(cited, key))
            if (at < len(cited) and cited[at] == key) == wanted:
                yield doc_id, int(key), text


def _is_kept(recipe: Recipe, language: str | None, score: float | None) -> bool:
    return language in recipe.language.keep and (score or 0) >= recipe.language.min_score


def _rows(batches: Iterable[pa.RecordBatch], *columns: str) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _held_out(text: str) -> bool:
    """Goes by the text, so that a copy of it under another id is not trained on either."""
    return rank("held out", text) % _HELD_OUT_SHARE == 0


def _or_fatal(fit: Callable[[], Result], key: str) -> Result:
    """The fit's result; a text that cannot be trained on ends the run in one line that names the setting to change."""
    try:
        return fit()
    except ValueError as error:
        raise FatalError(f"{error}; see {key}") from error
