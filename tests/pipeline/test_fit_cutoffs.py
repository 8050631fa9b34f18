"""Cut-offs are percentiles of what the model at hand scored, or what the recipe says."""

import json

import pytest
from small_web import CITING, crawl, files_of_two_fits, reader, recipe

from pipeline.errors import FatalError
from pipeline.fit_cutoffs import fit_cutoffs, read_cutoffs


def test_cutoffs_are_percentiles_of_the_scored_pages(tmp_path):
    report = fit_cutoffs(CITING, recipe(perplexity={"head_percentile": 25.0, "middle_percentile": 50.0}), tmp_path)
    assert (report["head"], report["middle"]) == (24.75, 39.5) == read_cutoffs(tmp_path / "cutoffs.json")
    assert (report["documents"], report["candidates"], report["from"]) == (60, 60, "percentiles")
    assert json.loads((tmp_path / "cutoffs.json").read_text()) == report


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
    assert fit_cutoffs(reader(commoncrawl=pages), recipe(), tmp_path)["candidates"] == documents


def test_cutoffs_of_the_recipe_need_no_document(tmp_path):
    settings = recipe(perplexity={"head_cutoff": 340.0, "middle_cutoff": 520.0})
    report = fit_cutoffs(reader(), settings, tmp_path)
    assert read_cutoffs(tmp_path / "cutoffs.json") == (340.0, 520.0)
    assert (report["documents"], report["from"]) == (0, "recipe")


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"commoncrawl": []}, {}, "set perplexity.head_cutoff and perplexity.middle_cutoff"),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit_cutoffs(reader(**sources), recipe(**settings), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_same_documents_give_the_same_bytes_and_report(tmp_path):
    first, again = files_of_two_fits(fit_cutoffs, tmp_path, recipe())
    assert first == again
