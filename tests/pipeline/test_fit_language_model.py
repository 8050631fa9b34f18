"""The n-gram model learns from a sample of one language, and is tried on documents that it has not seen."""

import shutil

import pyarrow as pa
import pytest
from small_web import WORDS, article, files_of_two_fits, reader, recipe, wikipedia

from filters.language_model import LanguageModel, load_kenlm
from filters.ngram import estimate_language_model
from filters.perplexity import load_pieces
from pipeline.errors import FatalError, SettingError
from pipeline.fit_language_model import build_binary, find_build_binary, fit_language_model, held_out_figures


def test_a_language_model_is_trained_on_one_language(tmp_path):
    settings = {"vocabulary_size": 300, "order": 3}
    report = fit_language_model(reader(wikipedia=wikipedia()), recipe(language_model=settings), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm.arpa", "pieces.model"]
    model = LanguageModel(str(tmp_path / "lm.arpa"), str(tmp_path / "pieces.model"))
    english, german = model.perplexities(pa.array([" ".join(WORDS["en"]), " ".join(WORDS["de"])]))
    assert english < german
    assert (report["documents"], report["candidates"], report["pieces_asked_for"]) == (60, 60, 300)
    assert 20 < report["pieces"] <= 300
    assert len(report["ngrams"]) == len(report["discounts"]) == 3
    held_out = report["held_out"]
    assert 0 < held_out["documents"] < 10 < held_out["pieces"] and held_out["unknown_fraction"] == 0
    assert 1 < held_out["percentiles"]["5"] <= held_out["median_perplexity"] <= held_out["percentiles"]["95"]
    assert held_out["percentiles"]["5"] < held_out["perplexity"] < held_out["percentiles"]["95"]


def test_held_out_documents_are_not_trained_on(tmp_path):
    rows = wikipedia()
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    pieces = load_pieces(str(tmp_path / "pieces.model"))
    sizes = [sum(len(pieces.encode(line)) + 1 for line in row["text"].split("\n")) for row in rows[::2]]
    assert sum(sizes) - report["held_out"]["documents"] * max(sizes) <= report["tokens"] < sum(sizes)


def test_copies_of_a_held_out_document_are_not_trained_on(tmp_path):
    rows = [row | {"doc_id": f"{row['doc_id']} {copy}"} for row in wikipedia() for copy in "abc"]
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    assert report["held_out"]["documents"] % 3 == 0 < report["held_out"]["documents"]
    assert report["held_out"]["median_perplexity"] > 8  # Of 16 words in any order; what was trained on has 2.


@pytest.mark.parametrize("limit, documents", [({"max_documents": 10}, 10), ({"max_text_bytes": 1}, 1)])
def test_a_language_model_takes_a_bounded_sample(tmp_path, limit, documents):
    settings = recipe(language_model={"vocabulary_size": 300} | limit)
    report = fit_language_model(reader(wikipedia=wikipedia()), settings, tmp_path)
    assert (report["documents"], report["candidates"]) == (documents, 60)
    assert report["held_out"] == {"documents": 0}


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


class Letters:
    """Pieces that are letters."""

    def encode(self, text, out_type):
        return list(text)


def test_held_out_figures_are_per_piece_with_the_end_of_each_document(tmp_path):
    estimate_language_model(["a b", "b"], tmp_path / "lm.arpa", order=2)
    model = load_kenlm(str(tmp_path / "lm.arpa"))
    figures = held_out_figures(tmp_path / "lm.arpa", Letters(), ["ab", "", "bbx"])
    scores = model.score("a b"), model.score("b b x")
    assert (figures["documents"], figures["pieces"], figures["unknown_fraction"]) == (2, 5, 1 / 5)
    assert figures["perplexity"] == pytest.approx(10 ** (-sum(scores) / 7))
    each = 10 ** (-scores[0] / 3), 10 ** (-scores[1] / 4)
    assert figures["median_perplexity"] == figures["percentiles"]["50"] == pytest.approx(sum(each) / 2)


def a_build_binary(folder, script, monkeypatch):
    program = folder / "build_binary"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def test_kenlms_binary_is_made_where_the_recipe_asks_for_it(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    a_build_binary(tmp_path / "bin", 'cp "$2" "$3"', monkeypatch)
    settings = recipe(language_model={"vocabulary_size": 300, "binary": True})
    target = tmp_path / "model"
    target.mkdir()
    fit_language_model(reader(wikipedia=wikipedia()), settings, target)
    assert (target / "lm.binary").read_bytes() == (target / "lm.arpa").read_bytes()


@pytest.mark.skipif(not shutil.which("build_binary"), reason="build_binary is not on PATH")
def test_the_binary_gives_the_scores_of_the_arpa_file(tmp_path):
    estimate_language_model(["a b c", "b a", ""], tmp_path / "lm.arpa")
    build_binary(tmp_path / "lm.arpa", tmp_path / "lm.binary")
    models = [load_kenlm(str(tmp_path / name)) for name in ("lm.arpa", "lm.binary")]
    assert [model.score("b a x c") for model in models] == [models[0].score("b a x c")] * 2


def test_a_binary_that_cannot_be_made_ends_the_run_in_one_line(tmp_path, monkeypatch):
    a_build_binary(tmp_path, "echo one >&2; echo disk full >&2; exit 1", monkeypatch)
    with pytest.raises(FatalError, match=r"^build_binary failed: disk full; see language_model\.binary$"):
        build_binary(tmp_path / "lm.arpa", tmp_path / "lm.binary")


def test_without_build_binary_no_binary_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SettingError, match=r"language_model\.binary must be false where KenLM's build_binary"):
        find_build_binary()
