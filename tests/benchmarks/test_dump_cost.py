import json
from pathlib import Path

import pytest

from benchmarks.dump_cost import CHAIN, MEMORY, SHUFFLE, cost_section

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = {CHAIN: (10.0, 2.0), SHUFFLE: (1.0, 6.0), MEMORY: (400.0, 380.0)}


def lines(**changed):
    for name, (ours, reference) in (FIGURES | changed).items():
        yield json.dumps(
            {"name": name, "ours": ours, "reference": reference, "input_bytes": 5e7, "machine": "a machine"}
        )


def test_hours_follow_from_the_speed_of_the_chain():
    section = cost_section(lines())
    assert "| processor hours | 667 | 10 MB of text" in section
    assert "one document at a time: 3,333 |" in section
    assert "45,000 processor hours" in section


def test_bytes_follow_from_what_is_shuffled_and_memory_is_as_measured():
    section = cost_section(lines())
    assert "| bytes through the shuffle | 4.0 TB |" in section
    assert "| memory of a worker | 400 MB | on a unit of 50 MB of text, 380 MB on a sixteenth" in section


@pytest.mark.parametrize("name", FIGURES)
def test_a_cost_without_its_claim_is_refused(name):
    kept = [line for line in lines() if json.loads(line)["name"] != name]
    with pytest.raises(ValueError, match=f"follows from {name}, which the results do not have"):
        cost_section(kept)


def test_the_page_on_commoncrawl_has_the_cost_of_the_results_in_docs():
    section = cost_section((DOCS / "benchmarks.jsonl").read_text().splitlines())
    assert section in (DOCS / "commoncrawl.md").read_text(), "python -m benchmarks --cost docs/benchmarks.jsonl"
