"""docs/benchmarks.md: how to run the benchmarks, what each compares, and the table of a run."""

import json
from collections.abc import Iterable
from typing import Any

from benchmarks.registry import CLAIMS

_OPENING = """\
# Benchmarks

Every claim about speed or memory is a command. `make bench` runs them all in about ten minutes on two cores;
single ones run by name:

```
python -m benchmarks --list
python -m benchmarks normalise-hash wikipedia > results.jsonl
python -m benchmarks --table results.jsonl > docs/benchmarks.md
python -m benchmarks --cost results.jsonl
```

The last prints what a whole CommonCrawl dump costs at these speeds, as in [commoncrawl.md](commoncrawl.md). The results
below are those of [benchmarks.jsonl](benchmarks.jsonl).

Each claim prints one line of JSON on standard output; what is for people goes to standard error. Ours and the
reference are measured in the same run and the same process on one core, in turns, at least three times each after a
warm-up that also checks that the two answers agree: where they do not, there is no figure and the exit code is 1. The
figures are medians.

| key | meaning |
|---|---|
| `ours`, `reference` | the two medians, in `unit`; more is better, but for memory (`MB`) |
| `ratio` | how many times better ours is: `ours / reference`, for memory `reference / ours` |
| `goal` | an aim, not a promise: what `goal_of` (`ratio`, or `ours` in its unit) should at least be |
| `reference_is` | what was measured beside ours |
| `input`, `input_bytes` | what was measured on |
| `machine` | processor, cores, system, Python |

Where TOKENMILL_REAL_DATA names a folder of real dumps, its text and models are measured on; else the demo's dumps are
made on the spot and small models trained. `train-lm` needs KenLM's `lmplz` on PATH and is left out where there is
none: build it from kenlm's source package with CMake and Boost.

## What each claim compares
"""


def page(lines: Iterable[str]) -> str:
    """The whole page; with no line of JSON it has no results. Raises ValueError for a line that is none of ours."""
    claims = [
        f"- **{claim.name}**: {claim.compares}. Goal: {_goal(claim.goal, claim.goal_of)}." for claim in CLAIMS.values()
    ]
    parts = [_OPENING, *claims]
    results = results_of(lines)
    if results:
        parts += ["", "## Results", "", *table(results), ""]
        parts += [f"Measured on {machine}." for machine in dict.fromkeys(row["machine"] for row in results)]
    return "\n".join(parts) + "\n"


def table(results: Iterable[dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table, a claim a row."""
    rows = ["| claim | ours | reference | ratio | goal | against | input |", "|---|--:|--:|--:|--:|---|---|"]
    for row in results:
        goal = _goal(row["goal"], row["goal_of"]) + ("" if _met(row) else " (missed)")
        size = f"{row['input']}, {row['input_bytes'] / 1e6:.1f} MB"
        figures = f"{row['ours']:g} {row['unit']} | {row['reference']:g} {row['unit']} | {row['ratio']:g}x"
        rows.append(f"| `{row['name']}` | {figures} | {goal} | {row['reference_is']} | {size} |")
    return rows


def results_of(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The results of lines of JSON. Raises ValueError for a line that is none of ours."""
    return [_result(line) for line in lines if line.strip()]


def _result(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or row.get("name") not in CLAIMS:
        raise ValueError(f"not a line of python -m benchmarks: {line.strip()[:60]}")
    return row


def _goal(goal: float, goal_of: str) -> str:
    return f"at least {goal:g}x" if goal_of == "ratio" else f"ours at least {goal:g}"


def _met(row: dict[str, Any]) -> bool:
    return bool(row[row["goal_of"]] >= row["goal"])
