"""One command over a run: what is checked before any work, the work, and what it came to."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from pipeline.c4_chain import check_c4
from pipeline.c4_counters import c4_counters
from pipeline.conductor import Conductor
from pipeline.corpora.registry import chains
from pipeline.corpora.wikipedia import check_wikipedia
from pipeline.engine import Engine, check_flags
from pipeline.engines.dataflow import check_elsewhere, is_rehearsal, spelled
from pipeline.engines.portable import notes
from pipeline.errors import FatalError, FaultsFoundError
from pipeline.finish import check_finish
from pipeline.group_stages import check_indexes
from pipeline.guards import locked, log_path, logged
from pipeline.ledger import read_ledger
from pipeline.manifest import check_owner, write_manifest
from pipeline.measured_engine import MeasuredEngine
from pipeline.mix_summary import mix_lines
from pipeline.mix_work import foreseen
from pipeline.models import check_models
from pipeline.places import check_places, check_readable, crowded
from pipeline.progress import Reporter
from pipeline.recipe_file import load_recipe
from pipeline.redact import redact, redacted
from pipeline.rehearsal import rehearse
from pipeline.report_contamination import sets_in_short
from pipeline.run import Run, check_addresses
from pipeline.scratch import scratch_path
from pipeline.stage_names import MIX, STAGES
from pipeline.storage import Folder
from pipeline.takedown_order import check_finished
from pipeline.totals import SUMS, sum_stages


def stages_until(last: str | None) -> tuple[str, ...]:
    """All stages in order, up to the one that is named."""
    return STAGES[: STAGES.index(last) + 1] if last else STAGES


def perform(
    recipe: str,
    stages: Sequence[str],
    *,
    beam_flags: tuple[str, ...],
    output: str,
    overrides: tuple[str, ...],
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring the stages up to date; or say what would be done, or, with Dataflow's own dry run, rehearse it."""
    session = Session(Run(load_recipe(recipe, overrides), Folder(output)), beam_flags, workers or 0, as_json)
    if dry_run:
        session.dry_run(stages)
    elif is_rehearsal(beam_flags):
        session.rehearse(stages)
    else:
        session.do(stages)


class Session:
    """One command over a run: settings checked before any work, then the work, then what it came to."""

    def __init__(self, run: Run, flags: Sequence[str], workers: int, as_json: bool) -> None:
        flags = spelled(flags)
        check_flags(flags)
        check_elsewhere(flags, {"--output": run.output.url, "inputs.root": run.recipe.inputs.root})
        if not is_rehearsal(flags):
            check_addresses(run)
        self._run, self._as_json = run, as_json
        log, scratch = log_path(run.output), scratch_path(run.output)
        self._engine = MeasuredEngine(tuple(flags), workers, log, scratch, output=run.output)
        # Its own way out: while an engine runs, standard error itself leads to the log.
        out = os.fdopen(os.dup(2), "w", closefd=False, encoding="utf-8", buffering=1)
        self._reporter = Reporter(quiet=as_json, stream=out)

    def do(self, stages: Sequence[str]) -> None:
        """Bring the stages up to date, then say what is there."""
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
            if warning := check_owner(self._run):
                self._reporter.say(warning)
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
        recipe = self._run.recipe
        check_models(recipe, stages)
        check_c4(recipe, stages)
        check_wikipedia(recipe.wikipedia, recipe.sources, stages)

    def rehearse(self, stages: Sequence[str]) -> None:
        """Build the first job and say what it is; ask nobody for anything, and write nothing."""
        self._check_needs(stages)
        first, job = rehearse(self._run, Engine(self._engine.flags), stages)
        if self._as_json:
            click.echo(json.dumps({"first_job": first, "job": asdict(job)}))
            return
        for line in (f"first job: {first}", *job.lines()):
            click.echo(line)

    def dry_run(self, stages: Sequence[str]) -> None:
        """Print the resolved recipe, the inputs and what is left to do; write nothing."""
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


def _figures(run: Run) -> dict[str, Any]:
    """Documents, bytes and tokens of each stage and source; TFDS's counters where C4 is made here."""
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
