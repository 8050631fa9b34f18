from pathlib import Path

from benchmarks.mutants import explained, read
from benchmarks.mutants_page import page

DOCS = Path(__file__).parents[2] / "docs"
EXPLAINED = {"aa": {"same": "The text is never empty."}, "bb": {"unseen": "Only speed."}}


def row(key, outcome, file="filters/urls.py"):
    return {"key": key, "file": file, "where": "clean", "was": "a < b", "now": "a <= b", "outcome": outcome}


def test_a_package_has_a_row_and_equivalents_are_told_apart():
    rows = [row("aa", "survived"), row("bb", "survived"), row("cc", "test"), row("dd", "crash"), row("ee", "syntax")]
    said = page([*rows, row("ff", "time", "mixtures/plan.py"), row("gg", "test", "mixtures/plan.py")], EXPLAINED)
    assert "| package | mutants | test | time | crash | survived | killed | of those that change anything |" in said
    assert "| `filters/` | 4 | 1 | 0 | 1 | 2 | 50.0% | 66.7% |" in said
    assert "| `mixtures/` | 2 | 1 | 1 | 0 | 0 | 100.0% | 100.0% |" in said
    assert "| `tokenizer/` | 0 | 0 | 0 | 0 | 0 |  |  |" in said
    assert "| all | 6 | 2 | 1 | 1 | 2 | 66.7% | 80.0% |" in said


def test_each_survivor_is_told_with_why():
    said = page([row("aa", "survived"), row("bb", "survived"), row("cc", "survived"), row("dd", "test")], EXPLAINED)
    _, same, unseen, rest = said.split("\n## ")
    assert "- `filters/urls.py`, `clean`: `a < b` became `a <= b` (aa). The text is never empty." in same
    assert "(bb). Only speed." in unseen
    assert "(cc)." in rest
    assert "(dd)" not in said


def test_the_page_in_the_docs_is_of_the_results_beside_it():
    rows = read(DOCS / "mutation.jsonl")
    assert (DOCS / "mutation.md").read_text() == page(rows, explained()), "make mutants"


def test_nine_in_ten_mutants_are_killed_and_each_survivor_is_explained():
    rows = [row for row in read(DOCS / "mutation.jsonl") if row["outcome"] != "syntax"]
    survivors = [row["key"] for row in rows if row["outcome"] == "survived"]
    assert len(survivors) <= len(rows) / 10
    assert set(survivors) == set(explained())
