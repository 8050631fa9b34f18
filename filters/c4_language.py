"""C4's own test for English, which asks the library langdetect."""

import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts

_lock = threading.Lock()  # The library keeps its seed and its profiles in its classes.


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectsEnglish:
    """Rejects pages that langdetect 1.0.9 does not hold for English with a probability of `min_probability`.

    It draws n-grams at random, always from seed 0, out of at most 10,000 characters of the page.

    Source: Raffel et al. 2020, section 2.2; tensorflow/datasets c4_utils.py, `detect_english`.
    Differs: nothing. The probability is looked at before the language.
    Reads text. Rewrites nothing. Rejects: langdetect_exception, no_predictions, low_confidence, ignored_language.
    Counts: ignored_language-LANGUAGE for each language of pages that go.
    """

    name: ClassVar[str] = "c4_langdetect"
    reasons: ClassVar[tuple[str, ...]] = (
        "langdetect_exception",
        "no_predictions",
        "low_confidence",
        "ignored_language",
    )
    min_probability: float = 0.99

    def __post_init__(self) -> None:
        if not 0 <= self.min_probability <= 1:
            raise ValueError(f"min_probability must be from 0 to 1, got {self.min_probability}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        counts: dict[str, int] = {}
        verdicts = []
        for text in texts(batch):
            reason, language = self._judge(text)
            verdicts.append(reason)
            if reason == "ignored_language":
                counts[f"{reason}-{language}"] = counts.get(f"{reason}-{language}", 0) + 1
        return FilterResult(batch, reasons(verdicts), counts)

    def _judge(self, text: str) -> tuple[str | None, str]:
        try:
            predictions = predict_languages(text)
        except ValueError:
            return "langdetect_exception", ""
        if not predictions:
            return "no_predictions", ""
        language, probability = predictions[0]
        if probability < self.min_probability:
            return "low_confidence", language
        return (None if language == "en" else "ignored_language"), language


def predict_languages(text: str) -> list[tuple[str, float]]:
    """langdetect's languages with their probabilities, likeliest first. Raises ValueError where it finds no letter."""
    import langdetect
    from langdetect.lang_detect_exception import LangDetectException

    factory: Any = langdetect.DetectorFactory
    with _lock:
        factory.seed = 0
        try:
            found = langdetect.detect_langs(text)
        except LangDetectException as error:
            raise ValueError(str(error)) from error
    return [(prediction.lang, prediction.prob) for prediction in found]
