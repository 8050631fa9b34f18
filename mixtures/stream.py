"""The stream: the sequences that training reads, in order; as files, or straight from the source token shards."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mixtures.byte_ranges import Files, Range, files_at
from mixtures.mixture import Ratios, describe_sources, plan_of
from mixtures.permutation import Integers
from mixtures.plan import Plan
from mixtures.token_files import TokenFiles, as_bytes
from mixtures.token_format import IDS, shard_names

VERSION = 2
RECORD_NAME = "stream.json"


def shard_name(index: int) -> str:
    """The file name of a stream's shard."""
    return f"stream-{index:05d}.bin"


def token_dtype(vocabulary_size: int) -> np.dtype[Any]:
    """Little-endian uint16, or uint32 where ids do not fit: above 65,536 pieces."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Positions `first` … `first + count` of a stream, whose sequences are all of one length."""

    first: int
    count: int
    sequence_tokens: int


class _Sequences:
    """What both kinds of stream know of themselves. Nothing of a stream is looked at before it is read."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.plan = Plan.from_record(record)
        self.sequences = self.plan.sequences
        self.vocabulary_size = int(record["vocabulary_size"])
        self.dtype = token_dtype(self.vocabulary_size)
        self.sources: dict[str, dict[str, Any]] = dict(record["sources"])
        self.tokenizer_digest = str(record["tokenizer_digest"])
        self.digest = str(record["digest"])

    @property
    def sequence_tokens(self) -> int:
        """Tokens of the first sequence, and of all where no phase changes that."""
        return self.plan.phases[0].sequence_tokens

    def stretches(self, start: int, count: int) -> list[Stretch]:
        """Positions `start` … `start + count` cut where the sequences' length changes."""
        found: list[Stretch] = []
        for phase, first, many in self.plan.runs(start, count):
            if found and found[-1].sequence_tokens == phase.sequence_tokens:
                found[-1] = replace(found[-1], count=found[-1].count + many)
            else:
                found.append(Stretch(first, many, phase.sequence_tokens))
        return found

    def source_of(self, start: int, count: int) -> Integers:
        """The source of each sequence, as a number into `list(stream.sources)`."""
        return self.plan.source_of(start, count)

    def read(self, start: int, count: int, dtype: DTypeLike = np.int64) -> NDArray[Any]:
        """Sequences `start` … `start + count` as an array (count, sequence_tokens); `stream.dtype` copies least.

        Raises ValueError where they are not there or not of one length, or where a file has not the size it should.
        """
        stretches = self.stretches(start, count)
        if len(stretches) > 1:
            widths = sorted({stretch.sequence_tokens for stretch in stretches})
            raise ValueError(f"sequences {start} … {start + count} have {widths} tokens: read them apart")
        width = stretches[0].sequence_tokens if stretches else self.sequence_tokens
        found = np.empty((count, width), self.dtype)
        if count:
            self._read(start, found)
        return found.astype(dtype, copy=False)

    def digest_until(self, position: int) -> str:
        """Changes when any token before the position does, and with nothing behind it.

        Where the record does not say what the sources' token shards hold, it changes with any token of the stream.
        """
        if "token_shards" not in self.record:
            return self.digest
        names, read = self.plan.names, set[str]()
        phases = []
        for phase, first, count in self.plan.runs(0, position):
            dealt = {name: n for name, n in zip(names, phase.schedule.dealt, strict=True) if n}
            counts = zip(names, phase.schedule.before(first + count - phase.first), strict=True)
            read.update(name for name, n in counts if n)
            phases.append([phase.sequence_tokens, dealt, first, count])
        whose = {name: [self.sources[name]["blocks"], self.record["token_shards"][name]] for name in read}
        same = [VERSION, self.vocabulary_size, self.tokenizer_digest, self.plan.seed, self.plan.block_tokens]
        return hashlib.sha256(json.dumps([same, phases, whose], sort_keys=True).encode()).hexdigest()

    def _read(self, start: int, found: NDArray[Any]) -> None:
        raise NotImplementedError


class Stream(_Sequences):
    """A stream that lies in a folder: `stream.json` and shards of plain concatenated sequences."""

    def __init__(self, files: Files, record: Mapping[str, Any]) -> None:
        super().__init__(record)
        self.shards: list[dict[str, Any]] = list(record["shards"])
        width = self.dtype.itemsize
        shards = [(_plain(shard["name"]), int(shard["bytes"]) // width) for shard in self.shards]
        self._line = TokenFiles(files, shards, self.dtype)
        if self._line.tokens != self.plan.tokens:
            raise ValueError(f"the shards have {self._line.tokens} tokens, the plan {self.plan.tokens}")

    @classmethod
    def open(
        cls, folder: str | Path, *, digest: str | None = None, storage_options: Mapping[str, Any] | None = None
    ) -> Self:
        """The stream in a folder, by path or fsspec address; its shards are not looked at (see `check`).

        Raises FileNotFoundError where there is none, ValueError where its record is damaged or `digest` is another's.
        """
        files = files_at(folder, storage_options)
        with _described(files):
            return cls(files, read_record(files, digest))

    def check(self) -> None:
        """Compare all shards' sizes, by one listing. Raises FileNotFoundError or ValueError for the first wrong one."""
        self._line.check()

    def _read(self, start: int, found: NDArray[Any]) -> None:
        phase = self.plan.phase_of(start)
        token = phase.first_token + (start - phase.first) * phase.sequence_tokens
        # The shards lie end to end in training order: however many sequences are one run of bytes.
        first, row = np.array([token], np.int64), np.zeros(1, np.int64)
        self._line.files.read(self._line.ranges(first, found.size, row, as_bytes(found)))


class VirtualStream(_Sequences):
    """The same stream without files of its own: each sequence is read from its source's token shards.

    `shards` are (name, tokens) of each source's token shards in name order; names begin with the source's folder.
    """

    def __init__(
        self, record: Mapping[str, Any], files: Files, shards: Mapping[str, Sequence[tuple[str, int]]]
    ) -> None:
        super().__init__(record)
        self._files = files
        self._lines = [TokenFiles(files, shards.get(name, ()), self.dtype) for name in self.plan.names]
        for name, line in zip(self.plan.names, self._lines, strict=True):
            expected = int(self.sources[name].get("available_tokens", line.tokens))
            if line.tokens != expected:
                raise ValueError(f"{files.address(name)} has {line.tokens} tokens, the plan is for {expected}")

    @classmethod
    def open(
        cls,
        folder: str | Path,
        tokens: str | Path,
        *,
        digest: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """The stream whose `stream.json` lies in a folder, read from the folder `tokens` of all sources' token shards.

        Raises FileNotFoundError or ValueError where they do not fit each other.
        """
        beside, files = files_at(folder, storage_options), files_at(tokens, storage_options)
        with _described(beside):
            record = read_record(beside, digest)
            dtype = token_dtype(int(record["vocabulary_size"]))
            about = record["sources"].items()
            read = [_plain(source) for source, has in about if has.get("available_tokens", has["blocks"])]
            return cls(record, files, {source: list_shards(files, source, dtype) for source in read})

    @classmethod
    def planned(
        cls,
        tokens: str | Path,
        phases: Sequence[Ratios],
        *,
        vocabulary_size: int,
        tokenizer_digest: str,
        block_tokens: int = 0,
        seed: int = 0,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """A stream of one's own ratios from the folder of all sources' token shards; nothing is written but by `save`.

        `block_tokens` = 0 is the first phase's `sequence_tokens`. Raises ValueError where the ratios cannot be.
        """
        files, dtype = files_at(tokens, storage_options), token_dtype(vocabulary_size)
        shards = {source: list_shards(files, source, dtype) for phase in phases for source in phase.weights}
        available = {source: sum(size for _, size in found) for source, found in shards.items()}
        block_tokens = block_tokens or max((phase.sequence_tokens for phase in phases[:1]), default=1)
        plan = plan_of(phases, available, block_tokens=block_tokens, seed=seed)
        sources = describe_sources(plan, available)
        record = plan.to_record() | {
            "version": VERSION,
            "dtype": dtype.name,
            "vocabulary_size": vocabulary_size,
            "tokenizer_digest": tokenizer_digest,
            "sources": sources,
            "token_shards": {
                source: hashlib.sha256(json.dumps(found).encode()).hexdigest() for source, found in shards.items()
            },
            "shards": [],
        }
        return cls(record | {"digest": stream_digest(record)}, files, shards)

    def save(self, folder: str | Path) -> None:
        """Write `stream.json` alone, for `open`, into a folder of this machine."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        partial = Path(folder) / f".{RECORD_NAME}.part"
        partial.write_text(json.dumps(self.record))
        partial.replace(Path(folder) / RECORD_NAME)

    def check(self) -> None:
        """Compare all token shards' sizes. Raises FileNotFoundError or ValueError for the first wrong one."""
        for name, line in zip(self.plan.names, self._lines, strict=True):
            if line.tokens:
                line.check(name)

    def _read(self, start: int, found: NDArray[Any]) -> None:
        into = as_bytes(found)

        def ranges() -> Iterator[Range]:
            for phase, first, many in self.plan.runs(start, len(found)):
                places = self.plan.places(np.arange(first, first + many))
                rows = (first - start) * phase.pieces + np.arange(many * phase.pieces).reshape(many, phase.pieces)
                for source in np.unique(places.source).tolist():
                    mine = places.source == source
                    starts = places.token[mine].reshape(-1)
                    yield from self._lines[source].ranges(starts, phase.piece_tokens, rows[mine].reshape(-1), into)

        self._files.read(ranges())


def list_shards(files: Files, source: str, dtype: np.dtype[Any]) -> list[tuple[str, int]]:
    """(file, tokens) of a source's token shards in their order, by one listing."""
    sizes = files.sizes(source)
    names = [f"{name}{IDS}" for name in shard_names(sizes)]
    return [(f"{source}/{name}", sizes[name] // dtype.itemsize) for name in names]


@contextmanager
def _described(files: Files) -> Iterator[None]:
    """What a record of the wrong shape leads to is said in one line."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ValueError(f"{files.address(RECORD_NAME)} is not a stream's record: {said}") from error


def _plain(name: str) -> str:
    """A name out of a record, which leads to no other folder."""
    if "/" in name or name in ("", ".", ".."):
        raise ValueError(f"a name in {RECORD_NAME} must be a plain file name, got {name!r}")
    return name


def read_record(files: Files, digest: str | None = None) -> dict[str, Any]:
    """`stream.json` of a folder. Raises FileNotFoundError, or ValueError where it is none of ours.

    With `digest` also where it is of another stream: other tokens, order, tokenizer or width of ids. What a takedown
    masked is the same stream still: its digest is that of the day when it was written.
    """
    address = files.address(RECORD_NAME)
    try:
        record = json.loads(files.content(RECORD_NAME))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{address}: {error}") from error
    if not isinstance(record, dict) or record.get("version") != VERSION:
        found = record.get("version") if isinstance(record, dict) else None
        raise ValueError(f"{address}: version must be {VERSION}, got {found}")
    if digest is not None and digest != record.get("digest"):
        raise ValueError(f"{address} is another stream: its digest is {record.get('digest')}, not {digest}")
    return record


def stream_digest(record: Mapping[str, Any]) -> str:
    """What identifies a stream: its shape, its plan and the digests of its shards in order.

    A takedown masks documents in a shard, which then has another digest, and keeps the one that it was `made` with: to
    training the stream is the same, and a run can go on.
    """
    parts: Iterable[Any] = (
        [record[key] for key in ("version", "dtype", "vocabulary_size", "tokenizer_digest", "sources")],
        [record[key] for key in ("seed", "block_tokens", "phases")],
        record.get("token_shards"),
        [shard.get("made", shard["digest"]) for shard in record["shards"]],
    )
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True).encode()).hexdigest()
