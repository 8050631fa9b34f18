"""The stream as a map: what lies at a position, where a source's tokens land, which training step reads a position."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mixtures.plan import ABSENT, Phase, Plan
from mixtures.stream import RECORD_NAME, token_dtype
from pipeline.errors import FatalError, SettingError
from pipeline.explain_tokens import SourceTokens
from pipeline.run import Run

_BLOCKS_AT_A_TIME = 1 << 16


class Piece(NamedTuple):
    """A run of tokens of a sequence: tokens `token` … `token + tokens` of its source, in an epoch."""

    epoch: int
    token: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Tokens of a source in the stream, all of one sequence; `first` counts within that sequence."""

    epoch: int
    position: int
    first: int
    tokens: int
    stream_token: int
    source_token: int


class StreamMap:
    """The plan of a finished stream, beside the token shards that it was mixed of."""

    def __init__(self, run: Run) -> None:
        record = run.output.read_json(f"stream/{RECORD_NAME}")
        if record is None:
            raise FatalError(f"there is no stream below {run.output.url}: run `tokenmill mix` first")
        self.record: Mapping[str, Any] = record
        self.plan = Plan.from_record(record)
        self.dtype = token_dtype(int(record["vocabulary_size"]))
        self.batch_sequences = run.recipe.trainer.batch_sequences
        self._output, self._sources = run.output, dict[str, SourceTokens]()
        self._shard_ends = np.cumsum([int(shard["bytes"]) // self.dtype.itemsize for shard in record["shards"]])

    def source(self, name: str) -> SourceTokens:
        """A source's tokens. Raises SettingError for a source that the stream has not."""
        if name not in self.plan.names:
            raise SettingError(f"the stream has no source {name!r}; it has {', '.join(self.plan.names)}")
        if name not in self._sources:
            self._sources[name] = SourceTokens(self._output, name, self.dtype)
        return self._sources[name]

    def phase(self, position: int) -> Phase:
        """The phase of a position. Raises SettingError for one that is not in the stream."""
        if not 0 <= position < self.plan.sequences:
            raise SettingError(f"position must be 0 … {self.plan.sequences - 1}, got {position}")
        return self.plan.phase_of(position)

    def pieces(self, position: int) -> tuple[str, list[Piece]]:
        """The source of a position, and what its sequence is made of, in order."""
        width = self.phase(position).piece_tokens
        found = self.plan.places(np.array([position]))
        pairs = zip(found.epoch[0].tolist(), found.token[0].tolist(), strict=True)
        return self.plan.names[int(found.source[0])], [Piece(epoch, token, width) for epoch, token in pairs]

    def landings(self, source: str, start: int, count: int) -> Iterator[Landing]:
        """Where tokens `start` … `start + count` of a source lie in the stream: phase by phase, epoch by epoch.

        What no block holds, the few tokens at the end of a source, lands nowhere.
        """
        plan, width = self.plan, self.plan.block_tokens
        number = plan.names.index(source)
        first, last = start // width, min(-(-(start + count) // width), plan.blocks[number])
        for phase in plan.phases:
            for epoch in plan.epochs(phase, number):
                for block in range(first, last, _BLOCKS_AT_A_TIME):
                    blocks = np.arange(block, min(last, block + _BLOCKS_AT_A_TIME))
                    found = plan.landings(phase, number, epoch, blocks)
                    tokens = blocks[:, None] * width + np.arange(found.shape[1]) * phase.piece_tokens
                    inside = (found != ABSENT) & (tokens < start + count) & (tokens + phase.piece_tokens > start)
                    for place, token in zip(found[inside].tolist(), tokens[inside].tolist(), strict=True):
                        low, high = max(token, start), min(token + phase.piece_tokens, start + count)
                        yield _landing(phase, epoch, place + low - token, low, high - low)

    def shard_of(self, stream_token: int) -> tuple[int, int]:
        """The number of the stream's shard that holds a token of the stream, and the token's place in it."""
        number = int(np.searchsorted(self._shard_ends, stream_token, side="right"))
        return number, stream_token - (int(self._shard_ends[number - 1]) if number else 0)

    def step_of(self, position: int) -> int:
        """The training step that reads a position, counted from 1 as `metrics.jsonl` does."""
        return position // self.batch_sequences + 1


def _landing(phase: Phase, epoch: int, stream_token: int, source_token: int, tokens: int) -> Landing:
    sequence, first = divmod(stream_token - phase.first_token, phase.sequence_tokens)
    return Landing(
        epoch=epoch,
        position=phase.first + sequence,
        first=first,
        tokens=tokens,
        stream_token=stream_token,
        source_token=source_token,
    )


METRICS = "training/metrics.jsonl"


def steps_skipped(run: Run) -> frozenset[int]:
    """The training steps that changed nothing: the trainer read their sequences, and learned nothing of them."""
    if not run.output.size(METRICS):
        return frozenset()
    with run.output.open(METRICS) as stream:
        return frozenset(_step(line) for line in stream if b'"skipped": true' in line)


def steps_done(run: Run) -> int:
    """How many training steps the output folder has metrics of: the number on the last whole line."""
    size = run.output.size(METRICS)
    if not size:
        return 0
    with run.output.open(METRICS) as stream:
        stream.seek(max(0, size - (1 << 16)))
        lines = stream.read().split(b"\n")[:-1]  # What stands behind the last line end is not whole.
    return _step(lines[-1]) if lines else 0


def _step(line: bytes) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
