"""What surrounds the work of a command: one run at a time in a folder, a log file, and signals that end it."""

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import SettingError
from pipeline.lease import leased
from pipeline.redact import RedactingFormatter
from pipeline.storage import Folder, digest_of

EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
INTERRUPTED = "interrupted; the same command goes on from here"
_GRACE_SECONDS = 5.0
_log = logging.getLogger(__name__)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what batch systems send before they kill; what comes when the terminal goes away."""


class Interrupt(KeyboardInterrupt):
    """A signal that asks the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(error: BaseException) -> int:
    """As a shell tells of a program that a signal ended: 130 of Ctrl-C, 143 of SIGTERM, 129 of SIGHUP."""
    return 128 + (error.number if isinstance(error, Interrupt) else signal.SIGINT)


def log_path(output: Folder) -> Path:
    """Where a run's log lies: with its output, or on this machine where that is elsewhere."""
    if output.is_local:
        return output.local_path("logs/run.log")
    return Path(tempfile.gettempdir()) / "tokenmill-logs" / digest_of(output.url)[:12] / "run.log"


class _LogFile(logging.FileHandler):
    """A log that is not worth a run: what finds no room in it is left out."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """What libraries log goes to a file, not to the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    held = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield
    finally:
        root.handlers[:] = held
        with suppress(OSError):
            handler.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """A signal that asks the run to end ends it within seconds, a second one at once.

    Beam's threads, interrupted at the wrong moment, wait for each other: so the process is left after a while.
    """
    timers: list[threading.Timer] = []

    def interrupt(number: int, _frame: object) -> None:
        if timers:
            _give_up(128 + number)
        timers.append(threading.Timer(_GRACE_SECONDS, _give_up, [128 + number]))
        timers[-1].daemon = True
        timers[-1].start()
        raise Interrupt(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Under nohup a hang-up is to be ignored; Ctrl-C is heard even where a script's `&` made us deaf to it.
    heard = [s for s in _ENDING if s == signal.SIGINT or signal.getsignal(s) != signal.SIG_IGN]
    held = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()


def _give_up(code: int) -> None:
    with suppress(OSError):  # The terminal may be gone.
        os.write(2, f"error: {INTERRUPTED}\n".encode())
    leave(code)


def leave(code: int) -> None:
    """End the process without waiting for threads; its workers end with it, and the next run clears up."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


@contextmanager
def locked(
    output: Folder,
    *,
    name: str = "logs/lock",
    option: str = "--output",
    say: Callable[[str], None] = _log.info,
) -> Iterator[None]:
    """One run at a time in the folder that `option` names. The lock goes with the process, however it ends.

    Elsewhere, where there are no locks, it is a lease (`pipeline/lease.py`); `say` tells people that it has to be
    waited for.
    """
    if not output.is_local:
        with leased(output.address(name), option, say):
            yield
        return
    import fcntl

    path = output.local_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise SettingError(f"{option} {output.url} cannot be written to: {error.strerror}") from error
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingError(f"{option} {output.url}: another run is at work there") from error
        os.set_inheritable(held.fileno(), False)
        yield
