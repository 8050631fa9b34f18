"""Stage `train-lm`: the n-gram model behind perplexity, estimated from one language's Wikipedia.

The same documents and recipe give the same bytes and the same report.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from filters.classifier import MAX_CHARS
from filters.ngram import estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_language_model, load_pieces, perplexity, train_pieces
from pipeline.document_rows import HELD_OUT_SHARE, MAX_HELD_OUT, Read, is_held_out, rows, text_bytes
from pipeline.errors import FatalError, or_fatal
from pipeline.recipe import Recipe
from pipeline.samples import Draw, Sample


def fit_language_model(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`pieces.model` and `lm.arpa` from a sample of one language's Wikipedia; each line of text is a sentence.

    Differs from CCNet's Makefile, which takes the opening text of an article alone, as one sentence.
    """
    settings = recipe.language_model
    draw = Draw(f"language_model {recipe.seed}", settings.max_documents)
    for doc_id, text in _of_language(read, settings.language):
        draw.add(doc_id, text_bytes(text))
    sample = draw.sample(max_total=settings.max_text_bytes)
    if not sample.documents:
        raise FatalError(
            f"no Wikipedia document in {settings.language} to train a language model on; set language_model.arpa and"
            " language_model.pieces to models of your own"
        )
    pieces_path, arpa_path = folder / "pieces.model", folder / "lm.arpa"
    for_pieces = draw.sample(max_total=min(settings.max_pieces_text_bytes, settings.max_text_bytes))
    lines = _lines(read, settings.language, for_pieces)
    count = or_fatal(
        lambda: train_pieces(lines, pieces_path, vocabulary_size=settings.vocabulary_size),
        "language_model.vocabulary_size",
    )
    pieces = load_pieces(str(pieces_path))
    sentences = (" ".join(pieces.encode(line, out_type=str)) for line in _lines(read, settings.language, sample))
    estimate = or_fatal(
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
    for doc_id, found, text in rows(read, "wikipedia", "doc_id", "language", "text"):
        if found == language and text:
            yield doc_id, text


def _lines(read: Read, language: str, sample: Sample) -> Iterator[str]:
    """Normalised lines of the sampled documents that are not held out; of a lone document nothing is."""
    for doc_id, text in _of_language(read, language):
        if sample.holds(doc_id) and (sample.documents < HELD_OUT_SHARE or not is_held_out(text)):
            for line in text.split("\n"):
                normalized = normalize_for_language_model(line[:MAX_CHARS])
                if normalized:
                    yield normalized


def _tested(read: Read, language: str, sample: Sample) -> Iterator[str]:
    if sample.documents < HELD_OUT_SHARE:
        return
    found = 0
    for doc_id, text in _of_language(read, language):
        if found < MAX_HELD_OUT and sample.holds(doc_id) and is_held_out(text):
            found += 1
            yield text
