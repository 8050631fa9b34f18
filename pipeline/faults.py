"""What the machine refuses, in one line: what happened, where, and what mends it. The same words wherever it is met.

A bad record is data, and is quarantined; what is told here is no fault of the data. The unit that meets it stays
undone, so that the same command does it once the machine is mended.
"""

import errno
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GO_ON = "then run the same command again: what is done is kept"
"""How each line ends that says what to mend."""

_NO_SPACE = "no space is left on the device", "free some"
_NO_MEMORY = "out of memory", "use fewer --workers or a machine with more"
_WORDS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: ("the disk quota is used up", "free space or have it raised"),
    errno.EFBIG: ("the file is larger than it may be", "raise the limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "mount it for writing"),
    errno.EACCES: ("permission denied", "give this user access"),
    errno.EPERM: ("operation not permitted", "give this user access"),
    errno.EMFILE: ("too many open files", "raise the limit (ulimit -n) or use fewer --workers"),
    errno.ENFILE: ("too many open files on this machine", "close some or use fewer --workers"),
    errno.ENOMEM: _NO_MEMORY,
    errno.EAGAIN: ("no more processes or threads can be started", "raise the limit (ulimit -u) or use fewer --workers"),
    errno.EIO: ("the disk or file system failed (input/output error)", "mend it"),
    errno.ESTALE: ("the network file system has lost the file", "mount it again"),
    errno.ENOENT: ("no such file", "put it back"),
}
"""What happened, and what mends it."""

ABOUT_PLACE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)
)
"""Errors about where work is done: every other piece would meet them too."""
_OF_WRITING = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS))


def said(error: BaseException, where: str = "") -> str:
    """The error in one line; `where` is what was being done. What is no fault of the machine is named as it is."""
    start = f"{where}: " if where else ""
    number = _number(error)
    if number is None:
        first = str(error).strip().partition("\n")[0]
        return f"{start}{type(error).__name__}{f': {first}' if first else ''}"
    path = getattr(error, "filename", None)
    named = f" ({os.fsdecode(path)})" if isinstance(path, (str, bytes)) else ""
    strerror = (getattr(error, "strerror", None) or os.strerror(number)).partition("\n")[0]
    what, mend = _WORDS.get(number, (strerror.lower(), "mend that"))
    return f"{start}{what}{named}: {mend}, {GO_ON}"


def is_fault(error: BaseException) -> bool:
    """Whether it is the machine's: what a library says of broken data has no number of the system's, or another."""
    return _number(error) in _WORDS and _number(error) != errno.ENOENT


def is_about_a_place(error: BaseException) -> bool:
    """Whether every other piece of work would meet the error too, so that the run ends at once."""
    return _number(error) in ABOUT_PLACE


def ended(code: int | None) -> str:
    """How a worker process ended, by its exit code, and what to think of it."""
    if code is None or code >= 0:
        return f"ended with exit code {code}: logs/run.log has its last words"
    if -code == signal.SIGKILL:
        return f"was killed (SIGKILL); most often by the system, for want of memory: use fewer --workers, {GO_ON}"
    return f"was ended by {signal.Signals(-code).name}: logs/run.log has its last words"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The system names no file where a write to an open one fails: here, errors of writing say which it was."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _OF_WRITING:
            error.filename = str(path)
        raise


def _number(error: BaseException) -> int | None:
    """The system's number of the error, or that which says the same; None where the machine has refused nothing."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return errno.ENOSPC
    return error.errno if isinstance(error, OSError) else None
