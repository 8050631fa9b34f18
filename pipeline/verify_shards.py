"""Checks of one token shard: its digests, its ids, the frames of its documents, and each sidecar against the ids."""

import csv
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mixtures.datatrove import datatrove_ends, datatrove_metadata
from mixtures.megatron import megatron_index
from mixtures.olmo import olmo_ends
from mixtures.shards import SIDECARS, shard_record
from mixtures.token_format import TokenFormat
from pipeline.storage import Folder

CHUNK_TOKENS = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as it should be: `name` is one of a fixed list, `where` a file, `detail` a sentence."""

    name: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name} in {self.where}: {self.detail}"


def shard_faults(folder: Folder, source: str, name: str, form: TokenFormat) -> Iterator[Fault]:
    """All that is wrong with a token shard; `form` is what the tokenizer of the run asks for."""
    where = f"{source}/{name}"
    present = set(folder.list(source))
    missing = [name + suffix for suffix in SIDECARS if name + suffix not in present]
    yield from (Fault(name="sidecar_missing", where=f"{source}/{file}", detail="no such file") for file in missing)
    record = folder.read_json(f"{where}.json")
    if record is None:
        if f"{name}.json" not in missing:
            yield Fault(name="record_unreadable", where=f"{where}.json", detail="it is no JSON object")
        return
    yield from _record_faults(folder, source, name, record, form)
    ends = _Ends(folder, f"{where}.bin", form)
    yield from ends.check()
    yield from _sidecar_faults(folder, where, present, ends, form)
    if (record.get("documents"), record.get("tokens")) != (len(ends.found), ends.tokens):
        detail = f"it says {record.get('documents')} documents and {record.get('tokens')} tokens,"
        detail += f" there are {len(ends.found)} and {ends.tokens}"
        yield Fault(name="counts_differ", where=f"{where}.json", detail=detail)


def _record_faults(
    folder: Folder, source: str, name: str, record: dict[str, Any], form: TokenFormat
) -> Iterator[Fault]:
    where = f"{source}/{name}.json"
    expected = shard_record(form, documents=0, tokens=0, files={})
    for key in ("tokenizer_digest", "vocabulary_size", "dtype", "bos_id", "eos_id"):
        if record.get(key) != expected[key]:
            detail = f"{key} is {record.get(key)}, the tokenizer's is {expected[key]}"
            yield Fault(name="wrong_tokenizer", where=where, detail=detail)
    for file, said in sorted(record.get("files", {}).items()):
        size = folder.size(f"{source}/{file}")
        if size is not None and (size != said["bytes"] or folder.digest(f"{source}/{file}") != said["digest"]):
            yield Fault(name="digest_differs", where=f"{source}/{file}", detail=f"{where} says {said['digest']}")


class _Ends:
    """Document ends as the ids themselves tell them: a document ends behind each EOS."""

    def __init__(self, folder: Folder, path: str, form: TokenFormat) -> None:
        self._folder, self._path, self._form = folder, path, form
        self.tokens = 0
        self.found: NDArray[np.int64] = np.empty(0, np.int64)

    def check(self) -> Iterator[Fault]:
        """Count, and tell of the first of each kind of fault."""
        form, told, ends = self._form, set[str](), []
        previous = form.eos_id  # Before the first document, as between two.
        for ids in self._chunks():
            before = np.concatenate([[previous], ids[:-1]])
            for name, wrong, detail in (
                ("id_out_of_range", ids >= form.vocabulary_size, f"the vocabulary ends at {form.vocabulary_size}"),
                ("bos_missing", (before == form.eos_id) & (ids != form.bos_id), "no BOS at the start of a document"),
                ("eos_missing", (before != form.eos_id) & (ids == form.bos_id), "no EOS at the end of a document"),
            ):
                if name not in told and (at := np.flatnonzero(wrong)).size:
                    told.add(name)
                    where = f"token {self.tokens + int(at[0])}, id {int(ids[at[0]])}"
                    yield Fault(name=name, where=self._path, detail=f"{detail}: {where}")
            ends.append(self.tokens + 1 + np.flatnonzero(ids == form.eos_id))
            self.tokens, previous = self.tokens + len(ids), int(ids[-1])
        if previous != form.eos_id and "eos_missing" not in told:
            yield Fault(name="eos_missing", where=self._path, detail="the last document has no EOS")
        if not self.tokens:
            yield Fault(name="shard_empty", where=self._path, detail="Megatron-LM and OLMo-core cannot open it")
        self.found = np.concatenate([*ends, np.empty(0, np.int64)]).astype(np.int64)

    def _chunks(self) -> Iterator[NDArray[np.int64]]:
        width = self._form.dtype.itemsize
        with self._folder.open(self._path) as stream:
            while piece := stream.read(CHUNK_TOKENS * width):
                yield np.frombuffer(piece[: len(piece) // width * width], self._form.dtype).astype(np.int64)


def _sidecar_faults(folder: Folder, where: str, present: set[str], ends: _Ends, form: TokenFormat) -> Iterator[Fault]:
    checks = {".documents.parquet": _parquet_ends, ".csv.gz": olmo_ends, ".ds.index": datatrove_ends}
    for suffix, read in checks.items():
        if f"{where}{suffix}".rsplit("/", 1)[-1] not in present:
            continue
        try:
            agrees = np.array_equal(read(_bytes(folder, where + suffix)), ends.found)
        except (ValueError, OSError, EOFError, IndexError, csv.Error, zlib.error, pa.ArrowException):
            agrees = False
        if not agrees:
            detail = "its document ends are not those of the ids"
            yield Fault(name="sidecar_differs", where=where + suffix, detail=detail)
    exact = {".ds.metadata": datatrove_metadata(ends.tokens, form)}
    if len(ends.found):
        exact[".idx"] = b"".join(megatron_index(ends.found, form.dtype))
    for suffix, expected in exact.items():
        if f"{where}{suffix}".rsplit("/", 1)[-1] in present and _bytes(folder, where + suffix) != expected:
            yield Fault(name="sidecar_differs", where=where + suffix, detail="it does not describe the ids")


def _bytes(folder: Folder, name: str) -> bytes:
    with folder.open(name) as stream:
        return stream.read()


def _parquet_ends(raw: bytes) -> NDArray[np.int64]:
    table = pq.read_table(io.BytesIO(raw), columns=["end"])
    ends: NDArray[np.int64] = table.column("end").to_numpy()
    return ends
