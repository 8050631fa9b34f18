"""Small streams with the token shards that they are of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtures.plan import Plan
from mixtures.stream import Stream, VirtualStream, shard_name, stream_digest

BLOCK = 4
BLOCKS = {"a": 23, "b": 41}


def source_tokens(name: str) -> np.ndarray:
    """A source's tokens: every one distinct, so that it can be told where a sequence is from."""
    start = 1000 * (1 + list(BLOCKS).index(name))
    return np.arange(start, start + BLOCKS[name] * BLOCK + 3, dtype="<u2")


class SmallRun:
    """`tokens/` and `stream/` below a folder; a phase is (sequence_tokens, {source: sequences})."""

    def __init__(self, root: Path, phases: list[tuple[int, dict[str, int]]], shard_sequences: int = 7) -> None:
        self.stream, self.tokens = root / "stream", root / "tokens"
        self.stream.mkdir(parents=True)
        about = {name: {"blocks": blocks, "available_tokens": blocks * BLOCK + 3} for name, blocks in BLOCKS.items()}
        record: dict[str, Any] = {
            "version": 2, "dtype": "uint16", "block_tokens": BLOCK, "vocabulary_size": 3000, "tokenizer_digest": "t",
            "seed": 3, "sources": about, "shards": [],
            "phases": [{"sequence_tokens": width, "shares": shares} for width, shares in phases],
        }  # fmt: skip
        for name in BLOCKS:
            (self.tokens / name).mkdir(parents=True)
            for i, part in enumerate(np.split(source_tokens(name), [2, 13])):  # One is smaller than a sequence.
                part.tofile(self.tokens / name / f"unit-{i}.bin")
        self.rows = list(self._rows(Plan.from_record(record)))
        for phase in Plan.from_record(record).phases:
            for first in range(phase.first, phase.end, shard_sequences):
                self._write(record["shards"], self.rows[first : min(phase.end, first + shard_sequences)])
        record["digest"] = stream_digest(record)
        (self.stream / "stream.json").write_text(json.dumps(record))

    @staticmethod
    def _rows(plan: Plan) -> Any:
        for position in range(plan.sequences):
            places = plan.places(np.array([position]))
            tokens = source_tokens(plan.names[places.source[0]])
            width = plan.phase_of(position).piece_tokens
            yield np.concatenate([tokens[start : start + width] for start in places.token[0]]).tolist()

    def _write(self, shards: list[dict[str, Any]], rows: list[list[int]]) -> None:
        ids, name = np.array(rows, "<u2"), shard_name(len(shards))
        ids.tofile(self.stream / name)
        shards.append({"name": name, "sequences": len(rows), "bytes": ids.nbytes, "digest": name})

    def open(self) -> Stream:
        return Stream.open(self.stream)

    def virtual(self) -> VirtualStream:
        return VirtualStream.open(self.stream, self.tokens)


@pytest.fixture
def small_stream(tmp_path: Path) -> Callable[..., SmallRun]:
    """`small_stream((4, {"a": 20, "b": 28}), …)`: a run of these phases."""
    return lambda *phases: SmallRun(tmp_path / "run", list(phases or [(BLOCK, {"a": 20, "b": 28})]))


@pytest.fixture
def long_then_short(small_stream: Callable[..., SmallRun]) -> SmallRun:
    """24 sequences of a block, 12 of two blocks, 48 of half a block."""
    return small_stream((4, {"a": 10, "b": 14}), (8, {"a": 6, "b": 6}), (2, {"a": 8, "b": 40}))
