"""Progress of long work: one live line with rate and time left on a terminal, plain lines in a log or a pipe."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.redact import redact

BEGINS = " begins"
"""What the line ends with that says that a stage begins, for programs that watch a run."""

_LINE_SECONDS = 10.0
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Phase:
    """How far work is: bytes done of all, 0 in all where that is not known; `name` is what is going on meanwhile."""

    done_bytes: int
    total_bytes: int
    name: str = ""


class Reporter:
    """Tells people on standard error what is going on; with `--json` it is quiet."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        # A log is no terminal, whatever FORCE_COLOR and the like say: nothing that a terminal obeys gets into it.
        live = (stream or sys.stderr).isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self._console = _Console(
            file=stream, stderr=stream is None, force_terminal=live, highlight=False, quiet=quiet, soft_wrap=True
        )

    def say(self, text: str) -> None:
        """One line of text, never read as markup."""
        self._console.print(redact(text), markup=False)

    def begins(self, label: str) -> None:
        """Say that something begins, where no bar shows it."""
        if not self._console.is_terminal:
            self.say(f"{label}{BEGINS}")

    @contextmanager
    def watch(self, label: str, total_bytes: int | Callable[[], int], done_bytes: Callable[[], int]) -> Iterator[None]:
        """Show how far `done_bytes` is from `total_bytes` until the block ends; 0 in all: only how long it takes.

        Where the total is found out on the way, it is a function too.
        """
        total = total_bytes if callable(total_bytes) else lambda: total_bytes
        with self.watch_phases(label, total, lambda: Phase(done_bytes(), total())):
            yield

    @contextmanager
    def watch_phases(self, label: str, total_bytes: Callable[[], int], phase: Callable[[], Phase]) -> Iterator[None]:
        """Show how far each phase of the work is, until the block ends; `total_bytes` is what is told of the whole."""
        started = time.monotonic()
        self.begins(label)
        with _Watcher(self._console, label, phase):
            yield
        size = f"{_size(total)} in " if (total := total_bytes()) else ""
        self.say(f"{label}: {size}{_duration(time.monotonic() - started)}")


class _Console(Console):
    """A console that work goes on without: whoever looked at it may have closed the window, or piped us to `head`."""

    def _write_buffer(self) -> None:
        with suppress(OSError):
            super()._write_buffer()
            return
        self.quiet = True
        del self._buffer[:]


class _Watcher(threading.Thread):
    """Polls a figure and draws it, until it is told to stop."""

    def __init__(self, console: Console, label: str, phase: Callable[[], Phase]) -> None:
        super().__init__(daemon=True, name="progress")
        self._console, self._label, self._phase = console, label, phase
        self._stopped = threading.Event()
        self._began = self._since = time.monotonic()
        self._name = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> "_Watcher":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        if self._console.is_terminal:
            self._draw()
        else:
            self._print_lines()

    def _draw(self) -> None:
        with self._bar:
            task = self._bar.add_task(self._label, total=None, rate="")
            while not self._stopped.wait(_POLL_SECONDS):
                name, phase = self._name, self._look()
                if phase.name != name:
                    self._bar.reset(task, total=None, description=self._what())
                rate = self._rate(phase.done_bytes) if phase.total_bytes else ""
                self._bar.update(task, completed=phase.done_bytes, total=phase.total_bytes or None, rate=rate)

    def _print_lines(self) -> None:
        while not self._stopped.wait(_LINE_SECONDS):
            phase = self._look()
            done, total = phase.done_bytes, phase.total_bytes
            if not total:
                self._console.print(f"{self._what()}: {_duration(time.monotonic() - self._began)}", markup=False)
                continue
            left = (total - done) * self._elapsed() / done if done else None
            tail = f", {_duration(left)} left" if left is not None else ""
            self._console.print(
                f"{self._what()}: {_size(done)} of {_size(total)}, {self._rate(done)}{tail}", markup=False
            )

    def _look(self) -> Phase:
        """How far it is; the clock of rates begins with each phase."""
        phase = self._phase()
        if phase.name != self._name:
            self._name, self._since = phase.name, time.monotonic()
        return phase

    def _what(self) -> str:
        return f"{self._label}: {self._name}" if self._name else self._label

    def _elapsed(self) -> float:
        return max(time.monotonic() - self._since, 1e-3)

    def _rate(self, done: int) -> str:
        return f"{_size(int(done / self._elapsed()))}/s"


def _size(count: int) -> str:
    for unit, bound in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bound:
            return f"{count / bound:.1f} {unit}"
    return f"{count} B"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
