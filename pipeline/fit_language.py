"""Stage `train-language`: a fastText model that tells the run's own Wikipedias apart.

The same documents and recipe give the same bytes and the same report.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters.classifier import MAX_CHARS
from filters.fasttext_model import FastTextModel
from filters.language import PIECE_CHARS, language_pieces, train_language
from pipeline.document_rows import MAX_HELD_OUT, Read, is_held_out, rows, text_bytes
from pipeline.errors import FatalError, or_fatal
from pipeline.recipe import Recipe
from pipeline.samples import Draw, Sample

MIN_EXAMPLES = 50_000  # Times epochs: fewer steps leave fastText near where it started.
MAX_EPOCHS = 50


def fit_language(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`language.bin` from the Wikipedia documents of each language, the same number of bytes of each at most."""
    limit, purpose = recipe.language.max_text_bytes, f"language {recipe.seed}"
    draws: dict[str, Draw] = {}
    for doc_id, language, text in rows(read, "wikipedia", "doc_id", "language", "text"):
        if language:
            # No document is longer than a piece is useful for, so that a limit of bytes bounds the documents as well.
            draws.setdefault(language, Draw(purpose, 1 + limit // PIECE_CHARS)).add(doc_id, text_bytes(text))
    samples = {language: draw.sample(max_total=limit) for language, draw in sorted(draws.items())}
    missing = sorted(set(recipe.language.keep) - set(samples))
    if len(samples) < 2 or missing:
        raise FatalError(
            "language identification needs Wikipedias of two languages or more,"
            f" {', '.join(recipe.language.keep)} among them, found {', '.join(samples) or 'none'};"
            " set language.model to a fastText model such as lid.176.bin"
        )
    total = sum(draw.values()[: samples[language].documents].sum() for language, draw in draws.items())
    epochs = min(MAX_EPOCHS, max(5, math.ceil(MIN_EXAMPLES * PIECE_CHARS / (1 + total))))
    held_out: list[tuple[str, str]] = []
    path = folder / "language.bin"
    examples = _language_examples(read, samples, held_out)
    counts = or_fatal(lambda: train_language(examples, path, seed=recipe.seed, epochs=epochs), "language.model")
    model = FastTextModel.load(str(path))
    found, _ = model.predict(pa.array([text for _, text in held_out], pa.large_string()))
    right = [model.labels[label] == language for label, (language, _) in zip(found[:, 0], held_out, strict=True)]
    return {
        "examples": counts,
        "epochs": epochs,
        "held_out_examples": len(right),
        "held_out_accuracy": sum(right) / len(right) if right else None,
    }


def _language_examples(
    read: Read, samples: dict[str, Sample], held_out: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    for doc_id, language, text in rows(read, "wikipedia", "doc_id", "language", "text"):
        if language in samples and samples[language].holds(doc_id):
            for i, piece in enumerate(language_pieces(text[:MAX_CHARS])):
                # Not the first piece: a language may have no other.
                if i and len(held_out) < MAX_HELD_OUT and is_held_out(piece):
                    held_out.append((language, piece))
                else:
                    yield language, piece
