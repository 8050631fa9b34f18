import json
from pathlib import Path

import pytest

from benchmarks.page import page, table
from benchmarks.registry import CLAIMS

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
ROW = {
    "name": "wikipedia",
    "ours": 6.0,
    "reference": 2.0,
    "reference_is": "that",
    "unit": "MB/s",
    "ratio": 3.0,
    "goal": 3,
    "goal_of": "ratio",
    "input": "real dumps",
    "input_bytes": 3_000_000,
    "machine": "a machine",
}


def test_the_page_in_docs_explains_what_is_measured_now():
    explanation = page([]).rstrip("\n")
    assert PAGE.read_text().startswith(explanation), "python -m benchmarks --table results.jsonl > docs/benchmarks.md"


def test_without_results_the_page_has_no_table():
    assert "## Results" not in page(["", "\n"])
    assert all(f"**{name}**" in page([]) for name in CLAIMS)


def test_results_stand_below_with_their_machine_once():
    lines = page([json.dumps(ROW), json.dumps(ROW | {"name": "growth"})]).splitlines()
    assert lines.count("Measured on a machine.") == 1
    assert "| `wikipedia` | 6 MB/s | 2 MB/s | 3x | at least 3x | that | real dumps, 3.0 MB |" in lines


@pytest.mark.parametrize(
    "change, goal",
    [
        ({"ratio": 2.99}, "at least 3x (missed)"),
        ({"goal_of": "ours", "goal": 6}, "ours at least 6"),
        ({"goal_of": "ours", "goal": 7}, "ours at least 7 (missed)"),
    ],
)
def test_a_missed_goal_is_said(change, goal):
    assert f"| {goal} |" in table([ROW | change])[2]


@pytest.mark.parametrize("line", ["[]", "{}", '{"name": "other"}', "words"])
def test_a_foreign_line_is_refused(line):
    with pytest.raises(ValueError, match="not a line of python -m benchmarks"):
        page([line])
