"""The page of `docs/mutation.md`: how many mutants the tests kill, and which live on and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.mutant_points import LEFT_OUT, ONE_IN, PACKAGES
from benchmarks.mutant_trial import KILLED, NOT_PYTHON, SURVIVED

_HEAD = """# Mutation

Do the tests notice when a rule changes? Mutants answer: small changes, one at a time, to the code of {packages}.
A point is an operator, a comparison, a number, a condition or a loop that cosmic-ray's operators can change. Of the
changes of each point one is drawn by a digest of its line, and of the points one in {one_in}: the same ones for the
same code. The table is of the {tried} that were tried; `make mutants` tries what the code has gained since.

```
make mutants                                                              # those that the results do not have yet
python -m benchmarks.mutants --results docs/mutation.jsonl --again        # and those that survived before
python -m benchmarks.mutants --show 1a2b3c                                # one, and what the tests say of it
```

Each mutant is tried in a copy of the tree by the tests of its own file, then by those of its package that import the
file, then by those that import it at one remove; tests marked `slow` or `real` are left out. It is killed where
{killed}. A mutant that is no Python is not counted.

No mutant is made of:

{left_out}

Where a test was added, the survivor that it was for was tried again, and what had been killed was not: a test more
saves no mutant.
"""


def page(rows: Sequence[Mapping[str, Any]], explained: Mapping[str, Mapping[str, str]]) -> str:
    """A table by package, and all survivors."""
    rows = [row for row in rows if row["outcome"] != NOT_PYTHON]
    head = _HEAD.format(
        packages=", ".join(f"`{package}/`" for package in PACKAGES),
        one_in=ONE_IN,
        tried=len(rows),
        killed=", ".join(f"{said} (*{way}*)" for way, said in KILLED.items()),
        left_out="\n".join(f"- **{name}**: {why}" for name, why in LEFT_OUT.items()),
    )
    parts = [head, _table(rows, explained)]
    survivors = [row for row in rows if row["outcome"] == SURVIVED]
    for title, why in _SURVIVORS.items():
        listed = [row for row in survivors if why in explained.get(row["key"], {"": ""})]
        if listed:
            parts.append("\n".join([f"## {title}", "", *(_survivor(row, explained) for row in listed), ""]))
    return "\n".join(parts)


_SURVIVORS = {
    "Survivors that change nothing that can be seen": "same",
    "Survivors that no test sees": "unseen",
    "Survivors not looked at": "",
}
"""Title, and the key of the explanation."""


def _table(rows: Sequence[Mapping[str, Any]], explained: Mapping[str, Mapping[str, str]]) -> str:
    lines = [
        f"| package | mutants | {' | '.join(KILLED)} | survived | killed | of those that change anything |",
        "|---|" + "--:|" * (len(KILLED) + 4),
    ]
    for name, kept in [*((f"`{one}/`", f"{one}/") for one in PACKAGES), ("all", "")]:
        here = [row for row in rows if row["file"].startswith(kept)]
        counts = Counter(row["outcome"] for row in here)
        same = sum(row["outcome"] == SURVIVED and "same" in explained.get(row["key"], {}) for row in here)
        killed = len(here) - counts[SURVIVED]
        figures = [len(here), *(counts[way] for way in KILLED), counts[SURVIVED]]
        shares = [f"{killed / whole:.1%}" if whole else "" for whole in (len(here), len(here) - same)]
        lines.append(f"| {name} | {' | '.join(map(str, figures))} | {' | '.join(shares)} |")
    return "\n".join([*lines, ""])


def _survivor(row: Mapping[str, Any], explained: Mapping[str, Mapping[str, str]]) -> str:
    where = f"`{row['file']}`" + (f", `{row['where']}`" if row["where"] else "")
    why = "".join(f" {said}" for said in explained.get(row["key"], {}).values())
    return f"- {where}: `{row['was']}` became `{row['now']}` ({row['key']}).{why}"
