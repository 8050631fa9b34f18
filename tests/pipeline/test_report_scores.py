"""The section on reference scores draws what the fits report, and says what the threshold keeps."""

import pytest
from lxml import html as lxml_html

from pipeline.report_scores import read_scores, scores_section
from pipeline.storage import Folder

REFERENCE = {
    "auc": 0.9,
    "positive_scores": [0, 1, 3],
    "negative_scores": [4, 0, 0],
    "positive_deciles": [0.1 * i for i in range(1, 10)],
    "negative_deciles": [],
}
THRESHOLD = {
    "min_score": 0.25,
    "budget_is_met": True,
    "token_budget": 1000,
    "expected_documents": 20,
    "expected_tokens": 1234,
    "available_documents": 50,
    "available_tokens": 5000,
    "scores_of_all_pages": [70, 20, 10],
    "scores_of_pages_to_choose_from": [30, 15, 5],
}


def scores(folder, reference=None, threshold=None):
    output = Folder(str(folder))
    for name, report in (("reference", reference), ("threshold", threshold)):
        if report is not None:
            output.write_json(f"models/{name}/report.json", report)
    return read_scores(output)


def section(found):
    return lxml_html.fragment_fromstring(f"<section>{scores_section(found)}</section>")


def test_without_reports_there_is_nothing_to_show(tmp_path):
    found = scores(tmp_path)
    assert (found.classes, found.pages, found.min_score, found.kept) == ({}, {}, None, {})
    assert section(found).text_content() == "No page has been scored yet."


def test_classes_and_pages_are_drawn_with_the_threshold(tmp_path):
    found = section(scores(tmp_path, REFERENCE, THRESHOLD))
    labels = [chart.get("aria-label") for chart in found.iter("svg")]
    assert labels == [
        "Reference scores of held-out pages, as shares of each class",
        "Reference scores of CommonCrawl pages, as shares of each group",
    ]
    assert found.text_content().count("The line is the threshold, 0.25.") == 2


def test_shares_are_of_each_group(tmp_path):
    found = section(scores(tmp_path, REFERENCE, THRESHOLD))
    assert [chart.xpath("string(.//text[3])") for chart in found.iter("svg")] == ["100%", "70%"]


def test_deciles_of_a_class_that_has_some_stand_in_a_table(tmp_path):
    (row,) = section(scores(tmp_path, REFERENCE)).xpath(".//tbody/tr")
    cells = [cell.text_content() for cell in row]
    assert cells == ["pages that Wikipedia cites", *(f"0.{i}00" for i in range(1, 10))]


def test_what_the_threshold_keeps_is_told(tmp_path):
    rows = section(scores(tmp_path, threshold=THRESHOLD)).xpath(".//tbody/tr")
    assert [[cell.text_content() for cell in row] for row in rows] == [
        ["expected documents", "20"],
        ["expected tokens", "1,234"],
        ["available documents", "50"],
        ["available tokens", "5,000"],
        ["token budget", "1,000"],
    ]


@pytest.mark.parametrize("met, said", [(True, False), (False, True)])
def test_a_budget_that_is_larger_than_all_there_is_is_told(tmp_path, met, said):
    found = section(scores(tmp_path, threshold=THRESHOLD | {"budget_is_met": met}))
    assert ("less than the token budget: all pages are taken" in found.text_content()) == said


def test_a_report_without_a_threshold_draws_no_line(tmp_path):
    assert section(scores(tmp_path, REFERENCE)).xpath(".//line") == []
