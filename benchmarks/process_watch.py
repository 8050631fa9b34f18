"""What a command and all processes that it starts take: seconds, processor seconds, the most memory that one held."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_EACH_SECONDS = 0.5
PARENT, WORKER, JVM = "parent", "worker", "jvm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How a command fared. `peak_mb` is of the largest process of each role: resident, shared pages counted too."""

    code: int
    said: str
    wall_seconds: float
    cpu_seconds: float
    peak_mb: Mapping[str, float]


@dataclass(slots=True)
class _Seen:
    """The figures of one process as they were last seen."""

    process: psutil.Process
    role: str = ""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(slots=True)
class _Watch:
    """Looks again and again at what descends from this process: the command's tree, and clusters begun for it."""

    bystanders: frozenset[int]
    parent: int
    seen: dict[tuple[int, float], _Seen] = field(default_factory=dict)

    def look(self) -> None:
        """Take the figures of all that live."""
        for process in self._living():
            try:
                key, role = (process.pid, process.create_time()), self._role(process)
                held = self.seen.setdefault(key, _Seen(process))
                held.role = role  # It may have become another program.
                held.cpu_seconds = sum(process.cpu_times()[:2])
                held.peak_bytes = max(held.peak_bytes, peak_bytes(process))
            except psutil.Error:
                continue  # It has ended.

    def _living(self) -> Iterator[psutil.Process]:
        """Descendants of this process, and of those that were: a worker whose parent has died is still ours."""
        living = {process.pid: process for process in psutil.process_iter(["ppid"])}
        ours = {os.getpid(), *(pid for pid, _ in self.seen)}
        # A process is younger than its parent, and its number higher, but where numbers began anew: then it is seen
        # when this looks again.
        for pid, process in sorted(living.items()):
            if process.info["ppid"] in ours and pid not in self.bystanders:
                ours.add(pid)
        return (living[pid] for pid in ours - {os.getpid()} if pid in living)

    def _role(self, process: psutil.Process) -> str:
        if process.pid == self.parent:
            return PARENT
        return JVM if process.name() == "java" else WORKER


def peak_bytes(process: psutil.Process) -> int:
    """The most memory that a process has held; where the system does not say, what it holds now."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        return int(process.memory_info().rss)


def watched(command: Sequence[str], environment: Mapping[str, str], said_in: Path) -> Taken:
    """Run the command to its end, and look at its processes meanwhile; what it says goes to a file.

    Programs that this process started before, but for Java's, are bystanders: a store, or a proxy.
    """
    before = frozenset(child.pid for child in psutil.Process().children(recursive=True) if child.name() != "java")
    started, stopped = time.monotonic(), threading.Event()
    with said_in.open("wb") as stream:
        process = subprocess.Popen(command, env=dict(environment), stdout=stream, stderr=subprocess.STDOUT)
        watch = _Watch(before, process.pid)
        watch.look()
        thread = threading.Thread(target=_until, args=(stopped, watch), daemon=True)
        thread.start()
        try:
            code = process.wait()
        finally:
            stopped.set()
            thread.join()
    peaks: dict[str, float] = {}
    for held in watch.seen.values():
        peaks[held.role] = max(peaks.get(held.role, 0.0), held.peak_bytes / 1e6)
    return Taken(
        code=code,
        said=said_in.read_text(encoding="utf-8", errors="replace"),
        wall_seconds=time.monotonic() - started,
        cpu_seconds=sum(held.cpu_seconds for held in watch.seen.values()),
        peak_mb=peaks,
    )


def _until(stopped: threading.Event, watch: _Watch) -> None:
    while not stopped.wait(_EACH_SECONDS):
        watch.look()
