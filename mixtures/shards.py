"""The token shard: ids without a header, each document `BOS … EOS`, and the sidecars by which others read it too.

A shard NAME lies in a folder as these files, all a pure function of the documents:

    NAME.bin                ids, little-endian uint16 (uint32 above 65,536 pieces)
    NAME.documents.parquet  doc_id, origin and end (the exclusive token offset) of each document
    NAME.idx                Megatron-LM's index of NAME.bin
    NAME.ds.index           datatrove's document ends;    NAME.ds.metadata   its three lines of text
    NAME.csv.gz             OLMo-core's document bounds
    NAME.json               what the shard holds, with the digest of each file

datatrove opens the ids as NAME.ds and OLMo-core as NAME.npy: `link_aliases` makes those names, without a copy.
"""

import csv
import gzip
import hashlib
import io
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

VERSION = 1
DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
    ]
)
SIDECARS = (".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat:
    """What all shards of a run share. `tokenizer_name` is what datatrove's readers load a tokenizer by."""

    dtype: np.dtype[Any]
    vocabulary_size: int
    tokenizer_digest: str
    bos_id: int
    eos_id: int
    tokenizer_name: str = "models/tokenizer"

    def __post_init__(self) -> None:
        if "|" in self.tokenizer_name or not self.tokenizer_name:
            raise ValueError(f"tokenizer_name must be a name without |, got {self.tokenizer_name!r}")


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

    def __init__(self, folder: Path, stem: str, shard_bytes: int, form: TokenFormat) -> None:
        self._folder, self._stem, self._form = folder, stem, form
        self._shard_tokens = shard_bytes // form.dtype.itemsize
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

    def add(
        self, doc_ids: Sequence[str], origins: Sequence[str], ids: NDArray[Any], offsets: NDArray[np.int64]
    ) -> None:
        """Documents whose text encoded to `ids[offsets[i] : offsets[i + 1]]`; BOS and EOS are added here."""
        first = 0
        while first < len(doc_ids):
            if self._open is None:
                self._open = _OpenShard(self._folder, f"{self._stem}-{len(self.shards):05d}", self._form)
            lengths = np.diff(offsets[first:]) + 2
            room = self._shard_tokens - self._open.tokens
            count = int(np.searchsorted(np.cumsum(lengths), room, side="right"))
            if count == 0 and not self._open.documents:
                count = 1  # One document longer than a shard has a shard of its own.
            if count == 0:
                self._finish()
                continue
            last = first + count
            self._open.add(doc_ids[first:last], origins[first:last], ids, offsets[first : last + 1])
            first = last

    def _finish(self) -> None:
        if self._open is not None and self._open.documents:
            self.shards.append(self._open.close())
        self._open = None


class _OpenShard:
    """One shard while it grows. Only document ends stay in memory: 8 bytes each."""

    def __init__(self, folder: Path, name: str, form: TokenFormat) -> None:
        self._folder, self._name, self._form = folder, name, form
        self.tokens = self.documents = 0
        self._ends: list[NDArray[np.int64]] = []
        self._ids = (folder / f"{name}.bin").open("wb")
        self._rows = pq.ParquetWriter(str(folder / f"{name}.documents.parquet"), DOCUMENTS_SCHEMA, compression="zstd")
        self._bounds = _DeterministicGzip(folder / f"{name}.csv.gz")

    def add(
        self, doc_ids: Sequence[str], origins: Sequence[str], ids: NDArray[Any], offsets: NDArray[np.int64]
    ) -> None:
        framed = frame(ids, offsets, self._form)
        ends = self.tokens + np.cumsum(np.diff(offsets) + 2)
        starts = np.concatenate([[self.tokens], ends[:-1]])
        framed.tofile(self._ids)
        columns = [pa.array(doc_ids, pa.string()), pa.array(origins, pa.string()), pa.array(ends, pa.int64())]
        self._rows.write_batch(pa.record_batch(columns, schema=DOCUMENTS_SCHEMA))
        # OLMo-core splits the file at line ends before it looks for quotes.
        lines = [origin.replace("\r", " ").replace("\n", " ") for origin in origins]
        self._bounds.write_rows(zip(starts.tolist(), ends.tolist(), doc_ids, lines, strict=True))
        self._ends.append(ends)
        self.tokens, self.documents = int(ends[-1]), self.documents + len(doc_ids)

    def close(self) -> ShardSummary:
        self.abandon()
        name, folder, ends = self._name, self._folder, np.concatenate(self._ends)
        with (folder / f"{name}.idx").open("wb") as stream:
            for part in megatron_index(ends, self._form.dtype):
                stream.write(part)
        ends.astype("<u8").tofile(folder / f"{name}.ds.index")
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
        self._bounds.close()


class _DeterministicGzip:
    """CSV lines in a gzip file that holds neither a time nor a name."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb")
        self._zipped = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=6, mtime=0)
        self._text = io.TextIOWrapper(self._zipped, "utf-8", newline="")
        self._csv = csv.writer(self._text, lineterminator="\n")

    def write_rows(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._csv.writerows(rows)

    def close(self) -> None:
        self._text.close()
        self._raw.close()


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


def megatron_index(ends: NDArray[np.int64], dtype: np.dtype[Any]) -> Iterator[bytes]:
    """Megatron-LM's `.idx`: lengths, byte offsets, document bounds. It knows no uint32: such ids are read as int32."""
    count = len(ends)
    yield b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8 if dtype.itemsize == 2 else 4, count, count + 1)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    lengths = ends - starts
    if int(lengths.max()) >= 1 << 31:
        raise ValueError(f"a document must have fewer than 2^31 tokens, got {int(lengths.max())}")
    yield lengths.astype("<i4").tobytes()
    yield (starts * dtype.itemsize).astype("<i8").tobytes()
    yield np.arange(count + 1, dtype="<i8").tobytes()


def datatrove_metadata(tokens: int, form: TokenFormat) -> bytes:
    """datatrove's three lines. nanotron splits the first at `|` into exactly two and loads the tokenizer it names."""
    return f"{form.tokenizer_name}|{form.dtype.itemsize}\n{tokens}\n{_human(tokens)}\n".encode()


def _human(count: float) -> str:
    for unit in ("", "K", "M", "B"):
        if count < 1000:
            return f"{count:.4g}{unit}"
        count /= 1000
    return f"{count:.4g}T"


def shard_record(form: TokenFormat, *, documents: int, tokens: int, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What NAME.json says."""
    shape = asdict(form) | {"dtype": form.dtype.name}
    return shape | {"version": VERSION, "documents": documents, "tokens": tokens, "files": files}


def link_aliases(folder: Path) -> list[Path]:
    """Hard links NAME.ds and NAME.npy to each NAME.bin of a local folder, for datatrove's and OLMo-core's readers."""
    made = []
    for path in sorted(folder.glob("*.bin")):
        for suffix in (".ds", ".npy"):
            link = path.with_suffix(suffix)
            if not link.exists():
                link.hardlink_to(path)
                made.append(link)
    return made
