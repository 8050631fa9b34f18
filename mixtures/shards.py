"""The token shard: ids without a header, each document `BOS … EOS`, and the sidecars by which others read it too.

A shard NAME lies in a folder as these files, all a pure function of the documents:

    NAME.bin                ids, little-endian uint16 (uint32 above 65,536 pieces)
    NAME.documents.parquet  doc_id, origin and end (the exclusive token offset) of each document
    NAME.idx                Megatron-LM's index of NAME.bin: `mixtures.megatron`
    NAME.ds.index           datatrove's document ends, and
    NAME.ds.metadata        its three lines of text: `mixtures.datatrove`
    NAME.csv.gz             OLMo-core's document bounds: `mixtures.olmo`
    NAME.json               what the shard holds, with the digest of each file

Memory holds one batch, and 16 bytes for each document of the open shard: 256 MiB where documents are so short that a
shard is cut for their number, and 15 MB in a shard of 1 GiB whose documents have 600 tokens.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mixtures.datatrove import datatrove_index, datatrove_metadata
from mixtures.megatron import megatron_index
from mixtures.olmo import DocumentBounds
from mixtures.token_format import TokenFormat

VERSION = 1
MAX_DOCUMENTS = 1 << 24
"""Of a shard. Megatron-LM's own indexes grow with the documents of a prefix: better below 10^8."""
GROUP_ROWS = 1 << 14
"""Rows of a row group of NAME.documents.parquet, however documents are batched."""
DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
    ]
)
SIDECARS = (".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz", ".json")

Strings: TypeAlias = Sequence[str] | pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSummary:
    """A finished shard. `files` has bytes and digest of each of its files, by file name."""

    name: str
    documents: int
    tokens: int
    bytes: int
    digest: str
    files: dict[str, dict[str, Any]]


def file_summary(path: Path) -> dict[str, Any]:
    """Bytes and digest (BLAKE2b, 128 bits) of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16))
    return {"bytes": path.stat().st_size, "digest": digest.hexdigest()}


class ShardWriter:
    """Writes documents into shards NAME = STEM-00000, STEM-00001, …, each cut at the document that fills it.

    A document is never split, and no shard is empty: Megatron's and OLMo-core's readers cannot open one.
    """

    def __init__(
        self, folder: Path, stem: str, shard_bytes: int, form: TokenFormat, *, max_documents: int = MAX_DOCUMENTS
    ) -> None:
        self._folder, self._stem, self._form = folder, stem, form
        self._shard_tokens, self._max_documents = shard_bytes // form.dtype.itemsize, max_documents
        self._open: _OpenShard | None = None
        self.shards: list[ShardSummary] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        elif self._open is not None:
            self._open.abandon()

    def add(self, doc_ids: Strings, origins: Strings, ids: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        """Documents whose text encoded to `ids[offsets[i] : offsets[i + 1]]`; BOS and EOS are added here."""
        names = pa.table([_strings(doc_ids), _strings(origins)], ["doc_id", "origin"])
        first = 0
        while first < len(doc_ids):
            if self._open is None:
                self._open = _OpenShard(self._folder, f"{self._stem}-{len(self.shards):05d}", self._form)
            count = self._that_fit(self._open, offsets[first:])
            if count == 0:
                self._finish()
                continue
            last = first + count
            self._open.add(names[first:last], ids, offsets[first : last + 1])
            first = last

    def _that_fit(self, shard: "_OpenShard", offsets: NDArray[np.int64]) -> int:
        """How many of the documents still go into the shard; one that is longer than any shard has one of its own."""
        ends = np.cumsum(np.diff(offsets) + 2)
        count = int(np.searchsorted(ends, self._shard_tokens - shard.tokens, side="right"))
        count = min(count, self._max_documents - shard.documents)
        return count if shard.documents else max(count, 1)

    def _finish(self) -> None:
        if self._open is not None and self._open.documents:
            self.shards.append(self._open.close())
        self._open = None


class _OpenShard:
    """One shard while it grows. Only document ends stay in memory."""

    def __init__(self, folder: Path, name: str, form: TokenFormat) -> None:
        self._folder, self._name, self._form = folder, name, form
        self.tokens = self.documents = 0
        self._ends: list[NDArray[np.int64]] = []
        self._ids = (folder / f"{name}.bin").open("wb")
        self._rows = _DocumentRows(folder, name)

    def add(self, names: pa.Table, ids: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        frame(ids, offsets, self._form).tofile(self._ids)
        ends = self.tokens + np.cumsum(np.diff(offsets) + 2)
        self._rows.add(names.append_column("end", pa.array(ends, pa.int64())))
        self._ends.append(ends)
        self.tokens, self.documents = int(ends[-1]), self.documents + len(ends)

    def close(self) -> ShardSummary:
        self._rows.finish()
        self.abandon()
        name, folder, ends = self._name, self._folder, np.concatenate(self._ends)
        self._ends.clear()
        with (folder / f"{name}.idx").open("wb") as stream:
            stream.writelines(megatron_index(ends, self._form.dtype))
        (folder / f"{name}.ds.index").write_bytes(datatrove_index(ends))
        (folder / f"{name}.ds.metadata").write_bytes(datatrove_metadata(self.tokens, self._form))
        names = [f"{name}.bin", *(name + suffix for suffix in SIDECARS if suffix != ".json")]
        files = {file: file_summary(folder / file) for file in sorted(names)}
        record = shard_record(self._form, documents=self.documents, tokens=self.tokens, files=files)
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        files[f"{name}.json"] = file_summary(folder / f"{name}.json")
        own = files[f"{name}.bin"]
        return ShardSummary(
            name=name,
            documents=self.documents,
            tokens=self.tokens,
            bytes=own["bytes"],
            digest=own["digest"],
            files=files,
        )

    def abandon(self) -> None:
        """Close what is open."""
        self._ids.close()
        self._rows.close()


class _DocumentRows:
    """A row of NAME.documents.parquet and a line of NAME.csv.gz for each document, many at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        # Ids and origins never repeat; the bounds of `end` tell which row group holds a token.
        settings = {"compression": "zstd", "use_dictionary": False, "write_statistics": ["end"]}
        self._rows = pq.ParquetWriter(str(folder / f"{name}.documents.parquet"), DOCUMENTS_SCHEMA, **settings)
        self._bounds = DocumentBounds(folder / f"{name}.csv.gz")
        self._waiting = [DOCUMENTS_SCHEMA.empty_table()]
        self._count = self._start = 0

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows.cast(DOCUMENTS_SCHEMA))
        self._count += len(rows)
        if self._count >= GROUP_ROWS:
            self._write(GROUP_ROWS)

    def finish(self) -> None:
        self._write(1)

    def close(self) -> None:
        self._rows.close()
        self._bounds.close()

    def _write(self, at_least: int) -> None:
        held = pa.concat_tables(self._waiting)
        while len(held) >= at_least:
            group = held[:GROUP_ROWS].combine_chunks()
            self._rows.write_table(group)
            doc_ids, origins, ends = (column.chunk(0) for column in group.columns)
            starts = pa.concat_arrays([pa.array([self._start], pa.int64()), ends[:-1]])
            self._bounds.write(starts, ends, doc_ids, origins)
            self._start, held = ends[-1].as_py(), held[GROUP_ROWS:]
        self._waiting, self._count = [held], len(held)


def _strings(values: Strings) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())


def frame(ids: NDArray[Any], offsets: NDArray[np.int64], form: TokenFormat) -> NDArray[Any]:
    """Each document's ids between BOS and EOS, one behind another."""
    count = len(offsets) - 1
    base = int(offsets[0])
    framed = np.empty(int(offsets[-1]) - base + 2 * count, dtype=form.dtype)
    starts = offsets[:-1] - base + 2 * np.arange(count)
    stops = offsets[1:] - base + 2 * np.arange(count) + 1
    body = np.ones(framed.size, dtype=bool)
    body[starts] = body[stops] = False
    framed[starts], framed[stops] = form.bos_id, form.eos_id
    framed[body] = ids[base : int(offsets[-1])]
    return framed


def shard_record(form: TokenFormat, *, documents: int, tokens: int, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What NAME.json says."""
    shape = asdict(form) | {"dtype": form.dtype.name}
    return shape | {"version": VERSION, "documents": documents, "tokens": tokens, "files": files}
