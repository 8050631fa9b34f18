import json
from pathlib import Path

import pytest

from benchmarks.engines_page import page

DOCS = Path(__file__).parents[2] / "docs"
ROW = {
    "engine": "embedded-1", "input": "d", "input_bytes": 12_345_678, "settings": ("demo", "a=1"), "until": "verify",
    "code": "c", "digest": "0123456789abcdef0123", "files": 1234, "output_bytes": 5e6, "wall_seconds": 1234.0,
    "cpu_seconds": 56.0, "peak_mb": {"parent": 200.0, "worker": 301.0}, "machine": "a machine",
}  # fmt: skip


def test_a_row_says_what_an_engine_made_and_took():
    assert "| embedded-1 | `0123456789abcdef` | 1,234 | 56 | 200 | 301 |  |\n" in page([ROW])


def test_a_table_says_what_was_run():
    said = page([ROW])
    assert "## 12 MB of dumps, until `verify`\n" in said
    assert "Recipe `demo`, `a=1`; 1,234 files of 5 MB." in said


@pytest.mark.parametrize(
    "digest, verdict", [(ROW["digest"], "All digests are the same."), ("f", "There are 2 digests.")]
)
def test_the_verdict_is_of_all_rows(digest, verdict):
    assert verdict in page([ROW, ROW | {"engine": "s3", "digest": digest}])


def test_only_the_newest_result_of_an_engine_stands():
    said = page([ROW, ROW | {"wall_seconds": 7.0}])
    assert (said.count("| embedded-1 |"), said.count("| 7 | 56 |")) == (1, 1)


@pytest.mark.parametrize("key", ["input", "settings", "until", "code"])
def test_what_need_not_be_the_same_has_a_table_of_its_own(key):
    said = page([ROW, ROW | {key: ("demo", "b=2"), "digest": "f"}])
    assert said.count("## 12 MB of dumps") == 2
    assert "There are" not in said


def test_the_page_in_the_docs_is_of_the_results_beside_it():
    rows = (DOCS / "engine-digests.jsonl").read_text().splitlines()
    assert (DOCS / "engine-digests.md").read_text() == page(map(json.loads, rows)), "make engines"
