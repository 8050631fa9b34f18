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
from pipeline.tasks import ExchangeWork, Work
from pipeline.usage import APPLY, COLD, JUDGE, SKETCH, WALL, is_first, measured
from pipeline.work import FitWork, GroupStageWork, MapWork


@dataclass(frozen=True, slots=True)
class MeasuredGroup:
    """Work in rounds, with what its parts took and sent written down; a process's first sketch twice, if so told."""

    work: ExchangeWork
    output: Folder
    warms: bool = False

    @property
    def label(self) -> str:
        """As the work has it."""
        return self.work.label

    def senders(self) -> Sequence[tuple[int, int]]:
        """As the work has them."""
        return self.work.senders()

    def receivers(self) -> Sequence[int]:
        """As the work has them."""
        return self.work.receivers()

    def name(self, index: int) -> str:
        """As the work has it."""
        return self.work.name(index)

    def weight(self, index: int) -> int:
        """As the work has it."""
        return self.work.weight(index)

    def rounds(self) -> int:
        """As the work has them."""
        return self.work.rounds()

    def send(self, index: int) -> Iterator[Keyed]:
        """The work's messages."""
        if self.warms and is_first(SKETCH, *self._place):
            with self._measured(COLD + SKETCH, self.work.name(index)):
                deque(self.work.send(index), maxlen=0)
        with self._measured(SKETCH, self.work.name(index)) as sent:
            yield from _counted(self.work.send(index), sent)

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """The work's verdicts."""
        with self._measured(JUDGE, f"{round_index}/{partition}") as sent:
            yield from _counted(self.work.judge(round_index, partition, messages), sent)

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """As the work does it."""
        is_unit = isinstance(self.work, (GroupStageWork, JoinWork))
        with self._measured(APPLY, self.work.name(index) if is_unit else str(index)):
            self.work.receive(index, messages)

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

    def run_exchanges(self, works: Sequence[ExchangeWork]) -> Any:
        """Do each exchange: send, judge, receive."""
        with measured(self.output, WALL, ",".join(work.label for work in works), unit=str(self.hands)):
            return Engine.run_exchanges(self, [MeasuredGroup(work, self.output, self.warms) for work in works])


def _label(work: Work) -> str:
    if isinstance(work, FitWork):
        return ",".join(work.names)
    if isinstance(work, MapWork):
        return ",".join(sorted({stage for item in work.work_list.read()["items"] for stage in item["stages"]}))
    return type(work).__name__


def _counted(messages: Iterable[Keyed], sent: list[int]) -> Iterator[Keyed]:
    """The messages as they are; their sizes are added to the list."""
    for key, message in messages:
        sent.append(len(message))
        yield key, message
