"""Cut-offs are percentiles of what the model at hand scored, or what the recipe says."""

import json
from functools import partial

import pytest
from small_web import CITING, crawl, files_of_two_fits, reader, recipe

from pipeline.errors import FatalError
from pipeline.fit_cutoffs import fit_cutoffs, read_cutoffs

MODEL = "1234abcd"


def test_cutoffs_are_percentiles_of_the_scored_pages(tmp_path):
    settings = {"head_percentile": 25.0, "middle_percentile": 50.0}
    report = fit_cutoffs(CITING, recipe(perplexity=settings), tmp_path, MODEL)
    assert (report["head"], report["middle"]) == (24.75, 39.5) == read_cutoffs(tmp_path / "cutoffs.json", MODEL)
    assert (report["documents"], report["candidates"], report["from"]) == (60, 60, "percentiles")
    assert (report["at"], report["seed"], report["language_model"]) == ([25.0, 50.0], 1, MODEL)


def test_all_percentiles_are_kept_and_each_tenth_is_reported(tmp_path):
    report = fit_cutoffs(CITING, recipe(), tmp_path, MODEL)
    held = json.loads((tmp_path / "cutoffs.json").read_text())
    assert list(held["percentiles"]) == sorted(map(str, range(1, 100)))
    assert held["percentiles"]["50"] == 39.5
    assert held | {"percentiles": {str(i): held["percentiles"][str(i)] for i in range(10, 100, 10)}} == report


def test_cutoffs_of_another_model_are_refused(tmp_path):
    fit_cutoffs(CITING, recipe(), tmp_path, MODEL)
    with pytest.raises(
        FatalError, match=f"the cut-offs belong to the language model {MODEL}, the perplexities to 00ff"
    ):
        read_cutoffs(tmp_path / "cutoffs.json", "00ff")


def test_ccnets_cutoffs_need_no_document(tmp_path):
    settings = recipe(perplexity={"cutoffs": "ccnet"}, language_model={"language": "de"})
    report = fit_cutoffs(reader(), settings, tmp_path, MODEL)
    assert read_cutoffs(tmp_path / "cutoffs.json", MODEL) == (370.0, 590.0)
    assert (report["documents"], report["from"], report["at"], report["percentiles"]) == (0, "ccnet", [30, 60], {})


@pytest.mark.parametrize(
    "change, documents",
    [
        ({"language": "de"}, 50),
        ({"language_score": 0.49}, 50),
        ({"language_score": 0.5}, 60),
        ({"perplexity": None}, 50),
    ],
)
def test_pages_that_may_be_in_another_language_set_no_cutoff(tmp_path, change, documents):
    pages = [page | change if i < 20 else page for i, page in enumerate(crawl())]
    assert fit_cutoffs(reader(commoncrawl=pages), recipe(), tmp_path, MODEL)["candidates"] == documents


def test_cutoffs_of_the_recipe_need_no_document(tmp_path):
    settings = recipe(perplexity={"head_cutoff": 340.0, "middle_cutoff": 520.0})
    report = fit_cutoffs(reader(), settings, tmp_path, MODEL)
    assert read_cutoffs(tmp_path / "cutoffs.json", MODEL) == (340.0, 520.0)
    assert (report["documents"], report["from"]) == (0, "recipe")


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"commoncrawl": []}, {}, "set perplexity.head_cutoff and perplexity.middle_cutoff"),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit_cutoffs(reader(**sources), recipe(**settings), tmp_path, MODEL)
    assert "\n" not in str(caught.value)


def test_the_same_documents_give_the_same_bytes_and_report(tmp_path):
    first, again = files_of_two_fits(partial(fit_cutoffs, language_model=MODEL), tmp_path, recipe())
    assert first == again
