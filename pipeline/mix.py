"""Stage `mix`: source token shards → the stream in training order, without any engine.

A source is its token shards end to end, in name order, cut into blocks; what is left at the end is counted, not used. A
unit is one token shard with the blocks that begin in it. `sketch` reads it once, from front to back, and packs each
block's parts for wherever the plan puts them; `write_shard` puts what has come into place.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mixtures.mixture import describe_sources, plan_of
from mixtures.plan import ABSENT, Phase, Plan
from mixtures.stream import VERSION, shard_name, stream_digest, token_dtype
from pipeline.errors import FatalError
from pipeline.recipe import Recipe

CHUNK_BYTES = 32 << 20
"""How many bytes of tokens `sketch` holds at a time."""

_HEADER = struct.Struct("<I")

OpenShard = Callable[[str, str], BinaryIO]
"""`open_shard(source, name)`: a seekable binary stream of a source token shard's ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPlan:
    """What goes where; small, and a pure function of the recipe and the token shards' names and sizes.

    `shards` are (name, tokens) of each source's token shards. `record` is `stream.json` but for what only the written
    stream knows.
    """

    shards: Mapping[str, Sequence[tuple[str, int]]]
    record: Mapping[str, Any]
    shard_sequences: int

    @property
    def plan(self) -> Plan:
        """What lies where."""
        return Plan.from_record(self.record)

    @property
    def dtype(self) -> np.dtype[Any]:
        """How an id is stored."""
        return token_dtype(int(self.record["vocabulary_size"]))

    @property
    def stream_bytes(self) -> int:
        """Bytes of the whole stream."""
        return int(self.record["tokens"]) * self.dtype.itemsize

    def blocks_of(self, source: str, unit: int) -> tuple[int, int]:
        """The blocks that begin in a token shard: the first, and the first that does not."""
        sizes = [tokens for _, tokens in self.shards[source]]
        before, width = sum(sizes[:unit]), int(self.record["block_tokens"])
        available = int(self.record["sources"][source]["blocks"])
        first, last = -(-before // width), -(-(before + sizes[unit]) // width)
        return min(first, available), min(last, available)

    @property
    def stream_shards(self) -> list["StreamShard"]:
        """The stream's shards in order: each of one phase, all of about the same size."""
        plan = self.plan
        size = self.shard_sequences * plan.phases[0].sequence_tokens
        return [
            StreamShard(phase=phase, first=first, end=min(first + count, phase.end))
            for phase in plan.phases
            for count in [max(1, size // phase.sequence_tokens)]
            for first in range(phase.first, phase.end, count)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShard:
    """Positions `first` … `end` of the stream, all of one phase."""

    phase: Phase
    first: int
    end: int

    @property
    def first_token(self) -> int:
        """Where it begins in the stream's tokens."""
        return self.phase.first_token + (self.first - self.phase.first) * self.phase.sequence_tokens

    @property
    def tokens(self) -> int:
        """How many it has."""
        return (self.end - self.first) * self.phase.sequence_tokens


def plan_mix(
    shards: Mapping[str, Sequence[tuple[str, int]]], recipe: Recipe, *, vocabulary_size: int, tokenizer_digest: str
) -> MixPlan:
    """The plan for token shards (name, tokens) by source. Raises FatalError where a source has not one sequence."""
    settings = recipe.mixture
    ordered = {source: sorted(shards.get(source, ())) for source in recipe.sources}
    available = {source: sum(tokens for _, tokens in found) for source, found in ordered.items()}
    try:
        plan = plan_of(recipe.phases, available, block_tokens=settings.block_width, seed=recipe.seed)
    except ValueError as error:
        raise FatalError(f"mixture: {error}") from error
    record = plan.to_record() | {
        "version": VERSION,
        "dtype": token_dtype(vocabulary_size).name,
        "vocabulary_size": vocabulary_size,
        "tokenizer_digest": tokenizer_digest,
        "sources": describe_sources(plan, available),
    }
    for phase, ratios in zip(record["phases"], recipe.phases, strict=True):
        phase["weights"] = dict(ratios.weights)
    return MixPlan(shards=ordered, record=record, shard_sequences=settings.shard_sequences)


@dataclass(frozen=True, slots=True)
class MixRounds:
    """How the stage decides: picklable, and its results do not depend on the order in which blocks arrive."""

    mix: MixPlan

    def sketch(self, source: str, unit: int, open_shard: OpenShard) -> Iterator[tuple[int, bytes]]:
        """(stream shard, packed parts) for the blocks that begin in the source's token shard number `unit`."""
        plan = self.mix.plan
        number = plan.names.index(source)
        shards = self.mix.stream_shards
        edges = np.array([shard.first_token for shard in shards], np.int64)
        for first, blocks in read_blocks(self.mix, source, unit, open_shard):
            numbers = np.arange(first, first + len(blocks))
            for phase in plan.phases:
                parts = blocks.reshape(-1, phase.piece_tokens)
                for epoch in plan.epochs(phase, number):
                    yield from _packed(plan.landings(phase, number, epoch, numbers).ravel(), parts, edges)

    def write_shard(self, index: int, packs: Iterable[bytes], sink: BinaryIO) -> int:
        """Write a stream shard's parts in order into a seekable file, and give the number of its sequences.

        Each goes straight to its place: memory holds one pack. Raises ValueError where one is missing or comes twice.
        """
        shard = self.mix.stream_shards[index]
        piece, itemsize = shard.phase.piece_tokens, self.mix.dtype.itemsize
        seen = np.zeros(shard.tokens // piece, dtype=bool)
        for pack in packs:
            tokens, rows = self._unpack(pack, piece)
            places = (tokens - shard.first_token) // piece
            if len(places) and not (places.min() >= 0 and places.max() < len(seen)):
                raise ValueError(f"stream shard {index} was sent a sequence of another shard")
            if seen[places].any():
                raise ValueError(f"stream shard {index} was sent a sequence twice")
            seen[places] = True
            for place, row in zip(places.tolist(), rows, strict=True):
                sink.seek(place * piece * itemsize)
                sink.write(row.tobytes())
        if not seen.all():
            raise ValueError(f"stream shard {index} lacks {int((~seen).sum())} of {len(seen)} sequences")
        return shard.end - shard.first

    def _unpack(self, pack: bytes, piece: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        (count,) = _HEADER.unpack_from(pack)
        tokens = np.frombuffer(pack, "<i8", count, _HEADER.size).astype(np.int64)
        rows = np.frombuffer(pack, self.mix.dtype, offset=_HEADER.size + 8 * count)
        return tokens, rows.reshape(count, piece)


def _packed(tokens: NDArray[np.int64], parts: NDArray[Any], edges: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """Parts sorted by the stream shard that their token of the stream is in: count, tokens, ids."""
    chosen = np.flatnonzero(tokens != ABSENT)
    chosen = chosen[np.argsort(tokens[chosen], kind="stable")]
    shards = np.searchsorted(edges, tokens[chosen], side="right") - 1
    for shard in np.unique(shards).tolist():
        rows = chosen[np.searchsorted(shards, shard) : np.searchsorted(shards, shard, side="right")]
        yield shard, _HEADER.pack(len(rows)) + tokens[rows].astype("<i8").tobytes() + parts[rows].tobytes()


def read_blocks(mix: MixPlan, source: str, unit: int, open_shard: OpenShard) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first block, blocks as rows) of a token shard, a chunk at a time; the last may end in the shards after it."""
    width, dtype = int(mix.record["block_tokens"]), mix.dtype
    block, last = mix.blocks_of(source, unit)
    before = sum(tokens for _, tokens in mix.shards[source][:unit])
    at_a_time = max(1, CHUNK_BYTES // (width * dtype.itemsize))
    pieces = _pieces(mix, source, unit, (block * width - before) * dtype.itemsize, open_shard)
    held = b""
    while block < last:
        count = min(at_a_time, last - block)
        wanted = count * width * dtype.itemsize
        parts, size = [held], len(held)
        while size < wanted:
            parts.append(next(pieces))
            size += len(parts[-1])
        joined = b"".join(parts)
        held = joined[wanted:]
        yield block, np.frombuffer(joined, dtype, count * width).reshape(count, width)
        block += count


def read_tokens(mix: MixPlan, source: str, start: int, count: int, open_shard: OpenShard) -> NDArray[Any]:
    """Tokens `start` … `start + count` of a source, wherever its token shards hold them."""
    unit = 0
    while start >= mix.shards[source][unit][1]:
        start -= mix.shards[source][unit][1]
        unit += 1
    wanted, found = count * mix.dtype.itemsize, b""
    pieces = _pieces(mix, source, unit, start * mix.dtype.itemsize, open_shard)
    while len(found) < wanted:
        found += next(pieces)
    return np.frombuffer(found[:wanted], mix.dtype)


def _pieces(mix: MixPlan, source: str, unit: int, skip: int, open_shard: OpenShard) -> Iterator[bytes]:
    """The bytes of a token shard from `skip` on, then those of the shards after it, 1 MiB at a time."""
    for name, _ in mix.shards[source][unit:]:
        with open_shard(source, name) as stream:
            stream.seek(skip)
            skip = 0
            while piece := stream.read(1 << 20):
                yield piece
    raise ValueError(f"{source}: token shards are shorter than the plan says")


def stream_record(mix: MixPlan, written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`stream.json`, from the bytes and digest of each stream shard in order."""
    shards = [
        {"name": shard_name(i), "sequences": shard.end - shard.first, "bytes": out["bytes"], "digest": out["digest"]}
        for i, (shard, out) in enumerate(zip(mix.stream_shards, written, strict=True))
    ]
    record = dict(mix.record) | {"shards": shards}
    return record | {"digest": stream_digest(record)}
