"""The section on thresholds: at its beginning it says what the ledger says; what sliders do is tested in a browser."""

import json
import shlex
from collections import Counter

import pytest
from lxml import html as lxml_html
from test_score_grid import counted, pages, rules

from pipeline.ledger import read_ledger
from pipeline.recipe_file import load_recipe
from pipeline.report_border import AtBorder
from pipeline.report_thresholds import Thresholds, read_thresholds, thresholds_section
from pipeline.totals import StageTotals

GRID = counted(rules(), pages())
DOCUMENTS, BYTES = GRID.kept()
SELECT = StageTotals(
    source="commoncrawl",
    stage="select",
    documents_in=400,
    documents_kept=DOCUMENTS - 3,
    bytes_in=2000,
    bytes_kept=BYTES - 9,
    rejected=Counter({"language_is:language_unknown": 400 - DOCUMENTS, "gopher_quality:too_short": 3}),
    rejected_bytes=Counter({"language_is:language_unknown": 2000 - BYTES, "gopher_quality:too_short": 9}),
)
STAGES = [
    SELECT,
    StageTotals(source="commoncrawl", stage="tokenize", documents_kept=1),
    StageTotals(source="c4", stage="clean", documents_kept=90, bytes_kept=900),
    StageTotals(source="c4", stage="dedup", documents_kept=50, bytes_kept=500),
    StageTotals(source="c4", stage="tokenize", documents_kept=49, bytes_kept=490),
]
TOKENIZER = {"sources": {"commoncrawl": {"bytes_per_token": 2.5}}}


def section(stages=STAGES, tokenizer=TOKENIZER, grid=GRID, border=()):
    found = thresholds_section(Thresholds(grid=grid, border=border), stages, tokenizer, 4.0)
    return lxml_html.fragment_fromstring(found)


def rows(found):
    return [[cell.text_content() for cell in row] for row in found.xpath(".//tbody/tr")]


def item(**values):
    told = {"criterion": 2, "cut": GRID.cuts.at[2], "stays": True, "score": 0.31, "origin": "a#1", "title": "A title"}
    return AtBorder(**(told | {"excerpt": "Text"} | values))


@pytest.mark.parametrize("thresholds, stages", [(Thresholds(), STAGES), (Thresholds(grid=GRID), [])])
def test_without_a_grid_or_documents_there_is_nothing_to_move(thresholds, stages):
    said = lxml_html.fragment_fromstring(thresholds_section(thresholds, stages, TOKENIZER, 4.0))
    assert said.text_content() == "No documents have been selected by their scores yet."


def test_the_table_says_what_the_run_keeps_of_each_source_and_in_all():
    tokens = int(BYTES / 2.5 + 0.5)
    assert rows(section()) == [
        ["commoncrawl", *[f"{DOCUMENTS}"] * 2, *[f"{tokens:,}"] * 2, "+0.0%"],
        ["c4", "50", "50", "125", "125", "+0.0%"],
        ["all", *[f"{DOCUMENTS + 50}"] * 2, *[f"{tokens + 125:,}"] * 2, "+0.0%"],
    ]


def test_what_the_run_keeps_is_told_by_its_ledger_and_what_the_cuts_keep_by_the_grid():
    other = counted(rules(), pages(), pages())
    (row, *_) = rows(section(grid=other))
    assert row[1:3] == [f"{DOCUMENTS}", f"{2 * DOCUMENTS}"]
    assert float(row[5].rstrip("%")) == pytest.approx(100, abs=1)


def test_the_figures_of_a_real_run_agree_with_its_ledger(small_run):
    output = small_run.run().output
    entries = [entry for entry in read_ledger(output) if (entry.stage, entry.source) == ("select", "commoncrawl")]
    grid = read_thresholds(output).grid
    assert grid.kept() == (sum(entry.documents_kept for entry in entries), sum(entry.bytes_kept for entry in entries))
    assert grid.kept()[0] > 20


def test_sliders_stand_at_the_runs_own_thresholds_and_have_names():
    sliders = section().xpath(".//input[@type='range']")
    assert [slider.get("aria-valuetext") for slider in sliders] == ["0.5", "200", "0.3"]
    assert [int(slider.get("value")) for slider in sliders] == list(GRID.cuts.at)
    assert [int(slider.get("max")) + 1 for slider in sliders] == [
        len(GRID.cuts.edges[0]), len(GRID.cuts.edges[1]) + 1, len(GRID.cuts.edges[2])
    ]  # fmt: skip
    labels = {label.get("for"): label.text for label in section().xpath(".//label")}
    assert [labels[slider.get("id")] for slider in sliders] == [
        "Language score of at least", "Perplexity below", "Reference score of at least"
    ]  # fmt: skip


def test_the_settings_of_a_place_are_nothing_at_the_runs_own():
    settings = json.loads(section().get("data-grid"))["settings"]
    assert [of[at] for of, at in zip(settings, GRID.cuts.at, strict=True)] == [[], [], []]
    assert settings[0][0] == ["--set language.min_score=0.0"]
    assert settings[1][-1] == ["""--set perplexity.keep='["head","middle","tail"]'"""]
    assert settings[2][0] == ["--set reference.min_score=0.0", "--set reference.token_budget=0"]


def test_the_settings_of_every_place_are_a_recipe_that_selects_there():
    """As a shell hands them to the command."""
    settings = json.loads(section().get("data-grid"))["settings"]
    for criterion, (name, at_least) in enumerate(
        (("language", "min_score"), ("perplexity", "head_cutoff"), ("reference", "min_score"))
    ):
        for edge, of_place in zip(GRID.cuts.edges[criterion], settings[criterion], strict=False):
            recipe = load_recipe("demo", shlex.split(" ".join(of_place).replace("--set ", "")))
            if of_place:
                assert getattr(getattr(recipe, name), at_least) == edge
    recipe = load_recipe("demo", shlex.split(" ".join(settings[1][0]).replace("--set ", "")))
    assert (recipe.perplexity.keep, recipe.perplexity.middle_cutoff) == (("head",), GRID.cuts.edges[1][0])
    recipe = load_recipe("demo", shlex.split(" ".join(settings[1][-1]).replace("--set ", "")))
    assert recipe.perplexity.keep == ("head", "middle", "tail")


def test_without_a_script_the_controls_are_hidden_and_a_sentence_says_why():
    found = section()
    assert found.xpath(".//form")[0].get("hidden") is not None
    assert "which this browser does not run" in found.xpath("string(.//noscript)")


def test_documents_of_the_runs_own_cut_are_shown_and_the_others_wait():
    found = section(border=[item(cut=3), item(), item(stays=False, score=0.29, origin="a#2")])
    groups = found.xpath(".//details/div")
    assert [(group.get("data-cut"), group.get("hidden")) for group in groups] == [
        ("2-3", ""), (f"2-{GRID.cuts.at[2]}", None)
    ]  # fmt: skip
    told = [[part.text_content() for part in quote] for quote in groups[1].xpath("blockquote")]
    assert told == [
        ["A title", "stays · reference score 0.3100 · a#1", "Text"],
        ["A title", "goes · reference score 0.2900 · a#2", "Text"],
    ]


HOSTILE = "</pre></script><script>alert(1)</script><!--\"' onload=x \u202e"


def test_no_text_of_a_document_becomes_markup():
    found = section(border=[item(title=HOSTILE, excerpt=HOSTILE, origin=HOSTILE)])
    assert found.xpath(".//script | .//comment()") == []
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩")
    assert [found.xpath(f"string(.//{tag})") for tag in ("pre", "bdi", "blockquote//code")] == [shown] * 3


@pytest.mark.parametrize("tokenizer", [{}, {"sources": {}}, {"sources": {"commoncrawl": {}}}])
def test_where_no_tokenizer_was_measured_the_recipes_bytes_a_token_are_taken(tokenizer):
    assert "4.000 for commoncrawl" in section(tokenizer=tokenizer).text_content()
