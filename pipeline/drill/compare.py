"""Whether a run that was hurt made what one made that was left in peace, and left nothing else behind."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.corpora.registry import chains
from pipeline.ledger import chain_faults, read_ledger
from pipeline.manifest import manifest_faults
from pipeline.remote import TEMPORARY_SUFFIX
from pipeline.run import MANIFEST, Run
from pipeline.storage import Folder

KEPT = ("tokenmill-logs", "tokenmill-models", "tokenmill-artifacts")
"""What is to stay among temporary files: logs of runs elsewhere, and what was fetched for the next process too."""

_LOGS = "logs/"
_WORK = "logs/work/"


def file_digests(output: Folder) -> dict[str, str]:
    """The digest of each file outside `logs/`, from its bytes."""
    return {name: output.digest(name) for name in output.walk("") if not name.startswith(_LOGS)}


def differences(run: Run, reference: Mapping[str, str], temporary: Path) -> Iterator[str]:
    """Each way in which the output is not what the reference's digests say, as a sentence.

    `temporary` is where the run's processes had their temporary files.
    """
    output = run.output
    yield from _left_behind(output, temporary)
    found = file_digests(output)
    for name in sorted({*reference, *found}):
        if name not in found:
            yield f"{name} is not there"
        elif name not in reference:
            yield f"{name} is there, and is not in the reference"
        elif found[name] != reference[name]:
            yield f"{name} has the digest {found[name]}, in the reference {reference[name]}"
    held = (output.read_json(MANIFEST) or {}).get("outputs", {})
    for name, digest in sorted(held.items()):
        if found.get(name) != digest:
            yield f"{name} has the digest {found.get(name)}, {MANIFEST} says {digest}"
    yield from (str(fault) for fault in manifest_faults(run))
    entries = read_ledger(output)
    for fault in (
        *(fault for entry in entries for fault in entry.faults()),
        *chain_faults(entries, chains(run.recipe)),
    ):
        yield f"the ledger does not balance: {fault}"


def _left_behind(output: Folder, temporary: Path) -> Iterator[str]:
    for name in output.walk(""):
        if name.endswith(TEMPORARY_SUFFIX) or name.startswith(_WORK):
            yield f"the temporary file {name} is left"
    # Files: what is killed also leaves the empty folders and dead sockets of Python's multiprocessing and of Beam.
    for path in sorted(temporary.rglob("*")):
        if path.is_file() and path.relative_to(temporary).parts[0] not in KEPT:
            yield f"the temporary file {path} is left"
