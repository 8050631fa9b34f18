"""What surrounds the work of a command: one run at a time in a folder, a log file, and Ctrl-C that ends it."""

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import SettingError
from pipeline.storage import Folder

EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted; the same command goes on from here"
_GRACE_SECONDS = 5.0


def log_path(output: Folder) -> Path:
    """Where a run's log lies: with its output, or on this machine where that is elsewhere."""
    return output.local_path("logs/run.log") if output.is_local else Path(tempfile.gettempdir()) / "tokenmill-run.log"


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """What libraries log goes to a file, not to the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    held = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield
    finally:
        root.handlers[:] = held
        handler.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the run within seconds: Beam's threads, interrupted at the wrong moment, wait for each other."""
    timers: list[threading.Timer] = []

    def interrupt(_signal: int, _frame: object) -> None:
        timers.append(threading.Timer(_GRACE_SECONDS, _give_up))
        timers[-1].daemon = True
        timers[-1].start()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, held)
        for timer in timers:
            timer.cancel()


def _give_up() -> None:
    sys.stderr.write(f"error: {INTERRUPTED}\n")
    leave(EXIT_INTERRUPTED)


def leave(code: int) -> None:
    """End the process without waiting for threads; its workers end with it, and the next run clears up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def locked(output: Folder, *, name: str = "logs/lock", option: str = "--output") -> Iterator[None]:
    """One run at a time in the local folder that `option` names; the lock goes with the process, however it ends."""
    if not output.is_local:
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
