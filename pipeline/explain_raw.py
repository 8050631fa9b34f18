"""The raw record that a document came of: the file, the key in it, and how the record begins, where the dump is."""

import zlib
from typing import Any

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.registry import CORPORA
from pipeline.run import Run

SHOWN = 400
"""How many bytes, or characters, of a record are shown."""


def raw_record(run: Run, source: str, origin: str) -> dict[str, Any]:
    """File, key and how the record begins: its own bytes where the key is an offset, else as the reader gives it."""
    name, _, key = origin.partition("#")
    told: dict[str, Any] = {"file": name, "key": key}
    try:
        file = _file(run, name)
        if file is None:
            return told | {"missing": f"no such file below {run.inputs.folder.url}"}
        corpus, settings = CORPORA[source], getattr(run.recipe, source)
        if name.endswith(".gz") and key.isdigit() and corpus.is_member_offset(settings):
            return told | {"offset": int(key), "begins": _member(file, int(key))}
        record = next((each for each in corpus.read(file, settings) if each.key == key), None)
    except (OSError, zlib.error) as error:
        return told | {"missing": f"the file cannot be read: {error}"}
    if record is None or isinstance(record, BadRecord):
        return told | {"missing": "the file holds no such record now"}
    return told | {"begins": record.text[:SHOWN]}


def _file(run: Run, name: str) -> RawFile | None:
    """The raw file of that name; folders and repositories are called by the archive that they are read as."""
    inputs = run.inputs
    if inputs.folder.size(name) is not None and not inputs.folder.exists(f"{name}/HEAD"):
        return inputs.file(name)
    stem = name.removesuffix(".git").removesuffix(".tar")
    for folder in (f"{name}/", f"{stem}/"):
        if folder.rstrip("/") and inputs.folder.exists(folder):
            return inputs.file(folder)
    return None


def _member(file: RawFile, offset: int) -> str:
    """The beginning of the gzip member at an offset, unpacked."""
    with file.open() as stream:
        stream.seek(offset)
        head = zlib.decompressobj(31).decompress(stream.read(1 << 14), SHOWN)
    return head.decode("utf-8", "replace")
