"""A run that is hurt: kills land at their moments, and what ends by them is started again, until it has ended well."""

import re
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from pipeline.drill.kills import DRIVER, STORE, Kill, Landed, Stage
from pipeline.drill.processes import Driver, Store, told, victims
from pipeline.errors import FatalError

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 120.0
PATIENCE_RUNS = 10.0
"""A run that, unhurt since, takes so much longer than the reference's stages together hangs."""


@dataclass(slots=True, kw_only=True)
class HurtRun:
    """A run by its number, the stages of the reference, how it is started, and the kills that wait for their moment."""

    number: int
    stages: Sequence[Stage]
    start: Callable[[], Driver]
    say: Callable[[str], None]
    pattern: re.Pattern[str] | None = None
    store: Store | None = None
    starts: int = 0
    landed: list[Landed] = field(default_factory=list)
    _open: list[Landed] = field(default_factory=list)
    _driver: Driver = field(init=False)

    def to_its_end(self, kills: Sequence[Kill]) -> None:
        """Run it. Raises FatalError where it fails unhurt, or hangs."""
        waiting = deque(sorted(kills, key=lambda kill: (kill.stage, kill.share)))
        self._start()
        since, told_of, is_hurt = time.monotonic(), 0, False
        while (code := self._driver.look()) != 0:
            if len(self._driver.begun) != told_of:
                told_of = len(self._driver.begun)
                self._settle("the run went on")
            if code is not None:
                self._ended(code, is_hurt=is_hurt)
                self._start()
                since, told_of, is_hurt = time.monotonic(), 0, False
            elif waiting and self._lands(waiting):
                since, is_hurt = time.monotonic(), True
            elif time.monotonic() - since > self._patience:
                raise FatalError(f"run {self.number} hangs: its last line was {self._driver.last_line!r}")
            time.sleep(POLL_SECONDS)
        self._settle("the run went on")

    @property
    def _patience(self) -> float:
        return PATIENCE_SECONDS + PATIENCE_RUNS * sum(stage.seconds for stage in self.stages)

    def _start(self) -> None:
        self._driver = self.start()
        self.starts += 1

    def _ended(self, code: int, *, is_hurt: bool) -> None:
        line = self._driver.last_line
        if not is_hurt:
            raise FatalError(
                f"run {self.number} ended with exit code {code} and nothing had hurt it since its start: {line}"
            )
        self._settle("started again" if code == -signal.SIGKILL else f"the run ended ({line}), started again")

    def _settle(self, outcome: str) -> None:
        for landed in self._open:
            landed.outcome = outcome
            self.say(str(landed))
        self._open = []

    def _lands(self, waiting: deque[Kill]) -> bool:
        """Whether the next kill's moment is there, and the kill landed. One whose stage has passed is dropped."""
        labels = [stage.label for stage in self.stages]
        label, began = self._driver.begun[-1] if self._driver.begun else ("", 0.0)
        if label not in labels:
            return False
        kill, into = waiting[0], time.monotonic() - began
        at = labels.index(label)
        if at > kill.stage:
            waiting.popleft()
            return False
        if at < kill.stage or into < kill.share * self.stages[at].seconds:
            return False
        process = self._strike(kill)
        if process is None:
            return False
        waiting.popleft()
        landed = Landed(run=self.number, what=kill.what, stage=label, seconds=round(into, 2), process=process)
        self.landed.append(landed)
        self._open.append(landed)
        return True

    def _strike(self, kill: Kill) -> str | None:
        """Kill what is meant; gives what it was, None where there is nothing (yet) to be killed."""
        if kill.what == STORE and self.store is not None:
            self.store.kill()
            time.sleep(kill.pause_seconds)
            self.store.start()
            return f"{kill.pause_seconds:.1f} s away"
        if kill.what == DRIVER:
            name = told(psutil.Process(self._driver.process.pid))
            self._driver.process.kill()
            return name if self._driver.process.wait() == -signal.SIGKILL else None
        found = victims(self._driver.process.pid, self.pattern)
        if found:
            victim = found[int(kill.pick * len(found))]
            with suppress(psutil.NoSuchProcess):
                name = told(victim)
                victim.kill()
                return name
        return None
