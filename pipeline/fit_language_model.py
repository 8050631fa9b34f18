"""Stage `train-lm`: the n-gram model behind perplexity, estimated from one language's Wikipedia.

The same documents and recipe give the same bytes and the same report.
"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from filters.arpa_reader import read_arpa
from filters.classifier import MAX_CHARS
from filters.ngram import estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces, train_pieces
from pipeline.document_rows import HELD_OUT_SHARE, MAX_HELD_OUT, Read, is_held_out, rows, text_bytes
from pipeline.errors import FatalError, SettingError, or_fatal
from pipeline.recipe import Recipe
from pipeline.samples import Draw, Sample

_REPORTED = (5, 10, 25, 50, 75, 90, 95)


def fit_language_model(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`pieces.model`, `lm.arpa` and, where asked for, `lm.binary`, from a sample of one language's Wikipedia.

    Each line of text is a sentence.
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
        lambda: estimate_language_model(sentences, arpa_path, order=settings.order, memory_bytes=settings.memory_bytes),
        "language_model.arpa",
    )
    if settings.binary:
        build_binary(arpa_path, folder / "lm.binary")
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
        "held_out": held_out_figures(arpa_path, pieces, _tested(read, settings.language, sample)),
    }


def find_build_binary() -> str:
    """KenLM's `build_binary`. Raises SettingError where it is not on PATH."""
    found = shutil.which("build_binary")
    if found is None:
        raise SettingError("language_model.binary must be false where KenLM's build_binary is not on PATH, got true")
    return found


def build_binary(arpa: Path, target: Path) -> None:
    """KenLM's binary of an ARPA file, which is loaded in no time; the scores are the same."""
    done = subprocess.run([find_build_binary(), "-s", str(arpa), str(target)], capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise FatalError(f"build_binary failed: {lines[-1]}; see language_model.binary")


def held_out_figures(arpa: Path, pieces: Any, texts: Iterable[str]) -> dict[str, Any]:
    """How well the model foretells documents that it has not seen: for all pieces together, and for each document."""
    model = read_arpa(str(arpa))
    scores, sizes, unknown = [], [], 0
    for text in texts:
        found = pieces.encode(normalize_for_language_model(text.replace("\n", " ")[:MAX_CHARS]), out_type=str)
        if found:
            words = np.array([model.numbers.get(piece.encode(), 0) for piece in found], np.int32)
            scores.append(float(model.score(words, np.array([0, len(words)], np.int64))[0]))
            sizes.append(len(found) + 1)
            unknown += int(np.count_nonzero(words == 0))
    if not scores:
        return {"documents": 0}
    values = np.power(10.0, -np.array(scores) / np.array(sizes))
    return {
        "documents": len(scores),
        "pieces": sum(sizes) - len(sizes),
        "perplexity": float(10.0 ** (-sum(scores) / sum(sizes))),
        "median_perplexity": float(np.median(values)),
        "unknown_fraction": unknown / (sum(sizes) - len(sizes)),
        "percentiles": {
            str(at): float(value) for at, value in zip(_REPORTED, np.percentile(values, _REPORTED), strict=True)
        },
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
