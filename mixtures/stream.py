"""The stream: the sequences that training reads, in order; as files, or straight from the source token shards."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixtures.permutation import Integers
from mixtures.plan import Plan

VERSION = 2
RECORD_NAME = "stream.json"


def shard_name(index: int) -> str:
    """The file name of a stream's shard."""
    return f"stream-{index:05d}.bin"


def token_dtype(vocabulary_size: int) -> np.dtype[Any]:
    """Little-endian uint16, or uint32 where ids do not fit: above 65,536 pieces."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")


class _Sequences:
    """What both kinds of stream know of themselves."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.plan = Plan.from_record(record)
        self.sequences = self.plan.sequences
        self.vocabulary_size = int(record["vocabulary_size"])
        self.dtype = token_dtype(self.vocabulary_size)
        self.sources: dict[str, dict[str, Any]] = dict(record["sources"])

    @property
    def sequence_tokens(self) -> int:
        """Tokens of the first sequence, and of all where no phase changes that."""
        return self.plan.phases[0].sequence_tokens

    def source_of(self, start: int, count: int) -> Integers:
        """The source of each sequence, as a number into `list(stream.sources)`."""
        return self.plan.source_of(start, count)

    def _empty(self, start: int, count: int) -> Integers:
        """Room for these sequences. Raises ValueError where they are not there, or not of one length."""
        widths = {phase.sequence_tokens for phase, _, _ in self.plan.runs(start, count)} or {self.sequence_tokens}
        if len(widths) > 1:
            raise ValueError(f"sequences {start} … {start + count} have {sorted(widths)} tokens: read them apart")
        return np.empty((count, widths.pop()), dtype=np.int64)


class Stream(_Sequences):
    """A stream that lies in a folder: `stream.json` and shards of plain concatenated sequences."""

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        super().__init__(record)
        self.folder = folder
        self.tokenizer_digest = str(record["tokenizer_digest"])
        self.digest = str(record["digest"])
        self.shards: list[dict[str, Any]] = list(record["shards"])
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
        found = self._empty(start, count)
        done = 0
        while done < count:
            number = int(np.searchsorted(self._ends, start + done, side="right"))
            shard = self.shards[number]
            first = start + done - (int(self._ends[number]) - int(shard["sequences"]))
            here = min(count - done, int(shard["sequences"]) - first)
            found[done : done + here] = self._read(shard["name"], first, here, found.shape[1])
            done += here
        return found

    def _read(self, name: str, first: int, count: int, width: int) -> NDArray[Any]:
        # Plain reads: a memory map's pages count as resident memory until the machine runs short.
        offset = first * width * self.dtype.itemsize
        tokens = np.fromfile(self.folder / name, self.dtype, count * width, offset=offset)
        return tokens.reshape(count, width)


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
        super().__init__(record)
        self._files = [sources[name] for name in self.plan.names]

    def read(self, start: int, count: int) -> Integers:
        """Sequences `start` … `start + count` as an array (count, sequence_tokens)."""
        found = self._empty(start, count)
        for phase, first, many in self.plan.runs(start, count):
            places = self.plan.places(np.arange(first, first + many))
            rows = found[first - start : first - start + many].reshape(many, phase.pieces, phase.piece_tokens)
            for row, source in enumerate(places.source.tolist()):
                for piece, token in enumerate(places.token[row].tolist()):
                    rows[row, piece] = self._files[source].read(token, phase.piece_tokens)
        return found


def stream_digest(record: Mapping[str, Any]) -> str:
    """What identifies a stream: its shape, its plan and the digests of its shards in order."""
    parts: Iterable[Any] = (
        [record[key] for key in ("version", "dtype", "vocabulary_size", "tokenizer_digest", "sources")],
        [record[key] for key in ("seed", "block_tokens", "phases")],
        [shard["digest"] for shard in record["shards"]],
    )
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True).encode()).hexdigest()
