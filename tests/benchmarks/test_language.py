import numpy as np
import pytest

from benchmarks import language
from benchmarks.claims import DisagreementError
from benchmarks.language import fasttext_answer, language_id
from benchmarks.models import classifier


def test_language_id_gives_figures(inputs):
    figures = language_id(inputs)
    assert (figures.unit, figures.input_bytes > 100_000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


class Wrong:
    """A model whose answers are spoilt."""

    def __init__(self, model, label, score):
        self.model, self.labels, self.spoilt = model, model.labels, (label, score)

    def predict(self, texts, **settings):
        found, scores = self.model.predict(texts, **settings)
        return (found + self.spoilt[0]) % len(self.labels), scores + np.float32(self.spoilt[1])


@pytest.mark.parametrize(
    "label, score, said", [(1, 0, "are in another language"), (0, 6e-4, "scores differ by up to 0.0006")]
)
def test_a_wrong_answer_is_found_out(inputs, monkeypatch, label, score, said):
    load = language.FastTextModel.load
    monkeypatch.setattr(language.FastTextModel, "load", lambda path: Wrong(load(path), label, score))
    with pytest.raises(DisagreementError, match=said):
        language_id(inputs)


def test_the_reference_is_asked_with_blanks_for_line_ends(inputs):
    path = classifier(inputs)
    assert fasttext_answer(path, "The house\nis old") == fasttext_answer(path, "The house is old")
    label, score = fasttext_answer(path, "The house is old and the garden is full of apples")
    assert label == "en" and 0 < score <= 1.0001
