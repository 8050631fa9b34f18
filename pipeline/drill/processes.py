"""The processes of a drill: found through psutil, ended by SIGKILL.

All that a drill starts carries a mark in its environment, which children inherit: so those that outlive their parent
are found too.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline.errors import FatalError
from pipeline.progress import BEGINS

MARK = "TOKENMILL_DRILL"
_TRACKER = "multiprocessing.resource_tracker"
"""Python's own helper beside worker processes: it holds nothing of a run, so its death would count for nothing."""

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied)  # A zombie is a NoSuchProcess too.


def marked(mark: str) -> list[psutil.Process]:
    """The processes that carry the mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(*_GONE):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def victims(driver: int, pattern: re.Pattern[str] | None) -> list[psutil.Process]:
    """What the driver has started; also the processes whose command matches, and what they have started; by age."""
    there = list(psutil.process_iter(["ppid", "cmdline", "create_time", "status"]))
    children: dict[int, list[psutil.Process]] = {}
    for process in there:
        children.setdefault(process.info["ppid"], []).append(process)
    found = [process for process in there if pattern and pattern.search(" ".join(process.info["cmdline"] or ()))]
    held, unseen = {process.pid for process in found}, [driver, *(process.pid for process in found)]
    while unseen:
        for process in children.get(unseen.pop(), ()):
            if process.pid not in held:
                held.add(process.pid)
                found.append(process)
                unseen.append(process.pid)
    spared = {driver, os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    lives = [
        process
        for process in found
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and process.pid not in spared
        and not any(_TRACKER in word for word in process.info["cmdline"] or ())
    ]
    return sorted(lives, key=lambda process: (process.info["create_time"] or 0.0, process.pid))


def told(process: psutil.Process) -> str:
    """A process in a few words: what people would know it by, and its number."""
    with suppress(*_GONE):
        first, *others = process.cmdline() or [process.name()]
        return f"{' '.join([Path(first).name, *others])[:60]}, process {process.pid}"
    return f"process {process.pid}"


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kill them, and wait until they are gone."""
    held = list(processes)
    for process in held:
        with suppress(*_GONE):
            process.kill()
    psutil.wait_procs(held, timeout=10)


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@dataclass(slots=True)
class Driver:
    """A run's command at work: the stages that it has announced, by time, and its last line."""

    process: subprocess.Popen[bytes]
    said: Path
    begun: list[tuple[str, float]] = field(default_factory=list)
    last_line: str = ""
    _read: int = 0

    def look(self) -> int | None:
        """Read what it has said since; gives its exit code once it has ended."""
        code = self.process.poll()
        with self.said.open("rb") as stream:
            stream.seek(self._read)
            whole, end, _ = stream.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        for line in whole.decode("utf-8", "replace").splitlines():
            if line.strip():
                self.last_line = line.strip()
            label = line.removesuffix(BEGINS)
            if label != line and label not in [held for held, _ in self.begun[-1:]]:
                self.begun.append((label, time.monotonic()))
        return code


def start_driver(command: Sequence[str], said: Path, environment: Mapping[str, str]) -> Driver:
    """Start a command in a session of its own; what it says goes to a file."""
    with said.open("wb") as stream:
        # Not a pipe: workers that outlive the driver would hold it open.
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=dict(environment),
            start_new_session=True,
        )
    return Driver(process, said)


@dataclass(slots=True)
class Store:
    """A store that a command of the user's starts; `answers` says whether it is there."""

    command: str
    answers: Callable[[], bool]
    log: Path = Path(os.devnull)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers. Raises FatalError."""
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                self.command, shell=True, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        if not wait_until(self.answers, 60):
            raise FatalError(f"the store that --store-start {self.command} starts does not answer within a minute")

    def kill(self) -> None:
        """Kill its process and all that this has started."""
        if self._process is not None:
            with suppress(*_GONE):
                root = psutil.Process(self._process.pid)
                end_all([*root.children(recursive=True), root])
            self._process.wait()
            self._process = None
