"""The command line: `tokenmill VERB RECIPE --output DIR [--set key=value] [-- Beam flags]`."""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.doctor import diagnose
from pipeline.drill.command import drill
from pipeline.engines.dataflow import check_elsewhere, is_rehearsal, spelled
from pipeline.engines.portable import notes
from pipeline.errors import FatalError, FaultsFoundError
from pipeline.explain_command import explain
from pipeline.export.command import export
from pipeline.fetch.command import fetch
from pipeline.guards import leave, locked, log_path, logged
from pipeline.ledger import read_ledger
from pipeline.outcome import EXIT_SETTING, outcome
from pipeline.places import check_places, check_readable, crowded
from pipeline.planning.command import plan
from pipeline.progress import Reporter
from pipeline.recipe_file import load_recipe, shipped_recipes
from pipeline.redact import redact, redacted
from pipeline.run import Run, check_addresses
from pipeline.scratch import scratch_path
from pipeline.stage_names import STAGE_HELP
from pipeline.storage import Folder
from pipeline.takedown_command import takedown
from pipeline.takedown_order import check_finished
from pipeline.tokenizer_command import tokenizer_command
from pipeline.totals import SUMS, sum_stages
from pipeline.version import VERSION


class _Group(click.Group):
    """Commands in the order in which they were added: the order of the stages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="tokenmill")
def cli() -> None:
    """LLaMA-1's training data, from seven raw public dumps to token shards and a training model.

    \b
    tokenmill demo-input out/demo-dumps       raw dumps to play with, made on this machine
    tokenmill run demo --output out/demo      every stage, in order; run it again to go on
    tokenmill doctor                          what is installed, and what is missing

    RECIPE is a TOML file or the name of one that ships: llama1, demo.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all stage commands share."""
    decorators = (
        click.argument("recipe"),
        click.argument("beam_flags", nargs=-1, type=click.UNPROCESSED),
        click.option("--output", required=True, metavar="DIR", help="Folder or fsspec address that the run writes to."),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the recipe."),
        click.option("--workers", type=click.IntRange(min=1), help="Worker processes (default: one a core)."),
        click.option("--dry-run", is_flag=True, help="Print the resolved recipe, the inputs and what is left to do."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output."),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


_UNTIL = click.option("--until", metavar="STAGE", type=click.Choice(tuple(STAGE_HELP)), help="The last stage to do.")


def _stage_command(
    name: str, stages: Callable[[str | None], tuple[str, ...]], text: str, *more: Callable[..., Any]
) -> None:
    @_options
    def command(
        recipe: str,
        beam_flags: tuple[str, ...],
        output: str,
        overrides: tuple[str, ...],
        workers: int | None,
        dry_run: bool,
        as_json: bool,
        until: str | None = None,
    ) -> None:
        loaded = load_recipe(recipe, overrides)
        session = _Session(Run(loaded, Folder(output)), beam_flags, workers or 0, as_json)
        if dry_run:
            session.dry_run(stages(until))
        elif is_rehearsal(beam_flags):
            session.rehearse(stages(until))
        else:
            session.do(stages(until))

    for decorate in more:
        command = decorate(command)

    example = f"\n\n\b\nExample: tokenmill {name} demo --output out/demo"
    command.__doc__ = f"{text}{example}\n         … -- --runner=SparkRunner   Beam's own flags come last"
    cli.command(name)(command)


class _Session:
    """One command over a run: settings checked before any work, then the work, then what it came to."""

    def __init__(self, run: Run, flags: Sequence[str], workers: int, as_json: bool) -> None:
        from pipeline.engine import check_flags  # Beam takes seconds to import; `--help` should not.
        from pipeline.measured_engine import MeasuredEngine

        flags = spelled(flags)
        check_flags(flags)
        check_elsewhere(flags, {"--output": run.output.url, "inputs.root": run.recipe.inputs.root})
        if not is_rehearsal(flags):
            check_addresses(run)
        self._run, self._as_json = run, as_json
        log, scratch = log_path(run.output), scratch_path(run.output)
        self._engine = MeasuredEngine(tuple(flags), workers, log, scratch, output=run.output)
        # Its own way out: while an engine runs, standard error itself leads to the log.
        self._reporter = Reporter(stream=os.fdopen(os.dup(2), "w", closefd=False, encoding="utf-8", buffering=1))

    def do(self, stages: Sequence[str]) -> None:
        """Bring the stages up to date, then say what is there."""
        from pipeline.conductor import Conductor
        from pipeline.finish import check_finish
        from pipeline.group_stages import check_indexes
        from pipeline.manifest import write_manifest

        check_finish(stages)
        self._check_needs(stages)
        check_indexes(self._run.recipe, stages)
        check_places(self._run)
        # A missing input is a wrong setting: found before any work.
        check_readable(self._run, [unit for source in self._run.recipe.sources for unit in self._run.units(source)])
        if self._engine.is_embedded and (caution := crowded(self._engine.hands)):
            self._reporter.say(caution)
        for note in notes(self._engine.flags, (self._run.output.url, str(self._run.recipe.inputs.root))):
            self._reporter.say(note)
        with locked(self._run.output, say=self._reporter.say), logged(log_path(self._run.output)):
            check_finished(self._run.output)
            conductor = Conductor(self._run, self._engine, self._reporter)
            try:
                conductor.stages(stages)
            except FatalError as error:
                if self._as_json and isinstance(error, FaultsFoundError):
                    click.echo(json.dumps(_figures(self._run) | {"did": conductor.worked, "verify": error.proof}))
                raise FatalError("; ".join([str(error), *conductor.exceeded])) from error
            write_manifest(self._run)
        if not conductor.worked:
            self._reporter.say(f"nothing to do: {', '.join(stages)} of {self._run.output.url} are up to date")
        if self._as_json:
            click.echo(json.dumps(_figures(self._run) | {"did": conductor.worked, "limits_passed": conductor.exceeded}))
        if conductor.exceeded:
            raise FatalError("; ".join(conductor.exceeded))

    def _check_needs(self, stages: Sequence[str]) -> None:
        """Raise SettingError where a model, a list or a package that the stages need is missing."""
        from pipeline.c4_chain import check_c4
        from pipeline.corpora.wikipedia import check_wikipedia
        from pipeline.models import check_models

        recipe = self._run.recipe
        check_models(recipe, stages)
        check_c4(recipe, stages)
        check_wikipedia(recipe.wikipedia, recipe.sources, stages)

    def rehearse(self, stages: Sequence[str]) -> None:
        """Build the first job and say what it is; ask nobody for anything, and write nothing."""
        from pipeline.engine import Engine
        from pipeline.rehearsal import rehearse

        self._check_needs(stages)
        first, job = rehearse(self._run, Engine(self._engine.flags), stages)
        if self._as_json:
            click.echo(json.dumps({"first_job": first, "job": asdict(job)}))
            return
        for line in (f"first job: {first}", *job.lines()):
            click.echo(line)

    def dry_run(self, stages: Sequence[str]) -> None:
        """Print the resolved recipe, the inputs and what is left to do; write nothing."""
        from pipeline.conductor import Conductor
        from pipeline.mix_summary import mix_lines
        from pipeline.mix_work import foreseen
        from pipeline.stage_names import MIX

        self._check_needs(stages)
        conductor = Conductor(self._run, self._engine, self._reporter)
        left = [
            {"stage": stage, "source": source, "units_to_do": todo, "units": units}
            for stage, source, todo, units in conductor.plan(stages)
        ]
        files = {source: dict.fromkeys(unit.input for unit in units) for source, units in conductor.units.items()}
        inputs = {source: list(names) for source, names in files.items()}
        recipe = redacted(self._run.recipe.model_dump(mode="json"))
        stream = foreseen(self._run) if MIX in stages else None  # Not known before the token shards are there.
        flags = [redact(flag) for flag in self._engine.defaults()]
        if self._as_json:
            plan = {"recipe": recipe, "inputs": inputs, "stages": left, "stream": stream, "beam_flags": flags}
            click.echo(json.dumps(plan))
            return
        click.echo(json.dumps(recipe, indent=1))
        root = redact(self._run.inputs.folder.url)
        for source, names in inputs.items():
            click.echo(f"{source}: {len(names)} files below {root}, the first: {names[0]}")
        for row in left:
            click.echo(f"{row['stage']} {row['source']}: {row['units_to_do']} of {row['units']} units to do")
        for line in (*(mix_lines(stream) if stream else ()), *(f"set for you: {flag}" for flag in flags)):
            click.echo(line)


def _stages_until(last: str | None) -> tuple[str, ...]:
    from pipeline.stage_names import STAGES

    return STAGES[: STAGES.index(last) + 1] if last else STAGES


for _name, _text in STAGE_HELP.items():
    _stage_command(_name, lambda _, name=_name: (name,), _text)  # type: ignore[misc]
_stage_command(
    "run",
    _stages_until,
    "Run every stage in order; what is done and still follows from its inputs is skipped.",
    _UNTIL,
)


cli.add_command(fetch)
cli.add_command(export)
cli.add_command(explain)
cli.add_command(takedown)
cli.add_command(drill)
cli.add_command(tokenizer_command)
cli.add_command(plan)


@cli.command("demo-input")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is made up.")
@click.option("--scale", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="How much of it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def demo_input(folder: Path, seed: int, scale: float, as_json: bool) -> None:
    """Make raw dumps of all seven sources in FOLDER, in their genuine formats, from what is on this machine.

    \b
    Example: tokenmill demo-input out/demo-dumps
    """
    from pipeline.demo_input import generate

    written = generate(folder, seed=seed, scale=scale)
    if as_json:
        click.echo(json.dumps(written))
        return
    for name, count in written.items():
        click.echo(f"{name}: {count:,}", err=True)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def doctor(as_json: bool) -> None:
    """Say what is installed, what is missing, and the command that mends it.

    \b
    Example: tokenmill doctor
    """
    findings = diagnose()
    if as_json:
        click.echo(json.dumps({"findings": [finding.to_json() for finding in findings]}))
    else:
        for finding in findings:
            click.echo(str(finding))
    if any(finding.is_fault for finding in findings):
        raise FatalError("something that every run needs is missing")


@cli.command()
def recipes() -> None:
    """List the recipes that ship; `--dry-run` on any command prints one in full.

    \b
    Example: tokenmill recipes
    """
    for name in shipped_recipes():
        click.echo(name)


@cli.command()
@click.argument("page", type=click.Choice(["filters", "commands", "recipe", "names"]))
def catalogue(page: str) -> None:
    """Print a page of the documentation in Markdown, written from the code: filters, commands, recipe keys or names.

    \b
    Example: tokenmill catalogue recipe
    """
    from pipeline.catalogue import commands_page, filters_page, recipe_page
    from pipeline.names_page import names_page

    pages = {"filters": filters_page, "commands": lambda: commands_page(cli), "recipe": recipe_page}
    pages["names"] = names_page
    click.echo(pages[page](), nl=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit: 0 well, 1 a limit or fault, 2 a wrong setting, 130 and the like interrupted."""
    code = _exit_code(arguments)
    if code > EXIT_SETTING:
        leave(code)
    sys.exit(code)


def _exit_code(arguments: Sequence[str] | None) -> int:
    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns of absent extras at import.
    return outcome(lambda: cli.main(args=arguments, standalone_mode=False, prog_name="tokenmill"))


def _figures(run: Run) -> dict[str, Any]:
    """Documents, bytes and tokens of each stage and source; TFDS's counters where C4 is made here."""
    from pipeline.c4_counters import c4_counters
    from pipeline.corpora.registry import chains
    from pipeline.report_contamination import sets_in_short

    figures: dict[str, dict[str, dict[str, int]]] = {}
    for total in sum_stages(read_ledger(run.output), chains(run.recipe)):
        row = {name: getattr(total, name) for name in SUMS}
        figures.setdefault(total.stage, {})[total.source] = row | {"documents_rejected": total.documents_rejected}
    made: dict[str, Any] = {"output": redact(run.output.url), "stages": figures}
    if (stream := run.output.read_json("stream/stream.json")) is not None:
        made["mixture"] = {key: stream[key] for key in ("sequences", "tokens", "sources", "phases")}
    if (proof := run.output.read_json("verify.json")) is not None:
        made["verify"] = proof
    if sets := sets_in_short(run.output):
        made["evaluation_sets"] = sets
    if "c4" in run.recipe.sources and run.recipe.c4.form == "wet":
        made["c4_counters"] = c4_counters(read_ledger(run.output), run.recipe.c4)
    return made


if __name__ == "__main__":
    main()
