"""Clears away what a killed run left in an output folder, before anything else is done there."""

import shutil
from collections.abc import Sequence

from pipeline.held_out import HELD_OUT
from pipeline.key_index import KEYS
from pipeline.ledger import read_ledger
from pipeline.remote import TEMPORARY_SUFFIX
from pipeline.scratch import scratch_path
from pipeline.stage_names import DECONTAMINATE, NEAR_DEDUP, SELECT
from pipeline.storage import Folder

RECORDED = (
    "documents",
    "rejected",
    "quarantine",
    "samples",
    SELECT,
    KEYS,
    NEAR_DEDUP,
    DECONTAMINATE,
    "tokens",
    HELD_OUT,
    "stream",
)
"""Folders in which every file is named by a done record."""
_NAMED_BY_ITSELF = ("ledger", "models")
"""Folders in which a file needs no record to be true, but for temporary ones."""


def sweep(output: Folder) -> None:
    """Remove files that no done record names, temporary files, scratch folders. Nobody else is at work there."""
    named = {name for entry in read_ledger(output) for name in entry.outputs}
    for folder in RECORDED:
        for name in output.glob(f"{folder}/**"):
            if name not in named:
                output.delete(name)
    shutil.rmtree(scratch_path(output), ignore_errors=True)
    output.delete("logs/work")
    clear_temporary_files(output, _NAMED_BY_ITSELF)  # Of the others what no record names has gone.


def clear_temporary_files(output: Folder, folders: Sequence[str] = (*RECORDED, *_NAMED_BY_ITSELF)) -> None:
    """Remove what workers have left that were killed in the middle of a file. Nobody is at work there."""
    if output.is_local:
        for path in output.local_path().rglob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)
        return
    for folder in folders:
        for name in output.walk(folder):
            if name.endswith(TEMPORARY_SUFFIX):
                output.delete(name)
