"""Folders of this machine for what embedded workers leave to each other, and for their temporary files."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
    held = (folder or Path(tempfile.gettempdir())) / f"tokenmill-{uuid.uuid4().hex}"
    held.mkdir(parents=True)
    try:
        yield held
    finally:
        shutil.rmtree(held, ignore_errors=True)
        if folder is not None and not any(folder.iterdir()):
            folder.rmdir()
