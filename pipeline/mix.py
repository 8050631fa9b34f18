"""Stage `mix`: source token shards → the stream in training order, without any engine.

A source is its token shards end to end, in name order, cut into blocks; what is left at the end is counted, not used. A
unit is one token shard with the blocks that begin in it. `send_blocks` reads it once, from front to back, and packs
each block's parts for wherever the plan puts them; `write_shard` puts what has come into place and writes it. A worker
holds a chunk of tokens, or a shard of the stream, and one pack.
"""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mixtures.mixture import describe_sources, plan_of
from mixtures.plan import ABSENT, Plan
from mixtures.stream import VERSION, shard_name, stream_digest, token_dtype
from mixtures.stream_shards import StreamShards
from pipeline.errors import FatalError
from pipeline.recipe import Recipe

CHUNK_BYTES = 128 << 20
"""How many bytes of tokens `send_blocks` holds at a time: the more, the fewer and larger are the packs."""

CHUNK_BLOCKS = 1 << 18
"""And how many blocks, where they are short: of each it is worked out where it goes."""

_HEADER = struct.Struct("<I")

OpenShard = Callable[[str, str], BinaryIO]
"""`open_shard(source, name)`: a seekable binary stream of a source token shard's ids."""


@dataclass(frozen=True, kw_only=True)
class MixPlan:
    """What goes where; small, and a pure function of the recipe and the token shards' names and sizes.

    `shards` are (name, tokens) of each source's token shards. `record` is `stream.json` but for what only the written
    stream knows.
    """

    shards: Mapping[str, Sequence[tuple[str, int]]]
    record: Mapping[str, Any]
    shard_sequences: int

    @cached_property
    def plan(self) -> Plan:
        """What lies where."""
        return Plan.from_record(self.record)

    @cached_property
    def stream_shards(self) -> StreamShards:
        """The stream's shards in order."""
        return StreamShards(self.plan, self.shard_sequences)

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


def send_blocks(
    mix: MixPlan, source: str, unit: int, open_shard: OpenShard, wanted: Collection[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """(stream shard, packed parts) for the blocks that begin in the source's token shard number `unit`.

    For all stream shards, or for those that are `wanted`.
    """
    plan, shards = mix.plan, mix.stream_shards
    number = plan.names.index(source)
    asked = np.ones(len(shards), dtype=bool) if wanted is None else np.zeros(len(shards), dtype=bool)
    asked[list(wanted or ())] = True
    phases = [phase for phase in plan.phases if asked[np.array(shards.of_phase(phase))].any()]
    for first, blocks in read_blocks(mix, source, unit, open_shard):
        numbers = np.arange(first, first + len(blocks))
        for phase in phases:
            parts = as_records(blocks.reshape(-1, phase.piece_tokens))
            for epoch in plan.epochs(phase, number):
                tokens = plan.landings(phase, number, epoch, numbers).ravel()
                chosen = np.flatnonzero(tokens != ABSENT)
                chosen = chosen[asked[shards.holding(phase, tokens[chosen])]]
                chosen = chosen[np.argsort(tokens[chosen])]
                yield from _packed(tokens[chosen], shards.holding(phase, tokens[chosen]), parts, chosen)


def write_shard(mix: MixPlan, index: int, packs: Iterable[bytes], sink: BinaryIO) -> int:
    """Put a stream shard's parts into their places, write it, and give the number of its sequences.

    Memory holds the shard and one pack. Raises ValueError where a part is missing or comes twice.
    """
    shard = mix.stream_shards[index]
    piece = shard.phase.piece_tokens
    whole = as_records(np.empty((shard.tokens // piece, piece), mix.dtype))
    seen = np.zeros(len(whole), dtype=bool)
    for pack in packs:
        tokens, rows = _unpacked(pack, whole.dtype)
        places = (tokens - shard.first_token) // piece
        if len(places) and not (places.min() >= 0 and places.max() < len(seen)):
            raise ValueError(f"stream shard {index} was sent a sequence of another shard")
        if seen[places].any() or (np.diff(places) <= 0).any():
            raise ValueError(f"stream shard {index} was sent a sequence twice")
        seen[places] = True
        whole[places] = rows
    if not seen.all():
        raise ValueError(f"stream shard {index} lacks {int((~seen).sum())} of {len(seen)} sequences")
    sink.write(whole.view(np.uint8).data)
    return shard.end - shard.first


def as_records(rows: NDArray[Any]) -> NDArray[np.void]:
    """Each row as one item, which NumPy moves as a whole."""
    return np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()


def _packed(
    tokens: NDArray[np.int64], shards: NDArray[np.int64], parts: NDArray[np.void], chosen: NDArray[np.int64]
) -> Iterator[tuple[int, bytes]]:
    """The chosen parts, which are in the order of their tokens of the stream, by stream shard: count, tokens, ids."""
    edges = np.flatnonzero(np.diff(shards, prepend=-1, append=-1)).tolist()
    for start, end in pairwise(edges):
        rows = parts[chosen[start:end]]
        head = _HEADER.pack(end - start) + tokens[start:end].astype("<i8").tobytes()
        yield int(shards[start]), b"".join((head, rows.data))


def _unpacked(pack: bytes, record: np.dtype[Any]) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    (count,) = _HEADER.unpack_from(pack)
    tokens = np.frombuffer(pack, "<i8", count, _HEADER.size).astype(np.int64)
    return tokens, np.frombuffer(pack, record, count, _HEADER.size + 8 * count)


def read_blocks(mix: MixPlan, source: str, unit: int, open_shard: OpenShard) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first block, blocks as rows) of a token shard, a chunk at a time; the last may end in the shards after it."""
    width = int(mix.record["block_tokens"])
    block, last = mix.blocks_of(source, unit)
    before = sum(tokens for _, tokens in mix.shards[source][:unit])
    at_a_time = min(CHUNK_BLOCKS, max(1, CHUNK_BYTES // (width * mix.dtype.itemsize)))
    while block < last:
        count = min(at_a_time, last - block)
        found = _read(mix, source, unit, block * width - before, count * width, open_shard)
        yield block, found.reshape(count, width)
        block += count


def _read(mix: MixPlan, source: str, unit: int, start: int, count: int, open_shard: OpenShard) -> NDArray[Any]:
    """So many tokens from one of a token shard on; they may end in the shards after it."""
    found = np.empty(count, mix.dtype)
    left = found.view(np.uint8).data
    for name, tokens in mix.shards[source][unit:]:
        wanted = left[: (tokens - start) * mix.dtype.itemsize]
        left = left[len(wanted) :]
        with open_shard(source, name) as stream:
            stream.seek(start * mix.dtype.itemsize)
            while size := stream.readinto(wanted):  # type: ignore[attr-defined]  # typing's BinaryIO leaves it out
                wanted = wanted[size:]
        if wanted:
            raise ValueError(f"{source}: token shard {name} is shorter than the plan says")
        if not left:
            return found
        start = 0
    raise ValueError(f"{source}: token shards are shorter than the plan says")


def stream_record(mix: MixPlan, written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`stream.json`, from the bytes and digest of each stream shard in order."""
    shards = [
        {"name": shard_name(i), "sequences": shard.end - shard.first, "bytes": out["bytes"], "digest": out["digest"]}
        for i, (shard, out) in enumerate(zip(mix.stream_shards, written, strict=True))
    ]
    record = dict(mix.record) | {"shards": shards}
    return record | {"digest": stream_digest(record)}
