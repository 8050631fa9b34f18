"""Folders of this machine for what workers leave to each other, and for temporary files: the next run finds them."""

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.util import get_temp_dir
from pathlib import Path

from pipeline.storage import Folder, digest_of


def scratch_path(output: Folder) -> Path:
    """Where a run's scratch lies: with its output, or on this machine (TMPDIR) where that is elsewhere.

    It hangs on the output's address alone, so the next run finds what a killed one left.
    """
    if output.is_local:
        return output.local_path("logs/work/embedded")
    return Path(tempfile.gettempdir()) / f"tokenmill-{digest_of(output.url)}"


@contextmanager
def scratch_on_this_machine(folder: Path | None) -> Iterator[Path]:
    """A folder below the given one (or TMPDIR) that is gone when the block ends."""
    held = _new_below(folder)
    try:
        yield held
    finally:
        _remove(held)


@contextmanager
def temporary_files_below(folder: Path | None) -> Iterator[None]:
    """Temporary files of this process, and of what it starts meanwhile, lie below the folder until the process ends.

    Beam leaves some at each job, and an engine that is killed leaves what it had.
    """
    get_temp_dir()  # Its sockets stay where they are: a path of more than a hundred bytes is too long for one.
    held = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(_until_the_end(folder))
    try:
        yield
    finally:
        tempfile.tempdir = held[0]
        del os.environ["TMPDIR"]
        if held[1] is not None:
            os.environ["TMPDIR"] = held[1]


@cache
def _until_the_end(folder: Path | None) -> Path:
    """The same for all jobs: they share a job server, which Beam ends before this is called at the end."""
    held = _new_below(folder)
    atexit.register(_remove, held)
    return held


def _new_below(folder: Path | None) -> Path:
    held = (folder or Path(tempfile.gettempdir())) / f"tokenmill-{uuid.uuid4().hex}"
    held.mkdir(parents=True)
    return held


def _remove(held: Path) -> None:
    shutil.rmtree(held, ignore_errors=True)
    if held.parent != Path(tempfile.gettempdir()) and held.parent.is_dir() and not any(held.parent.iterdir()):
        held.parent.rmdir()
