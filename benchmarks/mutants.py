"""`python -m benchmarks.mutants`: what tests notice of small changes to the rules, the mixture and the tokenizer.

    python -m benchmarks.mutants --results docs/mutation.jsonl                 those that the file does not have yet
    python -m benchmarks.mutants --results docs/mutation.jsonl --again         and those that survived before
    python -m benchmarks.mutants --results docs/mutation.jsonl --show 1a2b3c   one change, and what the tests say of it

A line of JSON for each mutant; lines of mutants that the code no longer has are dropped. It needs the extra `mutation`.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.mutant_points import ONE_IN, Mutant, sample
from benchmarks.mutant_trial import SURVIVED, Trials, frozen
from benchmarks.mutants_page import page

ROOT = Path(__file__).parent.parent
EXPLAINED = Path(__file__).parent / "mutants_explained.toml"


@click.command()
@click.option(
    "--results", type=click.Path(dir_okay=False, path_type=Path), help="File of JSON lines to bring up to date."
)
@click.option("--again", is_flag=True, help="Try those again that survived.")
@click.option("--part", default="1/1", show_default=True, metavar="K/N", help="Try the K-th of N parts only.")
@click.option("--show", metavar="KEY", help="Show one change, try it, and print what the tests say.")
@click.option("--table", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of JSON to a page.")
def main(results: Path | None, again: bool, part: str, show: str | None, table: Path | None) -> None:
    """Try mutants of filters/, mixtures/ and tokenizer/."""
    if table is not None:
        click.echo(page(read(table), explained()), nl=False)
        return
    if results is None and show is None:
        raise click.UsageError("name --results, --show or --table")
    with frozen(ROOT) as tree:
        trials, drawn = Trials(tree), sample(tree, ONE_IN)
        if show is not None:
            for mutant in drawn:
                if mutant.key.startswith(show):
                    click.echo("".join(change(tree, mutant)))
                    click.echo(f"{trials.outcome(mutant)}\n{trials.said}")
        if results is None:
            return
        done = {row["key"]: row for row in read(results)} if results.exists() else {}
        todo = [
            mutant for mutant in drawn if mutant.key not in done or (again and done[mutant.key]["outcome"] == SURVIVED)
        ]
        number, of = map(int, part.split("/"))
        todo = sorted(todo, key=lambda mutant: mutant.rank)[number - 1 :: of]
        trials.warm()
        for mutant in todo:
            done[mutant.key] = row(tree, mutant, trials.outcome(mutant))
            click.echo(f"{done[mutant.key]['outcome']:9}{mutant.key} {mutant.file}:{mutant.line}", err=True)
            write(results, (done[other.key] for other in drawn if other.key in done))
        trials.hold({mutant.file for mutant in todo})


def row(tree: Path, mutant: Mutant, outcome: str) -> Mapping[str, Any]:
    """What the report knows of a mutant."""
    was, now = (" ".join(line[1:].strip() for line in change(tree, mutant) if line.startswith(sign)) for sign in "-+")
    return {"key": mutant.key, "file": mutant.file, "where": mutant.where, "was": was, "now": now, "outcome": outcome}


def change(tree: Path, mutant: Mutant) -> list[str]:
    """The lines that differ, each with its sign."""
    source = (tree / mutant.file).read_text()
    was, now = (text.splitlines(keepends=True) for text in (source, mutant.code(source)))
    return list(difflib.unified_diff(was, now, n=0))[3:]


def explained() -> Mapping[str, Mapping[str, str]]:
    """Why mutants survive, by key."""
    return tomllib.loads(EXPLAINED.read_text())


def read(path: Path) -> list[Mapping[str, Any]]:
    """The lines of a file of results."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of results, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.mutants")
