"""`tokenmill takedown RECIPE --output DIR --list FILE`: documents out of a finished run, in place."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.options import folder_option, json_option, recipe_argument, set_option

if TYPE_CHECKING:
    from pipeline.run import Run


@click.command()
@recipe_argument
@folder_option("--output", required=True, help="Folder or fsspec address that the run wrote to.")
@click.option(
    "--list",
    "names",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A doc_id, origin or address a line; lines that begin with # say nothing.",
)
@set_option
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes that recount (default: one a core).")
@click.option("--dry-run", is_flag=True, help="Print what would be done; write nothing.")
@json_option
def takedown(
    recipe: str,
    output: str,
    names: Path,
    overrides: tuple[str, ...],
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the text of documents out of a finished run, and report what was removed and which steps had seen it.

    \b
    Example: tokenmill takedown demo --output out/demo --list urls.txt --dry-run
             tokenmill takedown demo --output out/demo --list urls.txt

    A line names all documents whose doc_id, origin or url is that line, to the letter. In token shards and in the
    stream the ids between BOS and EOS become UNK, in documents/, rejected/ and samples/ the text goes; only files that
    hold some of it are written, and then `verify` recounts. Lists stay in force: what is cleaned again later leaves
    these documents out. The report lies in takedown/. If it is killed, the same command goes on.
    """
    from pipeline.recipe_file import load_recipe
    from pipeline.run import Run, check_addresses
    from pipeline.storage import Folder
    from pipeline.takedown_order import read_list

    lines = read_list(names)
    run = Run(load_recipe(recipe, overrides), Folder(output), remembers=not dry_run)
    check_addresses(run)
    report = _planned(run, lines) if dry_run else _done(run, lines, workers or 0, quiet=as_json)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    for line in _said(report):
        click.echo(line)


def _planned(run: "Run", lines: list[str]) -> dict[str, Any]:
    from pipeline.takedown_plan import plan_takedown, report_of

    return report_of(plan_takedown(run, lines)) | {"did": False, "report": None}


def _done(run: "Run", lines: list[str], workers: int, *, quiet: bool) -> dict[str, Any]:
    from pipeline.engine import Engine
    from pipeline.finish import finish_steps
    from pipeline.guards import locked, log_path, logged
    from pipeline.places import check_places
    from pipeline.progress import Reporter
    from pipeline.scratch import scratch_path
    from pipeline.takedown import take_down

    reporter, engine = Reporter(quiet=quiet), Engine((), workers, log_path(run.output), scratch_path(run.output))
    check_places(run)
    with locked(run.output, say=reporter.say), logged(log_path(run.output)):
        return take_down(run, lines, reporter, lambda steps: finish_steps(run, reporter, steps, engine))


def _said(report: Mapping[str, Any]) -> Iterator[str]:
    """The report in lines, for people."""
    for line in report["lines"]:
        yield f"{line['line']}: {', '.join(line['documents']) or 'no such document'}"
    for document in report["documents"]:
        yield f"{document['doc_id']} ({document['origin']}): {_ended(document)}"
        for piece in document["tokens"]:
            steps = sorted({place["step"] for place in piece["stream"]})
            read = f"; training steps {', '.join(map(str, steps))}" if steps else "; not in the stream"
            yield f"  {piece['tokens']:,} tokens masked, {piece['shard']}:{piece['start']}{read}"
    done = report["steps_done"]
    seen, later = report["steps_that_had_seen_it"], report["steps_that_would_have"]
    yield f"{done:,} training steps are done: {len(seen)} had seen what is masked, {len(later)} would have"
    yield from (f"caution: {caution}" for caution in report["cautions"])
    if report["report"]:
        yield f"report: {report['report']}"
    elif not report["documents"]:
        yield "nothing to do: no document that has not been taken down before"


def _ended(document: Mapping[str, Any]) -> str:
    last = document["ended"][-1] if document["ended"] else None
    if last is None:
        return "in no stage"
    return f"kept by {last['stage']}" if last["kept"] else f"rejected by {last['stage']}"
