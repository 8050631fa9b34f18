"""The page of `docs/engine-digests.md`: which engine gave which digest, and what it took."""

from collections.abc import Iterable, Mapping
from typing import Any

_HEAD = """# One digest on every engine

Whether an engine changes a byte is a command:

```
python -m benchmarks.engines --scale 1                                             # on every engine that is here
python -m benchmarks.engines --input dumps --engines embedded-8,spark-local --set inputs.c4=[]
```

It runs the recipe on one engine after the other, and digests all that lies outside `logs/`: documents, rejected ones,
models, tokens, stream, done records and manifest. The digests must be the same; the first files that are not are named,
and the exit code is 1. An engine that this machine has not is left out, with what is missing (`make clusters` builds
Spark's and Flink's). `embedded-1` and `embedded-2` are the embedded engine with so many workers, `s3` has dumps and
output in a bucket of a server on this machine, and the clusters are a master and two workers, Spark's with executors
of 1 GB.

Every table is of the same dumps, settings and code; a done record names the code that wrote it, so another
version has another digest. Peaks are of the largest process of each kind, shared pages
counted. The figures are of one run each on a machine that may have had other work: the digests are what is claimed.
"""


def page(results: Iterable[Mapping[str, Any]]) -> str:
    """A table for each task, the newest result of each engine in it."""
    tasks: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for result in results:
        task = tuple(str(result[key]) for key in ("input", "settings", "until", "code"))
        tasks.setdefault(task, {})[result["engine"]] = result
    return "\n".join([_HEAD, *(_table(list(rows.values())) for rows in tasks.values())])


def _table(rows: list[Mapping[str, Any]]) -> str:
    first = rows[0]
    recipe, *settings = first["settings"]
    said = f", {', '.join(f'`{setting}`' for setting in settings)}" if settings else ""
    digests = {row["digest"] for row in rows}
    verdict = "All digests are the same." if len(digests) == 1 else f"There are {len(digests)} digests."
    head = (
        f"## {first['input_bytes'] / 1e6:,.0f} MB of dumps, until `{first['until']}`\n\nRecipe `{recipe}`{said};"
        f" {first['files']:,} files of {first['output_bytes'] / 1e6:,.0f} MB. {verdict} On {first['machine']}.\n"
    )
    lines = [
        "| engine | digest | seconds | processor seconds | parent, MB | worker, MB | Java, MB |",
        "|---|---|" + "--:|" * 5,
    ]
    return "\n".join([head, *lines, *map(_row, rows), ""])


def _row(row: Mapping[str, Any]) -> str:
    peaks = [f"{row['peak_mb'][role]:,.0f}" if role in row["peak_mb"] else "" for role in ("parent", "worker", "jvm")]
    figures = [f"{row['wall_seconds']:,.0f}", f"{row['cpu_seconds']:,.0f}", *peaks]
    return f"| {row['engine']} | `{row['digest'][:16]}` | {' | '.join(figures)} |"
