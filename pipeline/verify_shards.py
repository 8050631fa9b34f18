"""Checks of one token shard: its files against their records, its ids, its documents' frames, and each sidecar."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtures.shards import SIDECARS, shard_record
from mixtures.token_format import TokenFormat
from pipeline.storage import Folder
from pipeline.verify_faults import Fault
from pipeline.verify_sidecars import DocumentRows, layout_faults

CHUNK_BYTES = 8 << 20
Said = Mapping[str, Mapping[str, Any]]
"""By file name below the output folder, what its done record says of it: bytes and digest."""


def read_record(folder: Folder, name: str) -> dict[str, Any] | None:
    """A JSON object that others may have written; None where it is none."""
    try:
        return folder.read_json(name)
    except RecursionError:  # Brackets within brackets, thousands deep.
        return None


def file_faults(folder: Folder, name: str, said: Mapping[str, Any], digest: str = "") -> Iterator[Fault]:
    """The file against what its done record says; `digest` where it is known already."""
    size = folder.size(name)
    if size is None:
        yield Fault(name="file_missing", where=name, detail="no such file")
    elif size != said["bytes"]:
        yield Fault(
            name="size_differs", where=name, detail=f"it has {size} bytes, its done record says {said['bytes']}"
        )
    elif (found := digest or folder.digest(name)) != said["digest"]:
        yield Fault(name="digest_differs", where=name, detail=f"it is {found}, its done record says {said['digest']}")


class TokenShard:
    """One token shard, by its name below the output folder without a suffix (`tokens/c4/unit-00000`).

    After `check`, `documents` and `tokens` are what the ids count, `keys` digests of the documents' ids, and `is_whole`
    says whether the ids are those that its done record was written for.
    """

    def __init__(self, folder: Folder, shard: str, form: TokenFormat, said: Said) -> None:
        self._folder, self._shard, self._form, self._said = folder, shard, form, said
        self._digests: dict[str, str] = {}
        self.documents = self.tokens = 0
        self.keys: list[NDArray[np.uint64]] = []
        self.is_whole = False

    def check(self) -> Iterator[Fault]:
        """All that is wrong with it, in the order of `FAULTS`' causes: files first, then what is in them."""
        folder, shard = self._folder, self._shard
        present = [suffix for suffix in (".bin", *SIDECARS) if folder.size(shard + suffix) is not None]
        ids = _Ids(folder, f"{shard}.bin", self._form)
        inside = list(ids.check()) if ".bin" in present else []
        self._digests = {f"{shard}.bin": ids.digest} if ".bin" in present else {}
        files = list(self._files(present))
        yield from files
        self.documents, self.tokens = len(ids.ends), ids.tokens
        self.is_whole = ".bin" in present and not any(fault.where == f"{shard}.bin" for fault in files)
        yield from inside
        yield from self._record_faults(present)
        if ".bin" not in present:
            return
        spoilt = {fault.where for fault in files}
        sound = [suffix for suffix in present if shard + suffix not in spoilt]
        yield from layout_faults(folder, shard, ids.ends, self._form, sound)
        rows = DocumentRows(folder, shard, ids.ends)
        yield from rows.check(sound)
        self.keys = rows.keys

    def _files(self, present: list[str]) -> Iterator[Fault]:
        for suffix in (".bin", *SIDECARS):
            name = self._shard + suffix
            if name in self._said:
                if suffix in present and name not in self._digests:
                    self._digests[name] = self._folder.digest(name)
                yield from file_faults(self._folder, name, self._said[name], self._digests.get(name, ""))
            elif suffix not in present:
                yield Fault(name="file_missing", where=name, detail="no such file")

    def _record_faults(self, present: list[str]) -> Iterator[Fault]:
        if ".json" not in present:
            return
        where = f"{self._shard}.json"
        record = read_record(self._folder, where)
        if record is None:
            yield Fault(name="record_unreadable", where=where, detail="it is no JSON object")
            return
        expected = shard_record(self._form, documents=self.documents, tokens=self.tokens, files={})
        for key in ("tokenizer_digest", "vocabulary_size", "dtype", "bos_id", "eos_id", "version"):
            if record.get(key) != expected[key]:
                detail = f"{key} is {record.get(key)}, the tokenizer's is {expected[key]}"
                yield Fault(name="wrong_tokenizer", where=where, detail=detail)
        if ".bin" in present and (record.get("documents"), record.get("tokens")) != (self.documents, self.tokens):
            detail = f"it says {record.get('documents')} documents and {record.get('tokens')} tokens,"
            detail += f" there are {self.documents} and {self.tokens}"
            yield Fault(name="counts_differ", where=where, detail=detail)
        yield from self._named_faults(record, where, present)

    def _named_faults(self, record: dict[str, Any], where: str, present: list[str]) -> Iterator[Fault]:
        """What NAME.json says of the shard's files; a file that is not as its done record says has been told."""
        files = record.get("files")
        held: dict[str, Any] = files if isinstance(files, dict) else {}
        base = self._shard.rsplit("/", 1)[-1]
        expected = {f"{base}{suffix}" for suffix in (".bin", *SIDECARS)} - {f"{base}.json"}
        if set(held) != expected:
            yield Fault(name="counts_differ", where=where, detail=f"it names {len(held)} files, not {len(expected)}")
        for suffix in present:
            name = self._shard + suffix
            if base + suffix not in held:
                continue
            digest = self._digests[name] if name in self._digests else self._folder.digest(name)
            said = held[base + suffix]
            if isinstance(said, dict) and (said.get("bytes"), said.get("digest")) == (self._folder.size(name), digest):
                continue
            if name in self._said:  # The done record is the judge: the file has been told, or this record is wrong.
                if self._said[name]["digest"] == digest:
                    detail = f"what it says of {base}{suffix} is not so"
                    yield Fault(name="digest_differs", where=where, detail=detail)
            else:
                yield Fault(name="digest_differs", where=name, detail=f"it is not what {base}.json says")


class _Ids:
    """The ids of a shard, read once: their digest, and where each document ends (behind each EOS)."""

    def __init__(self, folder: Folder, name: str, form: TokenFormat) -> None:
        self._folder, self._name, self._form = folder, name, form
        self._told: set[str] = set()
        self.digest = ""
        self.tokens = 0
        self.ends: NDArray[np.int64] = np.empty(0, np.int64)

    def check(self) -> Iterator[Fault]:
        """Count, and tell of the first of each kind of fault."""
        form, digest, ends = self._form, hashlib.blake2b(digest_size=16), [self.ends]
        width = form.dtype.itemsize
        size, previous = 0, form.eos_id  # Before the first document, as between two.
        with self._folder.open(self._name) as stream:
            while piece := stream.read(CHUNK_BYTES * width):
                digest.update(piece)
                size += len(piece)
                ids = np.frombuffer(piece, form.dtype, len(piece) // width)
                if len(ids):
                    stops = np.flatnonzero(ids == form.eos_id)
                    yield from self._framed(ids, stops, previous == form.eos_id)
                    ends.append(self.tokens + 1 + stops)
                    self.tokens, previous = self.tokens + len(ids), int(ids[-1])
        self.digest, self.ends = digest.hexdigest(), np.concatenate(ends)
        if size % width:
            yield Fault(name="size_differs", where=self._name, detail=f"{size} bytes end within an id of {width}")
        if previous != form.eos_id:
            yield from self._tell("eos_missing", "the last document has no EOS")
        if not self.tokens:
            yield from self._tell("shard_empty", "Megatron-LM and OLMo-core cannot open it")

    def _framed(self, ids: NDArray[Any], stops: NDArray[np.int64], opens: bool) -> Iterator[Fault]:
        """Of a chunk that has EOS at `stops`, and begins a document where `opens`."""
        form = self._form
        if int(ids.max()) >= form.vocabulary_size:
            at = int(np.argmax(ids >= form.vocabulary_size))
            yield from self._tell("id_out_of_range", f"the vocabulary ends at {form.vocabulary_size}", at, ids)
        begins = np.concatenate([np.zeros(int(opens), np.int64), stops + 1])
        begins = begins[begins < len(ids)]
        starts = np.flatnonzero(ids == form.bos_id)
        if np.array_equal(begins, starts):
            return
        if (wrong := np.setdiff1d(begins, starts)).size:
            yield from self._tell("bos_missing", "no BOS at the start of a document", int(wrong[0]), ids)
        if (wrong := np.setdiff1d(starts, begins)).size:
            yield from self._tell("eos_missing", "no EOS at the end of a document", int(wrong[0]), ids)

    def _tell(self, name: str, detail: str, at: int = -1, ids: NDArray[Any] | None = None) -> Iterator[Fault]:
        if name not in self._told:
            self._told.add(name)
            where = "" if ids is None else f": token {self.tokens + at}, id {int(ids[at])}"
            yield Fault(name=name, where=self._name, detail=detail + where)
