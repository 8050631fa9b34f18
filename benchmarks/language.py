"""Language identification: a model asked of many documents at once, against `fasttext.predict` document by document."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, text_bytes
from benchmarks.models import classifier
from filters.fasttext_model import FastTextModel

MIN_SAME = 0.9999
MAX_SCORE_DIFFERENCE = 5e-4


def language_id(inputs: Inputs) -> Figures:
    """The likeliest language of web pages, and how sure it is."""
    path = classifier(inputs)
    texts = [page.text for page in inputs.pages(16)]
    column = pa.array(texts, pa.large_string())
    model = FastTextModel.load(str(path))

    def agree(ours: tuple[Any, Any], theirs: list[tuple[str, float]]) -> None:
        found, scores = ours
        same = [model.labels[label] == name for label, (name, _) in zip(found[:, 0], theirs, strict=True)]
        if np.mean(same) < MIN_SAME:
            raise DisagreementError(f"{len(same) - sum(same)} of {len(same)} documents are in another language")
        differences = np.abs(scores[:, 0] - [min(1.0, score) for _, score in theirs])
        if differences.max() > MAX_SCORE_DIFFERENCE:
            raise DisagreementError(f"scores differ by up to {differences.max():.2g}")

    seconds = race(
        lambda: model.predict(column, verbatim=True),
        lambda: [fasttext_answer(path, text) for text in texts],
        seconds=inputs.seconds,
        agree=agree,
    )
    return megabytes_a_second(text_bytes(texts), seconds, "fasttext.predict, document by document")


def fasttext_answer(path: Path, text: str) -> tuple[str, float]:
    """fastText's own likeliest label of a text, its line ends blanks, and the label's probability."""
    # The bound function that fasttext.predict calls: the wrapper's np.array(copy=False) fails under NumPy 2.
    ((score, label),) = load_fasttext(path).f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")
    return label.removeprefix("__label__"), score


@cache
def load_fasttext(path: Path) -> Any:
    """fastText's own model of a file."""
    import fasttext

    # Not fasttext.load_model: older wheels print a warning about themselves there.
    return fasttext.FastText._FastText(model_path=str(path))
