"""The n-gram model learns from a sample of one language, and is tried on documents that it has not seen."""

import pytest
from small_web import WORDS, article, files_of_two_fits, reader, recipe, wikipedia

from filters.perplexity import load_language_model, load_pieces, perplexity
from pipeline.errors import FatalError
from pipeline.fit_language_model import fit_language_model


def test_a_language_model_is_trained_on_one_language(tmp_path):
    settings = {"vocabulary_size": 300, "order": 3}
    report = fit_language_model(reader(wikipedia=wikipedia()), recipe(language_model=settings), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm.arpa", "pieces.model"]
    models = load_language_model(str(tmp_path / "lm.arpa")), load_pieces(str(tmp_path / "pieces.model"))
    assert perplexity(*models, " ".join(WORDS["en"])) < perplexity(*models, " ".join(WORDS["de"]))
    assert (report["documents"], report["candidates"], report["pieces_asked_for"]) == (60, 60, 300)
    assert 20 < report["pieces"] <= 300
    assert len(report["ngrams"]) == len(report["discounts"]) == 3
    assert 0 < report["held_out_documents"] < 10 and report["held_out_median_perplexity"] > 1


def test_held_out_documents_are_not_trained_on(tmp_path):
    rows = wikipedia()
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    pieces = load_pieces(str(tmp_path / "pieces.model"))
    sizes = [sum(len(pieces.encode(line)) + 1 for line in row["text"].split("\n")) for row in rows[::2]]
    assert sum(sizes) - report["held_out_documents"] * max(sizes) <= report["tokens"] < sum(sizes)


def test_copies_of_a_held_out_document_are_not_trained_on(tmp_path):
    rows = [row | {"doc_id": f"{row['doc_id']} {copy}"} for row in wikipedia() for copy in "abc"]
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    assert report["held_out_documents"] % 3 == 0 < report["held_out_documents"]
    assert report["held_out_median_perplexity"] > 8  # Of 16 words in any order; what was trained on has 2.


@pytest.mark.parametrize("limit, documents", [({"max_documents": 10}, 10), ({"max_text_bytes": 1}, 1)])
def test_a_language_model_takes_a_bounded_sample(tmp_path, limit, documents):
    settings = recipe(language_model={"vocabulary_size": 300} | limit)
    report = fit_language_model(reader(wikipedia=wikipedia()), settings, tmp_path)
    assert (report["documents"], report["candidates"]) == (documents, 60)
    assert report["held_out_documents"] == 0 and report["held_out_median_perplexity"] is None


def test_one_word_is_enough_for_a_language_model(tmp_path):
    report = fit_language_model(reader(wikipedia=[article(1, text="…\x07")]), recipe(), tmp_path)
    assert report["orders_with_fallback_discounts"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"wikipedia": []}, {}, "set language_model.arpa and language_model.pieces"),
        ({"wikipedia": [article(1, text="\x07")]}, {}, "see language_model.vocabulary_size"),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit_language_model(reader(**sources), recipe(**settings), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_same_documents_give_the_same_bytes_and_report(tmp_path):
    first, again = files_of_two_fits(fit_language_model, tmp_path, recipe(language_model={"vocabulary_size": 300}))
    assert first == again
