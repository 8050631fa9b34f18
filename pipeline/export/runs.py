"""What an export copies from: runs of ids, which are the stream, or a source's token shards laid end to end."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtures.shards import VERSION
from mixtures.stream import RECORD_NAME, Stream, Stretch
from mixtures.token_format import shard_names
from pipeline.errors import FatalError, SettingError
from pipeline.storage import Folder, digest_of

CHUNK_TOKENS = 4 << 20
"""How many ids are in memory at a time."""


class TokenRun(Protocol):
    """Ids under the name of a split."""

    @property
    def split(self) -> str:
        """What the files of this run are named after: `train`, or a source."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """How the ids are stored where they lie."""
        ...

    @property
    def sequence_tokens(self) -> int:
        """Ids of a sequence, the longest: files are cut at multiples of it."""
        ...

    @property
    def tokens(self) -> int:
        """How many ids there are."""
        ...

    @property
    def digest(self) -> str:
        """Changes when the ids do."""
        ...

    def chunks(self, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Ids `start` … `stop`, a bounded number at a time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShard:
    """A token shard as its own record tells of it."""

    source: str
    name: str
    tokens: int
    documents: int
    dtype: np.dtype[Any]
    files: Mapping[str, Mapping[str, Any]]

    def digest(self, suffix: str) -> str:
        """The digest of one of its files."""
        return str(self.files[f"{self.name}{suffix}"]["digest"])

    def address(self, suffix: str) -> str:
        """The name of one of its files below the folder of all tokens."""
        return f"{self.source}/{self.name}{suffix}"


def source_shards(tokens: Folder, sources: Sequence[str]) -> list[SourceShard]:
    """All token shards of these sources, in name order. Raises FatalError where there is none, or one is not whole."""
    found = [shard for source in sources for shard in _shards_of(tokens, source)]
    if not found:
        raise FatalError("export needs token shards: run `tokenmill tokenize` first")
    return found


def _shards_of(tokens: Folder, source: str) -> Iterator[SourceShard]:
    for name in shard_names(tokens.list(source)):
        record = tokens.read_json(f"{source}/{name}.json")
        if record is None or record.get("version") != VERSION:
            raise FatalError(f"{tokens.address(f'{source}/{name}.json')} is no record of version {VERSION}")
        for file, said in record["files"].items():
            if tokens.size(f"{source}/{file}") != said["bytes"]:
                raise FatalError(f"{tokens.address(f'{source}/{file}')} does not have the {said['bytes']} bytes it had")
        yield SourceShard(
            source=source,
            name=name,
            tokens=int(record["tokens"]),
            documents=int(record["documents"]),
            dtype=np.dtype(record["dtype"]).newbyteorder("<"),
            files=record["files"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRun:
    """A source's token shards end to end, in name order."""

    split: str
    sequence_tokens: int
    folder: Folder
    shards: Sequence[SourceShard]

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the shards."""
        return self.shards[0].dtype

    @property
    def tokens(self) -> int:
        """Of all shards."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def digest(self) -> str:
        """Follows from the digests of all files of the shards, in their order."""
        return digest_of([[shard.name, dict(shard.files)] for shard in self.shards])

    def chunks(self, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Ids `start` … `stop`, read from front to back; a chunk ends where a shard does."""
        before = 0
        for shard in self.shards:
            first, last = max(start, before), min(stop, before + shard.tokens)
            if first < last:
                yield from shard_chunks(self.folder, shard, first - before, last - before)
            before += shard.tokens


def shard_chunks(folder: Folder, shard: SourceShard, start: int, stop: int) -> Iterator[NDArray[Any]]:
    """Ids `start` … `stop` of a token shard."""
    width = shard.dtype.itemsize
    with folder.open(shard.address(".bin")) as stream:
        stream.seek(start * width)
        while start < stop:
            wanted = min(CHUNK_TOKENS, stop - start)
            yield next_ids(stream, shard, wanted)
            start += wanted


def next_ids(stream: BinaryIO, shard: SourceShard, count: int) -> NDArray[Any]:
    """So many ids from where the stream of a token shard is. Raises FatalError where it ends before."""
    piece = stream.read(count * shard.dtype.itemsize)
    if len(piece) != count * shard.dtype.itemsize:
        raise FatalError(f"tokens/{shard.address('.bin')} is shorter than its record says")
    return np.frombuffer(piece, shard.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRun:
    """Positions `first` … `last` of the stream, in training order."""

    split: str
    stream: Stream
    first: int
    last: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the stream's shards."""
        return self.stream.dtype

    @property
    def sequence_tokens(self) -> int:
        """Of the longest sequences."""
        return max(stretch.sequence_tokens for stretch in self.stretches)

    @property
    def tokens(self) -> int:
        """Of all positions."""
        return sum(stretch.count * stretch.sequence_tokens for stretch in self.stretches)

    @property
    def digest(self) -> str:
        """Follows from the stream and the positions."""
        return digest_of([self.stream.digest, self.first, self.last])

    @property
    def stretches(self) -> list[Stretch]:
        """The positions, a stretch for each length of sequence in turn."""
        return self.stream.stretches(self.first, self.last - self.first)

    def check_one_length(self, form: str) -> None:
        """Raise SettingError where sequences differ in length, and say how to export each length alone."""
        if len(found := self.stretches) > 1:
            parts = ", ".join(f"--positions {stretch.first}:{stretch.first + stretch.count}" for stretch in found)
            raise SettingError(f"--format {form} needs sequences of one length: export {parts}, each in a split")

    def chunks(self, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Ids `start` … `stop`, in chunks of whole sequences but for the ends."""
        before = 0
        for stretch in self.stretches:
            tokens = stretch.count * stretch.sequence_tokens
            yield from self._read(stretch, max(start - before, 0), min(stop - before, tokens))
            before += tokens

    def _read(self, stretch: Stretch, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Ids `start` … `stop` of a stretch."""
        width = stretch.sequence_tokens
        while start < stop:
            sequence, skipped = divmod(start, width)
            wanted = min(stop - start, max(1, CHUNK_TOKENS // width) * width - skipped)
            try:
                rows = self.stream.read(stretch.first + sequence, -(-(skipped + wanted) // width), self.dtype)
            except (ValueError, OSError) as error:
                raise FatalError(f"the stream cannot be read: {error}") from error
            yield rows.reshape(-1)[skipped : skipped + wanted]
            start += wanted


def stream_run(output: Folder, split: str, positions: tuple[int | None, int | None] = (None, None)) -> StreamRun:
    """The stream of a run, or some of it. Raises FatalError where there is none, SettingError for positions past it."""
    if not output.exists(f"stream/{RECORD_NAME}"):
        raise FatalError("export needs the stream: run `tokenmill mix` first, or export --of sources")
    try:
        stream = Stream.open(output.address("stream"))
        stream.check()
    except (ValueError, OSError) as error:
        raise FatalError(f"the stream cannot be read: {error}") from error
    first = 0 if positions[0] is None else positions[0]
    last = stream.sequences if positions[1] is None else positions[1]
    if not 0 <= first < last <= stream.sequences:
        raise SettingError(f"--positions must lie within 0:{stream.sequences}, got {first}:{last}")
    return StreamRun(split=split, stream=stream, first=first, last=last)


def digest_of_ids(chunks: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> str:
    """Digest of ids as this type stores them, however wide they come and however they are cut into chunks."""
    digest = hashlib.blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(np.ascontiguousarray(chunk, dtype).data)
    return digest.hexdigest()
