"""An engine that writes down what groups of work took, and how long it was at work in all (`pipeline/usage.py`)."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from pipeline.engine import Engine
from pipeline.exchange import Keyed
from pipeline.join_work import JoinWork
from pipeline.storage import Folder
from pipeline.tasks import GroupWork, Work
from pipeline.usage import APPLY, COLD, JUDGE, SKETCH, WALL, is_first, measured
from pipeline.work import FitWork, GroupStageWork, MapWork


@dataclass(frozen=True, slots=True)
class MeasuredGroup:
    """Work in rounds, with what its parts took and sent written down; a process's first sketch twice, if so told."""

    work: GroupWork
    output: Folder
    warms: bool = False

    @property
    def label(self) -> str:
        """As the work has it."""
        return self.work.label

    def sketched(self) -> Sequence[tuple[int, int]]:
        """As the work has them."""
        return self.work.sketched()

    def applied(self) -> Sequence[int]:
        """As the work has them."""
        return self.work.applied()

    def name(self, index: int) -> str:
        """As the work has it."""
        return self.work.name(index)

    def weight(self, index: int) -> int:
        """As the work has it."""
        return self.work.weight(index)

    def rounds(self) -> int:
        """As the work has them."""
        return self.work.rounds()

    def sketch(self, index: int) -> Iterator[Keyed]:
        """The work's blocks."""
        if self.warms and is_first(SKETCH, *self._place):
            with self._measured(COLD + SKETCH, self.work.name(index)):
                deque(self.work.sketch(index), maxlen=0)
        with self._measured(SKETCH, self.work.name(index)) as sent:
            yield from _counted(self.work.sketch(index), sent)

    def judge(self, round_index: int, partition: int, blocks: Iterator[bytes]) -> Iterator[Keyed]:
        """The work's verdicts."""
        with self._measured(JUDGE, f"{round_index}/{partition}") as sent:
            yield from _counted(self.work.judge(round_index, partition, blocks), sent)

    def apply(self, index: int, blocks: Iterator[bytes]) -> None:
        """As the work does it."""
        is_unit = isinstance(self.work, (GroupStageWork, JoinWork))
        with self._measured(APPLY, self.work.name(index) if is_unit else str(index)):
            self.work.apply(index, blocks)

    def _measured(self, part: str, unit: str) -> AbstractContextManager[list[int]]:
        stage, source = self._place
        return measured(self.output, part, stage, source, unit)

    @property
    def _place(self) -> tuple[str, str]:
        work = self.work
        return (work.stage, work.source) if isinstance(work, GroupStageWork) else (work.label, "")


@dataclass(frozen=True, slots=True)
class MeasuredEngine(Engine):
    """An engine whose usage is written below `output`; for a plan it `warms`: what a process does first comes again."""

    output: Folder = field(kw_only=True)
    warms: bool = field(default=False, kw_only=True)

    def run(self, work: Work) -> Any:
        """Do all pieces of the work; they say themselves what they took."""
        with measured(self.output, WALL, _label(work), unit=str(self.hands)):
            return Engine.run(self, work)

    def run_groups(self, works: Sequence[GroupWork]) -> Any:
        """Sketch, judge and apply each group's pieces."""
        with measured(self.output, WALL, ",".join(work.label for work in works), unit=str(self.hands)):
            return Engine.run_groups(self, [MeasuredGroup(work, self.output, self.warms) for work in works])


def _label(work: Work) -> str:
    if isinstance(work, FitWork):
        return ",".join(work.names)
    if isinstance(work, MapWork):
        return ",".join(sorted({stage for item in work.manifest.read()["items"] for stage in item["stages"]}))
    return type(work).__name__


def _counted(blocks: Iterable[Keyed], sent: list[int]) -> Iterator[Keyed]:
    """The blocks as they are; their sizes are added to the list."""
    for key, block in blocks:
        sent.append(len(block))
        yield key, block
