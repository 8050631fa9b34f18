"""Worker processes of this machine: each takes the next piece when it is done, and one that dies is replaced.

The embedded runner's DoFns hand their pieces to a pool, since Beam's own worker processes are dealt all their pieces
beforehand, and the death of one ends the pipeline.
"""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.errors import FatalError, PieceError, SettingError, TokenmillError
from pipeline.exchange import Keyed
from pipeline.faults import ended, is_about_a_place
from pipeline.tasks import Task, named

ATTEMPTS = 3
"""How often a piece is tried before the run does without it, and fails at its end."""
MOST_FAILED = 20
"""After so many failed pieces no more are tried: what fails everywhere is no piece's fault."""
_GRACE_SECONDS = 3.0
"""So long a worker may take to leave: less than the run may when it is interrupted (pipeline/guards.py)."""

PRELOADED = ("__main__", "pipeline.preloaded")
"""What the process imports that workers are forked from."""

_SOON_SECONDS = 0.2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a piece failed: one line, the trace, and whether the run is to end at once."""

    line: str
    trace: str
    is_final: bool


@dataclass(slots=True)
class _Piece:
    key: int
    attempts: int = 0


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    piece: _Piece | None = None


@dataclass(slots=True)
class Pool:
    """So many worker processes, started as they are wanted; what they say on standard error goes to the log.

    `scratch` is a folder of this machine for their temporary files: who deletes it also clears up after a worker that
    was killed.
    """

    workers: int
    log: Path
    scratch: Path
    _idle: list[_Worker] = field(default_factory=list)
    _busy: list[_Worker] = field(default_factory=list)
    _is_closed: bool = False

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True  # An interrupt comes here while another thread is at work in `each`.
        busy, idle = list(self._busy), list(self._idle)
        for worker in busy:
            worker.process.terminate()  # It removes its temporary files on the way out.
        for worker in idle:
            worker.connection.close()  # It ends by itself when nobody can ask it for more.
        end = time.monotonic() + _GRACE_SECONDS
        for worker in (*busy, *idle):
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self._busy, self._idle = [], []

    def each(self, task: Task, keys: Sequence[int]) -> Iterator[list[Keyed]]:
        """What the task gives for each key, as it gets done.

        A piece whose worker dies, or that raises, is tried again behind the others, three times in all; the others go
        on. Raises FatalError: at the end where a piece stayed undone, at once where no piece can be done.
        """
        sizes = task.sizes()
        todo = deque(_Piece(key) for key in sorted(keys, key=lambda key: (-sizes.get(key, 0), key)))
        failed: list[Failure] = []
        while (todo or self._busy) and not self._is_closed:
            while todo and len(self._busy) < self.workers and len(failed) < MOST_FAILED:
                self._give(task, todo.popleft())
            for worker in self._heard():
                piece = worker.piece
                assert piece is not None  # only busy workers are listened to
                answer = self._answer(worker, task.name(piece.key))
                if not isinstance(answer, Failure):
                    yield answer
                    continue
                if self._is_closed:
                    return
                piece.attempts += 1
                _log.error("attempt %d of %d: %s\n%s", piece.attempts, ATTEMPTS, answer.line, answer.trace)
                if answer.is_final:
                    raise FatalError(answer.line)
                if piece.attempts < ATTEMPTS:
                    todo.append(piece)
                else:
                    failed.append(answer)
            if len(failed) >= MOST_FAILED and not self._busy:
                break
        if failed:
            more = f" ({len(failed) - 1} more pieces failed; logs/run.log has all)" if len(failed) > 1 else ""
            raise FatalError(f"{failed[0].line}{more}")

    def _give(self, task: Task, piece: _Piece) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        worker.piece = piece
        self._busy.append(worker)
        try:
            worker.connection.send((task, piece.key))
        except OSError:
            _log.warning("worker %s is gone before its piece", worker.process.pid)  # Noticed when it is listened to.

    def _start(self) -> _Worker:
        self.scratch.mkdir(parents=True, exist_ok=True)
        ours, theirs = multiprocessing.Pipe()
        process = fork(_serve, theirs, str(self.log), str(self.scratch))
        theirs.close()
        return _Worker(process, ours)

    def _heard(self) -> list[_Worker]:
        ready = set(wait([worker.connection for worker in self._busy]))
        return [worker for worker in self._busy if worker.connection in ready]

    def _answer(self, worker: _Worker, name: str) -> Failure | list[Keyed]:
        self._busy.remove(worker)
        try:
            answer: Failure | list[Keyed] = worker.connection.recv()
        except (EOFError, OSError):
            worker.connection.close()
            worker.process.join()
            line = f"{name}: its worker process {ended(worker.process.exitcode)}"
            return Failure(line=line, trace="", is_final=False)
        worker.piece = None
        self._idle.append(worker)
        return answer


def fork(target: Callable[..., None], *arguments: Any, preloaded: Sequence[str] = PRELOADED) -> BaseProcess:
    """Start a worker: of a process that has the compiled loops loaded and no threads, so quickly, its memory shared."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    for attempt in range(1, ATTEMPTS + 1):
        process = context.Process(target=_begin, args=(dict(os.environ), target, *arguments), daemon=False)
        try:
            process.start()
            break
        except (EOFError, ConnectionError):  # Who forks workers was killed, and is started anew.
            if attempt == ATTEMPTS:
                raise
            time.sleep(_SOON_SECONDS)
    return process


def _begin(environment: dict[str, str], target: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends its workers.
    os.environ.clear()
    os.environ.update(environment)  # The process that we are forked from may be older than a change to it.
    target(*arguments)


def _serve(connection: Connection, log: str, scratch: str) -> None:
    """A worker's life: do what comes, until nobody asks any more."""
    signal.signal(signal.SIGTERM, _leave)
    tempfile.tempdir = scratch
    noise = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(noise, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task, key = connection.recv()
        except EOFError:
            return
        connection.send(_done(task, key))


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _done(task: Task, key: int) -> Failure | list[Keyed]:
    try:
        return list(named(task, key, ()))
    except TokenmillError as error:
        return failure_of(error)


def failure_of(error: TokenmillError) -> Failure:
    """What a worker tells of an error. What the run cannot go on with, and what is about a place, is final."""
    cause = error.__cause__ if isinstance(error, PieceError) else error
    about_place = cause is not None and is_about_a_place(cause)
    return Failure(
        line=str(error),
        trace="".join(traceback.format_exception(error)),
        is_final=about_place or isinstance(error, (FatalError, SettingError)),
    )
