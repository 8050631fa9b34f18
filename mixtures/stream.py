"""The stream: the sequences that training reads, in order; as files, or straight from the source token shards."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixtures.order import Integers, Order, Share

VERSION = 1
RECORD_NAME = "stream.json"


def shard_name(index: int) -> str:
    """The file name of a stream's shard."""
    return f"stream-{index:05d}.bin"


def token_dtype(vocabulary_size: int) -> np.dtype[Any]:
    """Little-endian uint16, or uint32 where ids do not fit: above 65,536 pieces."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")


class _Sequences:
    """What both kinds of stream know of themselves."""

    sequences: int
    sequence_tokens: int
    vocabulary_size: int
    dtype: np.dtype[Any]
    order: Order

    def source_of(self, start: int, count: int) -> Integers:
        """The source of each sequence, as a number into `list(stream.sources)`."""
        self._check(start, count)
        return self.order.places(np.arange(start, start + count)).source

    def _check(self, start: int, count: int) -> None:
        if start < 0 or count < 0 or start + count > self.sequences:
            raise ValueError(f"sequences {start} … {start + count} are not within 0 … {self.sequences}")


class Stream(_Sequences):
    """A stream that lies in a folder: `stream.json` and shards of plain concatenated sequences."""

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        self.folder = folder
        self.sequences = int(record["sequences"])
        self.sequence_tokens = int(record["sequence_tokens"])
        self.vocabulary_size = int(record["vocabulary_size"])
        self.tokenizer_digest = str(record["tokenizer_digest"])
        self.digest = str(record["digest"])
        self.dtype = np.dtype(record["dtype"]).newbyteorder("<")
        self.sources: dict[str, dict[str, Any]] = dict(record["sources"])
        self.shards: list[dict[str, Any]] = list(record["shards"])
        self.order = order_of(record)
        self._ends = np.cumsum([int(shard["sequences"]) for shard in self.shards], dtype=np.int64)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The stream in a folder. Raises FileNotFoundError or ValueError where files are missing or cut short."""
        folder = Path(folder)
        record = json.loads((folder / RECORD_NAME).read_text())
        if record.get("version") != VERSION:
            raise ValueError(f"{folder / RECORD_NAME}: version must be {VERSION}, got {record.get('version')}")
        for shard in record["shards"]:
            size = (folder / shard["name"]).stat().st_size
            if size != shard["bytes"]:
                raise ValueError(f"{folder / shard['name']} must have {shard['bytes']} bytes, has {size}")
        return cls(folder, record)

    def read(self, start: int, count: int) -> Integers:
        """Sequences `start` … `start + count` as an array (count, sequence_tokens)."""
        self._check(start, count)
        found = np.empty((count, self.sequence_tokens), dtype=np.int64)
        done = 0
        while done < count:
            number = int(np.searchsorted(self._ends, start + done, side="right"))
            shard = self.shards[number]
            first = start + done - (int(self._ends[number]) - int(shard["sequences"]))
            here = min(count - done, int(shard["sequences"]) - first)
            found[done : done + here] = self._read(shard["name"], first, here)
            done += here
        return found

    def _read(self, name: str, first: int, count: int) -> NDArray[Any]:
        # Plain reads: a memory map's pages count as resident memory until the machine runs short.
        width = self.sequence_tokens * self.dtype.itemsize
        tokens = np.fromfile(self.folder / name, self.dtype, count * self.sequence_tokens, offset=first * width)
        return tokens.reshape(count, self.sequence_tokens)


class TokenFiles:
    """A source's token shards laid end to end, in the order given: one long run of tokens."""

    def __init__(self, paths: Sequence[Path], dtype: np.dtype[Any]) -> None:
        self.paths = tuple(paths)
        self.dtype = dtype
        self._ends = np.cumsum([path.stat().st_size // dtype.itemsize for path in self.paths], dtype=np.int64)

    @property
    def tokens(self) -> int:
        """How many tokens the run has."""
        return int(self._ends[-1]) if self.paths else 0

    def read(self, start: int, count: int) -> NDArray[Any]:
        """Tokens `start` … `start + count` of the whole run. Raises ValueError where they are not all there."""
        if start < 0 or count < 0 or start + count > self.tokens:
            raise ValueError(f"tokens {start} … {start + count} are not within 0 … {self.tokens}")
        found = np.empty(count, self.dtype)
        done = 0
        while done < count:
            number = int(np.searchsorted(self._ends, start + done, side="right"))
            first = start + done - (int(self._ends[number - 1]) if number else 0)
            here = min(count - done, int(self._ends[number]) - start - done)
            offset = first * self.dtype.itemsize
            found[done : done + here] = np.fromfile(self.paths[number], self.dtype, here, offset=offset)
            done += here
        return found


class VirtualStream(_Sequences):
    """The same stream without files of its own: each sequence is read from its source's token shards."""

    def __init__(self, record: Mapping[str, Any], sources: Mapping[str, TokenFiles]) -> None:
        self.order = order_of(record)
        self.sequences = self.order.sequences
        self.sequence_tokens = int(record["sequence_tokens"])
        self.vocabulary_size = int(record["vocabulary_size"])
        self.dtype = token_dtype(self.vocabulary_size)
        self.sources: dict[str, dict[str, Any]] = dict(record["sources"])
        self._files = [sources[name] for name in self.order.names]

    def read(self, start: int, count: int) -> Integers:
        """Sequences `start` … `start + count` as an array (count, sequence_tokens)."""
        self._check(start, count)
        places = self.order.places(np.arange(start, start + count))
        found = np.empty((count, self.sequence_tokens), dtype=np.int64)
        for row, (source, sequence) in enumerate(zip(places.source.tolist(), places.sequence.tolist(), strict=True)):
            found[row] = self._files[source].read(sequence * self.sequence_tokens, self.sequence_tokens)
        return found


def order_of(record: Mapping[str, Any]) -> Order:
    """The order that a stream's record describes."""
    shares = [
        Share(name=name, sequences=int(source["sequences"]), available=int(source["available_sequences"]))
        for name, source in record["sources"].items()
    ]
    return Order(shares, int(record["seed"]))


def stream_digest(record: Mapping[str, Any]) -> str:
    """What identifies a stream: its shape, its plan and the digests of its shards in order."""
    parts: Iterable[Any] = (
        [record[key] for key in ("version", "dtype", "sequence_tokens", "sequences", "vocabulary_size")],
        [record["tokenizer_digest"], record["seed"], record["sources"]],
        [shard["digest"] for shard in record["shards"]],
    )
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True).encode()).hexdigest()
