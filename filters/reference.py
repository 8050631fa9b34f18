"""Does a document look like a page that Wikipedia cites? A linear classifier: trained, tested and asked."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.batch import FilterResult, with_column
from filters.classifier import train_classifier
from filters.fasttext_model import FastTextModel
from filters.load_once import load_once

REFERENCE, RANDOM = "wiki", "cc"
HELD_OUT_SHARE = 10
"""One document in so many is kept from training to test the classifier on."""

SCORE_BINS = 32
"""How finely the spread of scores is reported."""

_MAX_HELD_OUT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReference:
    """Writes the probability that a document is a page which Wikipedia cites: 1 is surely, 0 surely not.

    Source: LLaMA section 2.1 and model card (fastText); RedPajama-Data rp_v1 data_prep/cc, classifier over the whole
    page on one line.
    Differs: a word `</s>` is passed over, where fastText takes it for the end of the text.
    Reads text. Rewrites reference_score (null for an empty text). Rejects: nothing. Counts: no_reference_score.
    """

    name: ClassVar[str] = "score_reference"
    reasons: ClassVar[tuple[str, ...]] = ()
    model_path: str

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; no document has a reason."""
        values = reference_scores(self.model_path, batch.column("text"))
        scored = with_column(batch, "reference_score", values)
        return FilterResult(scored, pa.nulls(batch.num_rows, pa.string()), {"no_reference_score": values.null_count})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceReport:
    """What the classifier was trained on, and how it does on documents that it has not seen.

    `precision`, `recall` and `random_kept` (the share of random pages that pass) are at `min_score`; `auc` is the
    chance that a cited page scores above a random one. None where a class has no held-out document. `…_scores` count
    the held-out documents in bins of 1/32, lowest first; the nine `…_deciles` part them in ten equal parts.
    """

    positives: int
    negatives: int
    held_out_positives: int
    held_out_negatives: int
    min_score: float
    precision: float | None
    recall: float | None
    random_kept: float | None
    auc: float | None
    positive_scores: tuple[int, ...]
    negative_scores: tuple[int, ...]
    positive_deciles: tuple[float, ...]
    negative_deciles: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON writes it."""
        return asdict(self)


def reference_scores(model_path: str, texts: pa.Array) -> pa.FloatArray:
    """The probability of `wiki` for each text; null for an empty one. Raises ValueError for a model of other labels."""
    return _scores(load_once(FastTextModel.load, model_path), texts, model_path)


def _scores(model: FastTextModel, texts: pa.Array, model_path: str) -> pa.FloatArray:
    if REFERENCE not in model.labels:
        raise ValueError(f"{model_path} has no label {REFERENCE}, only {', '.join(sorted(model.labels))}")
    found, scores = model.predict(texts, len(model.labels))
    is_reference = found == model.labels.index(REFERENCE)
    return pa.array(scores.max(axis=1, where=is_reference, initial=0), mask=~is_reference.any(axis=1))


def train_reference(
    positives: Iterable[str],
    negatives: Iterable[str],
    path: Path,
    *,
    dimension: int = 100,
    epochs: int = 5,
    min_score: float = 0.25,
    seed: int = 0,
) -> ReferenceReport:
    """Train fastText on texts of cited and of random pages, test it on a tenth of them, and write it to `path`.

    Source: RedPajama-Data rp_v1 data_prep/cc; `fasttext supervised` with its defaults (words alone, learning rate 0.1).
    Differs: one thread; examples are shuffled; a tenth of them, chosen by a hash of the text, is held out.
    Raises ValueError where a class has no text to train on.
    """
    held_out: dict[str, list[str]] = {REFERENCE: [], RANDOM: []}
    counts = train_classifier(
        _training_examples(((REFERENCE, positives), (RANDOM, negatives)), held_out),
        path,
        dimension=dimension,
        epochs=epochs,
        seed=seed,
    )
    scores = {label: _held_out_scores(path, found) for label, found in held_out.items()}
    return ReferenceReport(
        positives=counts[REFERENCE],
        negatives=counts[RANDOM],
        held_out_positives=len(scores[REFERENCE]),
        held_out_negatives=len(scores[RANDOM]),
        min_score=min_score,
        **_quality(scores[REFERENCE], scores[RANDOM], min_score),
        positive_scores=_histogram(scores[REFERENCE]),
        negative_scores=_histogram(scores[RANDOM]),
        positive_deciles=_deciles(scores[REFERENCE]),
        negative_deciles=_deciles(scores[RANDOM]),
    )


def _histogram(scores: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(np.histogram(scores, bins=SCORE_BINS, range=(0, 1))[0].tolist())


def _deciles(scores: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.percentile(scores, range(10, 100, 10)).tolist()) if len(scores) else ()


def _training_examples(
    classes: Iterable[tuple[str, Iterable[str]]], held_out: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """The examples to train on; a tenth of each class goes into `held_out` instead, up to a bound."""
    for label, found in classes:
        for text in found:
            if _is_held_out(text) and len(held_out[label]) < _MAX_HELD_OUT:
                held_out[label].append(text)
            else:
                yield label, text


def _is_held_out(text: str) -> bool:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % HELD_OUT_SHARE == 0


def _held_out_scores(path: Path, found: list[str]) -> npt.NDArray[np.float64]:
    model = FastTextModel.load(str(path))  # Not through load_once: the file under this path is new.
    scores = _scores(model, pa.array(found, pa.large_string()), str(path))
    return np.asarray(scores.drop_null(), dtype=np.float64)


def _quality(
    positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64], min_score: float
) -> dict[str, float | None]:
    """Precision as it were with as many cited as random pages, so that it does not hang on how many were sampled."""
    if not (len(positives) and len(negatives)):
        return {"precision": None, "recall": None, "random_kept": None, "auc": None}
    recall = float(np.mean(positives >= min_score))
    random_kept = float(np.mean(negatives >= min_score))
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    kept = recall + random_kept
    return {
        "precision": recall / kept if kept else None,
        "recall": recall,
        "random_kept": random_kept,
        "auc": float(below.mean() / (2 * len(negatives))),
    }
