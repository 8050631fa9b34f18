"""The threshold is the recipe's, or follows from its budget of tokens."""

import json

import pytest
from small_web import recipe

from pipeline.fit_threshold import fit_threshold, read_threshold

COUNTS = {
    **{"pages.000": 100, "bytes.000": 40_000},
    **{"pages.064": 10, "bytes.064": 4000},
    **{"pages.128": 5, "bytes.128": 2000},
    **{"pages.255": 1, "bytes.255": 400},
    **{"crawled.000": 500, "crawled.031": 3},
}


def fitted(folder, counts=COUNTS, **settings):
    settings = {"bytes_per_token": 4.0} | settings
    report = fit_threshold(lambda source: {"commoncrawl": counts}[source], recipe(reference=settings), folder)
    return report, read_threshold(folder / "threshold.json")


@pytest.mark.parametrize(
    "budget, min_score, tokens, documents",
    [
        (1, 255 / 256, 100, 1),
        (100, 255 / 256, 100, 1),
        (101, 0.5, 600, 6),
        (600, 0.5, 600, 6),
        (601, 0.25, 1600, 16),
        (1601, 0.0, 11_600, 116),
        (11_600, 0.0, 11_600, 116),
    ],
)
def test_the_highest_score_is_chosen_whose_pages_hold_the_budget(tmp_path, budget, min_score, tokens, documents):
    report, threshold = fitted(tmp_path, token_budget=budget)
    assert threshold == report["min_score"] == min_score
    assert (report["expected_tokens"], report["expected_documents"]) == (tokens, documents)
    assert report["from"] == "token_budget" and report["budget_is_met"]


def test_where_there_is_less_than_the_budget_all_is_taken_and_said(tmp_path):
    report, threshold = fitted(tmp_path, token_budget=11_601)
    assert (threshold, report["budget_is_met"]) == (0.0, False)
    assert (report["expected_tokens"], report["available_tokens"]) == (11_600, 11_600)


@pytest.mark.parametrize("min_score, tokens", [(0.0, 11_600), (0.25, 1600), (0.251, 1600), (0.5, 600), (1.0, 100)])
def test_the_recipes_score_is_written_with_what_it_keeps(tmp_path, min_score, tokens):
    report, threshold = fitted(tmp_path, min_score=min_score)
    assert threshold == min_score
    assert (report["expected_tokens"], report["from"], report["token_budget"]) == (tokens, "recipe", 0)


def test_tokens_are_bytes_over_bytes_a_token(tmp_path):
    assert fitted(tmp_path, min_score=0.5, bytes_per_token=2.0)[0]["expected_tokens"] == 1200


def test_the_report_shows_how_scores_are_spread(tmp_path):
    report, _ = fitted(tmp_path)
    assert report["scores_of_all_pages"] == [500] + 30 * [0] + [3]
    spread = report["scores_of_pages_to_choose_from"]
    assert (spread[0], spread[8], spread[16], spread[31], sum(spread)) == (100, 10, 5, 1, 116)
    assert report["available_documents"] == 116


def test_of_nothing_nothing_is_chosen(tmp_path):
    report, threshold = fitted(tmp_path, counts={}, token_budget=5)
    assert (threshold, report["expected_tokens"], report["budget_is_met"]) == (0.0, 0, False)


def test_what_is_written_is_the_choice_and_no_histogram(tmp_path):
    report, _ = fitted(tmp_path)
    written = json.loads((tmp_path / "threshold.json").read_text())
    assert set(written) == {"min_score", "from", "token_budget", "expected_tokens", "expected_documents"}
    assert written.items() <= report.items()
