"""Stage `mix`: source token shards → the stream in training order, without any engine.

A source is its token shards end to end, in name order, cut into windows of `sequence_tokens`; what is left at the
end is counted, not used. A unit is one token shard with the windows that begin in it. `sketch` reads it once, from
front to back, and packs each window for wherever the order puts it; `write_shard` puts what has come into place.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mixtures.mixture import Component, Mixture
from mixtures.order import Order
from mixtures.stream import VERSION, order_of, shard_name, stream_digest, token_dtype
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
    def order(self) -> Order:
        """The order of the stream."""
        return order_of(self.record)

    @property
    def sequence_tokens(self) -> int:
        """Tokens of a sequence."""
        return int(self.record["sequence_tokens"])

    @property
    def dtype(self) -> np.dtype[Any]:
        """How an id is stored."""
        return token_dtype(int(self.record["vocabulary_size"]))

    @property
    def stream_shards(self) -> int:
        """How many shards the stream has."""
        return -(-int(self.record["sequences"]) // self.shard_sequences)

    def sequences_of(self, index: int) -> tuple[int, int]:
        """The first position of a stream shard, and the first that is past it."""
        first = index * self.shard_sequences
        return first, min(first + self.shard_sequences, int(self.record["sequences"]))

    def windows_of(self, source: str, unit: int) -> tuple[int, int]:
        """The windows that begin in a token shard: the first, and the first that does not."""
        sizes = [tokens for _, tokens in self.shards[source]]
        before, width = sum(sizes[:unit]), self.sequence_tokens
        available = int(self.record["sources"][source]["available_sequences"])
        first, last = -(-before // width), -(-(before + sizes[unit]) // width)
        return min(first, available), min(last, available)


def plan_mix(
    shards: Mapping[str, Sequence[tuple[str, int]]], recipe: Recipe, *, vocabulary_size: int, tokenizer_digest: str
) -> MixPlan:
    """The plan for token shards (name, tokens) by source. Raises FatalError where a source has not one sequence."""
    width = recipe.mixture.sequence_tokens
    ordered = {source: sorted(shards.get(source, ())) for source in recipe.sources}
    available = {source: sum(tokens for _, tokens in found) for source, found in ordered.items()}
    try:
        mixture = Mixture(
            components=[
                Component(name=source, weight=recipe.mixture.weights[source], available_tokens=available[source])
                for source in recipe.sources
            ],
            total_tokens=recipe.mixture.total_tokens,
            sequence_tokens=width,
        )
        shares = mixture.shares()
        Order(shares, recipe.seed)
    except ValueError as error:
        raise FatalError(f"mixture: {error}") from error
    sources = {
        share.name: {
            "weight": recipe.mixture.weights[share.name],
            "sequences": share.sequences,
            "available_sequences": share.available,
            "available_tokens": available[share.name],
            "unused_tokens": available[share.name] - share.available * width,
            "epochs": round(share.sequences / share.available, 6) if share.available else 0.0,
            "tokens": share.sequences * width,
        }
        for share in shares
    }
    record = {
        "version": VERSION,
        "dtype": token_dtype(vocabulary_size).name,
        "sequence_tokens": width,
        "sequences": mixture.sequences,
        "vocabulary_size": vocabulary_size,
        "tokenizer_digest": tokenizer_digest,
        "seed": recipe.seed,
        "sources": sources,
    }
    return MixPlan(shards=ordered, record=record, shard_sequences=recipe.mixture.shard_sequences)


@dataclass(frozen=True, slots=True)
class MixRounds:
    """How the stage decides: picklable, and its results do not depend on the order in which blocks arrive."""

    plan: MixPlan

    def sketch(self, source: str, unit: int, open_shard: OpenShard) -> Iterator[tuple[int, bytes]]:
        """(stream shard, block) for the windows that begin in the source's token shard number `unit`."""
        plan, order = self.plan, self.plan.order
        number = order.names.index(source)
        for first, windows in read_windows(plan, source, unit, open_shard):
            sequences = np.arange(first, first + len(windows))
            for epoch in range(order.epochs(number)):
                positions = order.positions(number, epoch, sequences)
                yield from self._blocks(positions, windows)

    def write_shard(self, index: int, blocks: Iterable[bytes], sink: BinaryIO) -> int:
        """Write a stream shard's sequences in order into a seekable file, and give their number.

        Each goes straight to its place: memory holds one block. Raises ValueError where one is missing or comes twice.
        """
        first, last = self.plan.sequences_of(index)
        seen = np.zeros(last - first, dtype=bool)
        width = self.plan.sequence_tokens * self.plan.dtype.itemsize
        for block in blocks:
            places, rows = self._unpack(block)
            places -= first
            if len(places) and not (places.min() >= 0 and places.max() < len(seen)):
                raise ValueError(f"stream shard {index} was sent a sequence of another shard")
            if seen[places].any():
                raise ValueError(f"stream shard {index} was sent a sequence twice")
            seen[places] = True
            for place, row in zip(places.tolist(), rows, strict=True):
                sink.seek(place * width)
                sink.write(row.tobytes())
        if not seen.all():
            raise ValueError(f"stream shard {index} lacks {int((~seen).sum())} of {len(seen)} sequences")
        return len(seen)

    def _blocks(self, positions: NDArray[np.int64], windows: NDArray[Any]) -> Iterator[tuple[int, bytes]]:
        """Windows sorted by the stream shard that they go to: count, positions, tokens."""
        chosen = np.flatnonzero(positions >= 0)
        chosen = chosen[np.argsort(positions[chosen], kind="stable")]
        shards = positions[chosen] // self.plan.shard_sequences
        for shard in np.unique(shards).tolist():
            rows = chosen[np.searchsorted(shards, shard) : np.searchsorted(shards, shard, side="right")]
            yield shard, _HEADER.pack(len(rows)) + positions[rows].astype("<i8").tobytes() + windows[rows].tobytes()

    def _unpack(self, block: bytes) -> tuple[NDArray[np.int64], NDArray[Any]]:
        (count,) = _HEADER.unpack_from(block)
        places = np.frombuffer(block, "<i8", count, _HEADER.size).astype(np.int64)
        rows = np.frombuffer(block, self.plan.dtype, offset=_HEADER.size + 8 * count)
        return places, rows.reshape(count, self.plan.sequence_tokens)


def read_windows(plan: MixPlan, source: str, unit: int, open_shard: OpenShard) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first window, windows as rows) of a token shard, a chunk at a time; the last may end in the shards after it."""
    width, dtype = plan.sequence_tokens, plan.dtype
    window, last = plan.windows_of(source, unit)
    before = sum(tokens for _, tokens in plan.shards[source][:unit])
    at_a_time = max(1, CHUNK_BYTES // (width * dtype.itemsize))
    pieces = _pieces(plan, source, unit, (window * width - before) * dtype.itemsize, open_shard)
    held = b""
    while window < last:
        count = min(at_a_time, last - window)
        wanted = count * width * dtype.itemsize
        parts, size = [held], len(held)
        while size < wanted:
            parts.append(next(pieces))
            size += len(parts[-1])
        joined = b"".join(parts)
        held = joined[wanted:]
        yield window, np.frombuffer(joined, dtype, count * width).reshape(count, width)
        window += count


def read_window(plan: MixPlan, source: str, sequence: int, open_shard: OpenShard) -> NDArray[Any]:
    """One window of a source, wherever its token shards hold it."""
    start = sequence * plan.sequence_tokens
    unit = 0
    while start >= plan.shards[source][unit][1]:
        start -= plan.shards[source][unit][1]
        unit += 1
    wanted, found = plan.sequence_tokens * plan.dtype.itemsize, b""
    pieces = _pieces(plan, source, unit, start * plan.dtype.itemsize, open_shard)
    while len(found) < wanted:
        found += next(pieces)
    return np.frombuffer(found[:wanted], plan.dtype)


def _pieces(plan: MixPlan, source: str, unit: int, skip: int, open_shard: OpenShard) -> Iterator[bytes]:
    """The bytes of a token shard from `skip` on, then those of the shards after it, 1 MiB at a time."""
    for name, _ in plan.shards[source][unit:]:
        with open_shard(source, name) as stream:
            stream.seek(skip)
            skip = 0
            while piece := stream.read(1 << 20):
                yield piece
    raise ValueError(f"{source}: token shards are shorter than the plan says")


def stream_record(plan: MixPlan, written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`stream.json`, from the bytes and digest of each stream shard in order."""
    shards = [
        {"name": shard_name(i), "sequences": last - first, "bytes": output["bytes"], "digest": output["digest"]}
        for i, output in enumerate(written)
        for first, last in [plan.sequences_of(i)]
    ]
    record = dict(plan.record) | {"shards": shards}
    return record | {"digest": stream_digest(record)}
