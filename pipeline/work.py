"""The pieces of work that the engine deals: map stages, fits, and group stages."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from filters.load_once import load_once
from pipeline.exchange import Keyed
from pipeline.group_stages import (
    documents_of,
    group_digests,
    group_rounds,
    left_is_current,
    left_key,
    record_left,
    verdict_key,
    witnesses,
)
from pipeline.ledger import LedgerEntry
from pipeline.map_stages import MAP_STAGES
from pipeline.models import ALL_MODELS
from pipeline.near_audit import write_pairs
from pipeline.progress import Phase
from pipeline.rounds import LookAgain, Rounds
from pipeline.run import Run
from pipeline.stages import ensure, filter_documents
from pipeline.storage import Folder, read_batches
from pipeline.units import Unit

DONE, SKETCHED = "done", "sketched"


@dataclass(frozen=True, slots=True)
class WorkList:
    """A list too long for a job graph: a file that each worker reads once."""

    folder: Folder
    name: str

    def write(self, value: dict[str, Any]) -> "WorkList":
        """Write the list; gives it itself."""
        self.folder.write_json(self.name, value)
        return self

    def read(self) -> dict[str, Any]:
        """The list, read once a process. Its name is used once, so what was read stays true."""
        return load_once(_read_list, f"{self.folder.url}\n{self.name}")

    def mark(self, index: int, what: str = DONE) -> None:
        """Say that a piece is done, or sketched, for whoever watches."""
        if what == DONE or self.folder.is_local:  # In a store, a request a piece is more than watching is worth.
            self.folder.write_json(f"{self.name}.{what}/{index}", {})

    def marked(self, what: str = DONE) -> set[int]:
        """The pieces that are done, or sketched."""
        return {int(name) for name in self.folder.list(f"{self.name}.{what}") if name.isdigit()}


def _read_list(address: str) -> dict[str, Any]:
    url, _, name = address.partition("\n")
    value = Folder(url).read_json(name)
    if value is None:
        raise FileNotFoundError(f"no work list {name} in {url}")
    return value


@dataclass(frozen=True, slots=True)
class MapWork:
    """Units, each through the map stages that the list says."""

    run: Run
    work_list: WorkList

    def sizes(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each unit."""
        return [(index, item["unit"]["size"]) for index, item in enumerate(self.work_list.read()["items"])]

    def name(self, index: int) -> str:
        """Source and unit, and the stages that it goes through."""
        item = self.work_list.read()["items"][index]
        return f"{', '.join(item['stages'])} of {item['unit']['source']}/{item['unit']['name']}"

    def do(self, index: int) -> None:
        """One unit through its stages."""
        item = self.work_list.read()["items"][index]
        for stage in item["stages"]:
            ensure(MAP_STAGES[stage], self.run, Unit(**item["unit"]))
        self.work_list.mark(index)


@dataclass(frozen=True, slots=True)
class FitWork:
    """Models that are trained side by side."""

    run: Run
    names: tuple[str, ...]

    def sizes(self) -> Sequence[tuple[int, int]]:
        """One piece a model."""
        return [(index, 1) for index in range(len(self.names))]

    def name(self, index: int) -> str:
        """The model's name."""
        return f"train {self.names[index]}"

    def do(self, index: int) -> None:
        """Train one model."""
        next(model for model in ALL_MODELS if model.name == self.names[index]).train(self.run)


@dataclass(frozen=True, slots=True)
class GroupStageWork:
    """A group stage of one source, and the map stages that follow it without a barrier."""

    run: Run
    stage: str
    source: str
    work_list: WorkList

    @property
    def label(self) -> str:
        """The step's label, and the folder of its scratch files."""
        return f"{self.stage}-{self.source}"

    def senders(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of the units in every block that has a unit to do."""
        held = self.work_list.read()
        return [(index, held["units"][index]["size"]) for index in held["sketched"]]

    def receivers(self) -> Sequence[int]:
        """The units to do."""
        return list(self.work_list.read()["applied"])

    def name(self, index: int) -> str:
        """The unit."""
        return self._unit(index).name

    def weight(self, index: int) -> int:
        """Bytes of the unit."""
        return self._unit(index).size

    def send(self, index: int) -> Iterator[Keyed]:
        """The unit's fingerprints."""
        yield from self._rounds().sketch(index, self._documents(index))
        self.work_list.mark(index, SKETCHED)

    def rounds(self) -> int:
        """How many rounds the source's method takes."""
        return len(self._rounds().judges)

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """One partition's verdicts."""
        judge = self._rounds().judges[round_index]
        if isinstance(judge, LookAgain):
            return judge.judge(partition, messages, self._documents(partition))
        return judge(partition, messages)

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """Write the unit's documents as the verdict has them; then the stages that follow."""
        held, unit = self.work_list.read(), self._unit(index)
        if str(index) not in held["groups"]:
            return  # Judged with the units to do, but done itself.
        key, inputs = verdict_key(self.run, self.stage, unit, held["groups"][str(index)])
        if self.run.current(self.stage, unit.source, unit.name, key) is None:
            filters = self._rounds().filters(messages)
            names = [item["name"] for item in held["units"]]
            filter_documents(
                *(self.run, self.stage, unit, filters, key, inputs),
                lambda: write_pairs(self.run.output, unit, names, filters),
            )
        for stage in held["stages"]:
            ensure(MAP_STAGES[stage], self.run, unit)
        self.work_list.mark(index)

    def phase(self) -> Phase:
        """How far the units are: fingerprints are taken of them, then judged, then verdicts are applied."""
        units, done = self.work_list.read()["units"], self.work_list.marked()
        sketched, sizes = self.work_list.marked(SKETCHED), dict(self.senders())
        if not done and len(sketched) < len(sizes):
            return Phase(sum(sizes[index] for index in sketched), sum(sizes.values()), SKETCHING)
        if not done:
            return Phase(0, 0, JUDGING)
        return Phase(sum(units[i]["size"] for i in done), sum(units[i]["size"] for i in self.receivers()), WRITING)

    def leaves(self) -> bool:
        """Whether the stage is to leave something behind of the source as a whole that is not there already."""
        return bool(self.work_list.read()["left_key"])

    def leave(self) -> None:
        """After all pieces: what the stage leaves behind of the source as a whole."""
        record_left(self.run, self.stage, self.source, self.work_list.read()["left_key"], self._notes())

    def _rounds(self) -> Rounds:
        return group_rounds(self.run, self.stage, self.source, self._notes())

    def _notes(self) -> Folder:
        return Folder(self.work_list.folder.address(f"{self.label}/notes"))

    def _documents(self, index: int) -> Iterator[pa.RecordBatch]:
        name = documents_of(self.run, self.stage, self.source, self._unit(index))[0]
        return read_batches(self.run.output, name)

    def _unit(self, index: int) -> Unit:
        return Unit(**self.work_list.read()["units"][index])


SKETCHING, JUDGING, WRITING = "taking fingerprints", "judging", "writing"


def phase_of(groups: Sequence[GroupStageWork]) -> Phase:
    """How far groups are that go side by side: the first phase that one is in, with the bytes of all that are in it."""
    phases = [group.phase() for group in groups]
    first = min((phase.name for phase in phases), key=(SKETCHING, JUDGING, WRITING).index)
    held = [phase for phase in phases if phase.name == first]
    return Phase(sum(phase.done_bytes for phase in held), sum(phase.total_bytes for phase in held), first)


@dataclass(frozen=True, slots=True)
class LeaveWork:
    """What group stages leave behind of whole sources, side by side: an audit holds the longest of documents."""

    groups: tuple[GroupStageWork, ...]

    def sizes(self) -> Sequence[tuple[int, int]]:
        """One piece a group, as large as what was judged."""
        return [(index, sum(size for _, size in group.senders())) for index, group in enumerate(self.groups)]

    def name(self, index: int) -> str:
        """The group."""
        return f"what {self.groups[index].label} leaves behind"

    def do(self, index: int) -> None:
        """Complete one group."""
        self.groups[index].leave()


def group_stage_work(
    run: Run, stage: str, source: str, units: Sequence[Unit], after: Sequence[str], work_list: WorkList
) -> GroupStageWork | None:
    """What is left to do of a group stage and of the map stages `after` it; None where all is done."""
    others, seen = witnesses(run, stage, source), run.listed()
    groups = group_digests(seen, stage, source, units, others)
    entries = [
        seen.current(stage, source, unit.name, verdict_key(seen, stage, unit, group)[0])
        for unit, group in zip(units, groups, strict=True)
    ]
    applied = [index for index, unit in enumerate(units) if not _is_done(seen, unit, entries[index], after)]
    left = left_key(run, stage, source, groups)
    is_left = left_is_current(run, stage, source, left)
    if not applied and is_left:
        return None
    # Verdicts are the block's, so all units of a block with an undone verdict are sketched again.
    undone = {groups[index] for index in applied if entries[index] is None} if is_left else set(groups)
    sketched = [index for index, group in enumerate(groups) if group in undone]
    work_list.write(
        {
            "units": [asdict(unit) for unit in (*units, *others)],
            "sketched": sketched + (list(range(len(units), len(units) + len(others))) if sketched else []),
            "applied": applied,
            "groups": {str(index): groups[index] for index in applied},
            "stages": list(after),
            "left_key": "" if is_left else left,
        }
    )
    return GroupStageWork(run, stage, source, work_list)


def _is_done(run: Run, unit: Unit, entry: LedgerEntry | None, stages: Sequence[str]) -> bool:
    return entry is not None and all(
        run.current(stage, unit.source, unit.name, MAP_STAGES[stage].key(run, unit)) is not None for stage in stages
    )
