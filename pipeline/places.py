"""Before any work: whether the folders that a run needs can be used, in one line that names the one that cannot."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import SettingError
from pipeline.memory import memory_bytes
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.units import Unit

MIN_FREE_BYTES = 16 << 20
"""Less than one unit's temporary files take: nothing could be done there."""
WORKER_BYTES = 600_000_000
"""What a worker takes at its peak, a little above what was measured on CommonCrawl (docs/commoncrawl.md)."""


def check_places(run: Run) -> None:
    """Raise SettingError where the output or the folder of temporary files cannot be written to, or is full."""
    check_writable(run.output)
    check_temporary()


def check_writable(folder: Folder, option: str = "--output") -> None:
    """Raise SettingError where a local folder, or one in it that an earlier run made, cannot be written to."""
    if not folder.is_local:
        return
    for path in _written(folder.local_path()):
        if not os.access(path, os.W_OK | os.X_OK):
            raise SettingError(f"{option} {folder.url} cannot be written to: {_why(path)}")
        _check_room(f"{option} {folder.url}", path)


def check_temporary() -> None:
    """Raise SettingError where TMPDIR cannot be written to. Python would go to another folder without a word."""
    wanted = os.environ.get("TMPDIR")
    try:
        found = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise SettingError("no folder for temporary files can be written to: set TMPDIR to one that can") from error
    if wanted and Path(found).absolute() != Path(wanted).absolute():
        path = Path(wanted)
        if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
            _check_room(f"TMPDIR {wanted}", path)
        raise SettingError(f"TMPDIR {wanted} cannot be written to: {_why(path)}")
    _check_room(f"TMPDIR {found}", Path(found))


def check_readable(run: Run, units: Iterable[Unit]) -> None:
    """Raise SettingError where this user may not read a local input file."""
    folder = run.inputs.folder
    if not folder.is_local:
        return
    files = {(unit.source, unit.input) for unit in units}
    refused = sorted(file for file in files if not os.access(folder.local_path(file[1]), os.R_OK))
    if refused:
        (source, name), more = refused[0], f" ({len(refused) - 1} more)" if len(refused) > 1 else ""
        raise SettingError(f"inputs.{source}: {folder.address(name)} cannot be read: permission denied{more}")


def crowded(workers: int) -> str | None:
    """What to tell people of more workers than this machine has memory for."""
    memory = memory_bytes()
    if memory is None or workers * WORKER_BYTES <= memory:
        return None
    taken, fits = workers * WORKER_BYTES / 1e9, max(1, memory // WORKER_BYTES)
    return (
        f"caution: {workers} workers may take {taken:.1f} GB and this machine has {memory / 1e9:.1f} GB:"
        f" --workers {fits} fits"
    )


def _written(folder: Path) -> Iterator[Path]:
    """The nearest folder that is there, and the folders in it where it is the one."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    yield nearest
    if nearest == folder and folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _check_room(what: str, path: Path) -> None:
    free = shutil.disk_usage(path).free
    if free < MIN_FREE_BYTES:
        raise SettingError(
            f"{what} has {free / 1e6:.1f} MB free, and at least {MIN_FREE_BYTES / 1e6:.1f} MB are needed"
        )


def _why(path: Path) -> str:
    if not path.exists():
        return "no such folder"
    if not path.is_dir():
        return f"{path} is not a folder"
    is_mounted_so = os.statvfs(path).f_flag & os.ST_RDONLY
    return "the file system is read-only" if is_mounted_so else f"permission denied for this user ({path})"
