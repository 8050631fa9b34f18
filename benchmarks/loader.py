"""Batches out of the page cache: the loader, and memory maps sliced row by row as nanoGPT does it."""

import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import DisagreementError, Figures, race
from benchmarks.inputs import Inputs
from mixtures.llama1 import TABLE
from mixtures.loader import Loader
from mixtures.mixture import Ratios, plan_of
from mixtures.stream import RECORD_NAME, VERSION, Stream, VirtualStream, shard_name, stream_digest

WIDTH, BATCH = 2048, 2048
_MEGABYTES = 128
_VOCABULARY = 32_000

Batches = Callable[[], Iterator[NDArray[Any]]]


def load_stream(inputs: Inputs) -> Figures:
    """From the stream's own files."""
    folder, batch = written(inputs)
    stream = Stream.open(folder / "stream")

    def mapped() -> Iterator[NDArray[Any]]:
        for first in range(0, stream.sequences - batch + 1, batch):
            # nanoGPT maps the file anew for each batch, against a leak of memory.
            ids = np.memmap(folder / "stream" / shard_name(0), np.uint16, "r")
            yield np.stack([ids[row * WIDTH : (row + 1) * WIDTH] for row in range(first, first + batch)])

    return compared(inputs, stream, batch, mapped, "np.memmap, a slice for each row of a batch, np.stack")


def load_sources(inputs: Inputs) -> Figures:
    """From the token shards of the sources."""
    folder, batch = written(inputs)
    stream = VirtualStream.open(folder / "stream", folder / "tokens")
    maps = [np.memmap(folder / "tokens" / name / "unit.bin", np.uint16, "r") for name in stream.plan.names]

    def mapped() -> Iterator[NDArray[Any]]:
        for first in range(0, stream.sequences - batch + 1, batch):
            places = stream.plan.places(np.arange(first, first + batch))
            rows = zip(places.source.tolist(), places.token[:, 0].tolist(), strict=True)
            yield np.stack([maps[source][token : token + WIDTH] for source, token in rows])

    reference_is = "np.memmap of each shard, a slice for each row of a batch at the place that the plan says, np.stack"
    return compared(inputs, stream, batch, mapped, reference_is)


def compared(inputs: Inputs, stream: Stream | VirtualStream, batch: int, mapped: Batches, reference_is: str) -> Figures:
    """All batches by the loader and by the reference; the ids are compared before."""

    def loaded() -> Iterator[NDArray[Any]]:
        with Loader(stream, batch_sequences=batch) as loader:
            yield from (found.tokens for found in loader)

    for ours, theirs in zip_longest(loaded(), mapped()):
        if ours is None or theirs is None or not np.array_equal(ours, theirs):
            raise DisagreementError("a batch holds other ids")

    def agree(ours: int, theirs: int) -> None:
        if ours != theirs:
            raise DisagreementError(f"{ours} tokens here, {theirs} there")

    seconds = race(lambda: tokens_of(loaded), lambda: tokens_of(mapped), seconds=inputs.seconds, agree=agree)
    tokens = stream.sequences // batch * batch * WIDTH
    return Figures(
        ours=tokens / 1e6 / seconds[0],
        reference=tokens / 1e6 / seconds[1],
        reference_is=reference_is,
        unit="M tokens/s",
        input_bytes=tokens * stream.dtype.itemsize,
    )


def tokens_of(batches: Batches) -> int:
    """Goes through all batches, and holds one at a time as a trainer does."""
    return sum(batch.size for batch in batches())


def written(inputs: Inputs) -> tuple[Path, int]:
    """A folder with `tokens/` and `stream/` of random ids at Table 1's ratios and epochs, and sequences in a batch."""
    folder = inputs.work / "loader"
    sequences = max(8, inputs.size(_MEGABYTES) // (2 * WIDTH))
    if (folder / "stream" / RECORD_NAME).exists():
        return folder, min(BATCH, sequences // 4)
    chance = np.random.default_rng(0)
    weights = {row.source: row.weight for row in TABLE}
    available = {row.source: (int(sequences * row.weight / row.epochs) + 1) * WIDTH for row in TABLE}
    ratios = Ratios(sequences=sequences, sequence_tokens=WIDTH, weights=weights)
    plan = plan_of([ratios], available, block_tokens=WIDTH, seed=0)
    shard = {"name": shard_name(0), "sequences": sequences, "bytes": 2 * sequences * WIDTH, "digest": ""}
    record = plan.to_record() | {
        "version": VERSION,
        "dtype": "uint16",
        "vocabulary_size": _VOCABULARY,
        "tokenizer_digest": "",
        "sources": {name: {"blocks": tokens // WIDTH} for name, tokens in available.items()},
        "shards": [shard],
    }
    record["digest"] = stream_digest(record)
    for name, tokens in available.items():
        (folder / "tokens" / name).mkdir(parents=True)
        chance.integers(0, _VOCABULARY, tokens, np.uint16).tofile(folder / "tokens" / name / "unit.bin")
    (folder / "stream").mkdir()
    (folder / "stream" / RECORD_NAME).write_text(json.dumps(record))
    source = VirtualStream.open(folder / "stream", folder / "tokens")
    source.read(0, sequences, source.dtype).tofile(folder / "stream" / shard_name(0))
    return folder, min(BATCH, sequences // 4)
