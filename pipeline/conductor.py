"""The order of the stages, and what is left to do of each: a rerun does only what is not done or no longer follows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from pipeline.corpora.registry import CORPORA, chains, document_stages, has_stage, side_stages, stage_before
from pipeline.decontaminate import FINDINGS_ENTRY
from pipeline.engine import Engine
from pipeline.errors import FatalError
from pipeline.finish import finish_steps
from pipeline.group_stages import GROUP_STAGES
from pipeline.join_work import is_joined, join_work
from pipeline.ledger import WHOLE_RUN, LedgerEntry, chain_faults, read_entry
from pipeline.listed import listed
from pipeline.map_stages import CLEAN_STAGE, MAP_STAGES
from pipeline.mix_summary import mix_lines
from pipeline.mix_work import STREAM_RECORD, mix_work
from pipeline.models import ALL_MODELS, TOKENIZER, Model
from pipeline.near_audit import PAGE, audit_name, lost_too_much
from pipeline.progress import Reporter
from pipeline.quarantine import first_failure
from pipeline.run import Run
from pipeline.stage_names import CLEAN, DECONTAMINATE, MIX, NEAR_DEDUP, REPORT, SAMPLE_TOKENIZER, STAGES, STEPS, VERIFY
from pipeline.stages import done
from pipeline.storage import Folder, scratch_below
from pipeline.sweep import clear_temporary_files, sweep
from pipeline.totals import StageTotals, sum_stages
from pipeline.units import Unit
from pipeline.work import FitWork, GroupStageWork, LeaveWork, MapWork, WorkList, group_stage_work, phase_of


@dataclass(slots=True)
class Conductor:
    """Runs stages in order, and remembers what it did."""

    run: Run
    engine: Engine
    reporter: Reporter
    units: dict[str, list[Unit]] = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)
    exceeded: list[str] = field(default_factory=list)

    def stages(self, names: Sequence[str]) -> None:
        """Bring the named stages up to date. Raises FatalError where the ledger does not balance."""
        self._list_units()
        for source in self.units:
            for name, why in self.run.inputs.left_out(source, self.run.recipe).items():
                self.reporter.say(f"  {source}: {name} is left out: {why}")
            for name in self.run.inputs.without_index(source, self.run.recipe):
                self.reporter.say(f"  {source}: {name} has no index beside it to count its pages against")
        if set(names) != {VERIFY}:  # It looks at what is there, and clears nothing away.
            self._prune()
            sweep(self.run.output)
        for step in STEPS:
            wanted = [name for name in step if name in names]
            if wanted:
                self._step(wanted)
            if NEAR_DEDUP in step:
                self._guard(names)
        if self.worked:
            clear_temporary_files(self.run.output)

    def _list_units(self) -> None:
        self.units = {source: self.run.units(source) for source in self.run.recipe.sources}
        counts = tuple((source, len(units)) for source, units in self.units.items())
        self.run = replace(self.run, unit_counts=counts)

    def _sum_text(self, names: Iterable[str]) -> None:
        """Sum the ledger once, where each unit's key hangs on all of it."""
        if {SAMPLE_TOKENIZER, TOKENIZER.stage} & set(names):
            self.run = replace(self.run, known_sizes=tuple(replace(self.run, known_sizes=()).text_sizes().items()))

    def plan(self, names: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
        """(stage, source, units to do, units) for the named stages, as far as can be said before any work."""
        self._list_units()
        self._sum_text(names)
        seen = replace(self.run, remembers=False).listed()
        for stage, source in ((stage, source) for stage in names for source in self.run.recipe.sources):
            if has_stage(self.run.recipe, source, stage):
                units = self.units[source]
                left = sum(not _seems_done(seen, stage, unit) for unit in units)
                yield stage, source, left, len(units)

    def _step(self, names: list[str]) -> None:
        before = len(self.worked)
        self._sum_text(names)
        trained = [model for model in ALL_MODELS if model.stage in names and model.is_trained(self.run.recipe)]
        if trained:
            self._need_samples(trained)
            seen = self.run.listed()
            self._train([model for model in trained if not model.is_current(seen)])
        if any(name in MAP_STAGES or name in GROUP_STAGES for name in names):
            self._documents(names)
            self._check(names, report=len(self.worked) > before)
        if MIX in names:
            self._mix()
        finished = finish_steps(self.run, self.reporter, names, self.engine)
        self.worked += [name for name in finished if name not in self.worked]

    def _need_samples(self, models: Iterable[Model]) -> None:
        """Raise FatalError where a fit would read samples of documents that have changed since."""
        seen = self.run.listed()
        for model in models:
            for source, stage in model.reads(self.run.recipe).items():
                old = (unit for unit in self.units.get(source, ()) if done(MAP_STAGES[stage], seen, unit) is None)
                if stage in side_stages(self.run.recipe, source) and (unit := next(old, None)):
                    raise FatalError(
                        f"stage {model.stage} needs {stage} of {source}/{unit.name}: run `tokenmill {stage}` first"
                    )

    def _train(self, models: list[Model]) -> None:
        stages = list(dict.fromkeys(model.stage for model in models))
        if stages:
            with self.reporter.watch(", ".join(stages), 0, lambda: 0):
                if all(model.reads_counts for model in models):
                    for model in models:  # No work for workers, and no engine to start.
                        model.train(self.run)
                else:
                    self.engine.run(FitWork(self.run, tuple(model.name for model in models)))
            for line in (line for model in models for line in model.summary(self.run)):
                self.reporter.say(f"  {line}")
            self.worked += stages

    def _documents(self, names: list[str]) -> None:
        """The step's stages of every source: first where units are judged together, then where each goes alone."""
        names = [name for name in names if any(has_stage(self.run.recipe, source, name) for source in self.units)]
        self._need(names)
        with scratch_below(self.run.output) as scratch:
            did = [self._groups(names, scratch), self._joins(names, scratch), self._maps(names, scratch)]
        if any(did):
            self.worked += names

    def _groups(self, names: list[str], scratch: Folder) -> bool:
        """Judge the sources that have a group stage among these; whether any was left to do."""
        stage = next((name for name in names if name in GROUP_STAGES), None)
        found = (self._group(stage, source, names, scratch) for source in self.units if stage)
        groups = [work for work in found if work is not None]
        if groups:
            total = sum(size for work in groups for _, size in work.senders())
            with self.reporter.watch_phases(", ".join(names), lambda: total, lambda: phase_of(groups)):
                self.engine.run_exchanges(groups)
                if leaving := tuple(work for work in groups if work.leaves()):
                    self.engine.run(LeaveWork(leaving))
        return bool(groups)

    def _group(self, stage: str, source: str, names: list[str], scratch: Folder) -> GroupStageWork | None:
        if stage not in document_stages(self.run.recipe, source):
            return None
        after = [name for name in names if has_stage(self.run.recipe, source, name) and name != stage]
        work_list = WorkList(scratch, f"{stage}-{source}.json")
        return group_stage_work(self.run, stage, source, self.units[source], after, work_list)

    def _joins(self, names: list[str], scratch: Folder) -> bool:
        """Clean the files whose parts exchange what belongs together; whether any was left to do."""
        work = join_work(self.run, self.units, WorkList(scratch, "join.json")) if CLEAN_STAGE.name in names else None
        if work is not None:
            total = sum(size for _, size in work.senders())
            with self.reporter.watch(CLEAN_STAGE.name, total, work.bytes_done):
                self.engine.run_exchanges([work])
        return work is not None

    def _maps(self, names: list[str], scratch: Folder) -> bool:
        """Put units that nothing is judged together with through their stages; whether any was left to do."""
        items, seen = [], self.run.listed()
        for source, units in self.units.items():
            stages = [name for name in names if has_stage(self.run.recipe, source, name)]
            if set(stages) & set(GROUP_STAGES):
                continue
            items += [
                {"unit": asdict(unit), "stages": stages}
                for unit in units
                if not is_joined(unit) and any(done(MAP_STAGES[stage], seen, unit) is None for stage in stages)
            ]
        if items:
            work = MapWork(self.run, WorkList(scratch, "units.json").write({"items": items}))
            sizes = dict(work.sizes())
            with self.reporter.watch(
                ", ".join(names), sum(sizes.values()), lambda: sum(sizes[index] for index in work.work_list.marked())
            ):
                self.engine.run(work)
        return bool(items)

    def _mix(self) -> None:
        with scratch_below(self.run.output) as scratch:
            work = mix_work(self.run, WorkList(scratch, "mix.json"))
            if work is not None:
                with self.reporter.watch(MIX, work.total_bytes(), work.bytes_done):
                    if work.receivers():
                        self.engine.run_exchanges([work])
                    work.finish()
                for line in mix_lines(self.run.output.read_json(STREAM_RECORD) or {}):
                    self.reporter.say(f"  {line}")
                self.worked.append(MIX)

    def _need(self, names: list[str]) -> None:
        """Raise FatalError where what these stages read is not there, or no longer follows from what is."""
        seen = self.run.listed()
        for source, units in self.units.items():
            first = next((name for name in names if has_stage(self.run.recipe, source, name)), CLEAN)
            if first == CLEAN:
                continue
            before = stage_before(self.run.recipe, source, first)
            missing = (unit for unit in units if read_entry(seen.output, before, source, unit.name) is None)
            if unit := next(missing, None):
                raise FatalError(
                    f"stage {first} needs {before} of {source}/{unit.name}: run `tokenmill {before}` first"
                )
        for name in names:
            for model in MAP_STAGES[name].models(self.run.recipe) if name in MAP_STAGES else ():
                # Scores of a model that no longer follows from its documents would be kept as if they were true.
                if model.is_trained(self.run.recipe) and not model.is_current(seen):
                    fit = model.stage
                    raise FatalError(f"stage {name} needs {fit} to be up to date: run `tokenmill {fit}` first")

    def _check(self, names: list[str], *, report: bool) -> None:
        entries = self._entries(names)
        known = [*entries, *self._entries(_stages_before(names))]
        chained = chains(self.run.recipe)
        faults = [*(fault for entry in entries for fault in entry.faults()), *chain_faults(known, chained)]
        if faults:
            raise FatalError(f"the ledger does not balance: {faults[0]} ({len(faults)} faults)")
        for total in sum_stages(entries, chained):
            self._check_failed(total)
            if report:
                self.reporter.say(_summary(total))

    def _guard(self, names: Sequence[str]) -> None:
        """Raise FatalError where a source has lost more near-duplicates than it may, before a stage reads the rest."""
        if not set(names) & set(STAGES[STAGES.index(NEAR_DEDUP) :]) - {REPORT}:
            return
        for total in sum_stages(self._entries([NEAR_DEDUP]), chains(self.run.recipe)):
            where = f"{NEAR_DEDUP}/{total.source}"
            if said := lost_too_much(total, self.run.recipe.near_dedup.most_lost(total.source)):
                raise FatalError(f"{where}: {said} (see {self.run.output.address(f'{where}/{PAGE}')})")

    def _check_failed(self, total: StageTotals) -> None:
        failed, came = total.documents_failed, total.documents_in
        bound = self.run.recipe.limits.max_failed_fraction
        if came and failed / came > bound:
            where = f"{total.stage}/{total.source}"
            self.exceeded.append(
                f"{where}: {failed} of {came} records failed, more than limits.max_failed_fraction = {bound}"
                f"{first_failure(self.run.output, where)} (see {self.run.output.address(f'quarantine/{where}')})"
            )

    def _entries(self, stages: Iterable[str]) -> list[LedgerEntry]:
        output = listed(self.run.output)
        found = [
            read_entry(output, stage, source, unit.name)
            for stage in stages
            for source, units in self.units.items()
            if stage in chains(self.run.recipe)[source]
            for unit in units
        ]
        return [entry for entry in found if entry is not None]

    def _prune(self) -> None:
        """Remove what came of input files that are there no more, and of stages that the recipe has no more."""
        for stage in self.run.output.list("ledger"):
            for source in self.run.output.list(f"ledger/{stage}"):
                names = {unit.name for unit in self.units.get(source, ())}
                if source not in CORPORA:
                    continue
                gone = not has_stage(self.run.recipe, source, stage)
                for file in self.run.output.list(f"ledger/{stage}/{source}"):
                    unit = file.removesuffix(".json")
                    if gone or unit not in names:
                        self.run.forget(stage, source, unit)
        for source in CORPORA:
            if not has_stage(self.run.recipe, source, NEAR_DEDUP):
                self.run.forget(NEAR_DEDUP, WHOLE_RUN, audit_name(source))
        if not self.run.recipe.decontaminate.sets:
            self.run.forget(DECONTAMINATE, WHOLE_RUN, FINDINGS_ENTRY)


def _seems_done(run: Run, stage: str, unit: Unit) -> bool:
    if read_entry(run.output, stage, unit.source, unit.name) is None:
        return False
    return stage not in MAP_STAGES or done(MAP_STAGES[stage], run, unit) is not None


def _stages_before(names: Sequence[str]) -> tuple[str, ...]:
    first = STAGES.index(names[0])
    return tuple(stage for stage in STAGES[:first] if stage in MAP_STAGES or stage in GROUP_STAGES)


def _summary(total: StageTotals) -> str:
    became = f"{total.documents_kept:,} kept, {total.documents_rejected:,} rejected, {total.documents_failed:,} failed"
    tail = f", {total.tokens:,} tokens" if total.tokens else ""
    return f"  {total.stage} {total.source}: {total.documents_in:,} documents in, {became}{tail}"
