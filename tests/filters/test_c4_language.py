"""English as langdetect has it, where it is installed."""

import pytest

from filters import c4_language
from filters.c4_language import DetectsEnglish

ENGLISH = "This is a page in the English language, and it goes on for a while about nothing in particular."
GERMAN = "Das ist eine Seite in deutscher Sprache, und sie erzählt noch eine Weile von nichts Besonderem."
FRENCH = "Ceci est une page en langue française, et elle parle encore un peu de rien de particulier."


def judged(monkeypatch, documents, *predictions, **settings):
    """The verdicts on texts of which langdetect says what is given; None: it finds no letter."""
    said = iter(predictions)

    def predict(_):
        if (found := next(said)) is None:
            raise ValueError("No features in text.")
        return found

    monkeypatch.setattr(c4_language, "predict_languages", predict)
    result = DetectsEnglish(**settings).apply(documents(*("text" for _ in predictions)))
    return result.reason.to_pylist(), dict(result.counts)


@pytest.mark.parametrize(
    "prediction, reason, counts",
    [
        ([("en", 1.0)], None, {}),
        ([("en", 0.99), ("de", 0.01)], None, {}),
        ([("en", 0.9899)], "low_confidence", {}),
        ([("de", 0.9899)], "low_confidence", {}),  # The probability is looked at first.
        ([("de", 1.0)], "ignored_language", {"ignored_language-de": 1}),
        ([], "no_predictions", {}),
        (None, "langdetect_exception", {}),
    ],
)
def test_a_page_is_judged_by_its_likeliest_language(monkeypatch, documents, prediction, reason, counts):
    assert judged(monkeypatch, documents, prediction) == ([reason], counts)


def test_languages_are_counted(monkeypatch, documents):
    found = [[("de", 1.0)], [("fr", 1.0)], [("de", 1.0)], [("en", 1.0)]]
    assert judged(monkeypatch, documents, *found)[1] == {"ignored_language-de": 2, "ignored_language-fr": 1}


@pytest.mark.parametrize("bound", [-0.1, 1.1])
def test_a_bound_that_is_no_probability_is_refused(bound):
    with pytest.raises(ValueError, match="min_probability must be from 0 to 1"):
        DetectsEnglish(min_probability=bound)


def test_langdetect_is_asked_with_one_seed(documents):
    pytest.importorskip("langdetect", reason="langdetect is not installed")
    batch = documents(ENGLISH, GERMAN, FRENCH, "", "1 2 3")
    first = DetectsEnglish().apply(batch)
    assert first.batch == batch
    assert first.counts == {"ignored_language-de": 1, "ignored_language-fr": 1}
    assert first.reason.to_pylist() == [None, "ignored_language", "ignored_language", *["langdetect_exception"] * 2]
    mixed = documents(*(f"{ENGLISH[:cut]} {GERMAN[cut:]}" for cut in range(0, 90, 10)))
    assert DetectsEnglish().apply(mixed).reason.equals(DetectsEnglish().apply(mixed).reason)
