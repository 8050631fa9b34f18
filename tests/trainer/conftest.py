"""Small streams and settings for the trainer's tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixtures.byte_ranges import LocalFiles
from mixtures.stream import VERSION, Stretch, VirtualStream, shard_name, stream_digest
from trainer.config import TrainerConfig

VOCABULARY = 32


class ArrayStream:
    """A stream that lies in memory: two sources in turn."""

    vocabulary_size = VOCABULARY
    tokenizer_digest = "tokenizer"

    def __init__(self, ids: np.ndarray, digest: str = "stream") -> None:
        self.ids, self.digest, self.sources = ids, digest, {"c4": {}, "books": {}}
        self.sequences, self.sequence_tokens = ids.shape
        self.dtype = ids.dtype

    def digest_until(self, position: int) -> str:
        return f"{self.digest} {position}"

    def stretches(self, start: int, count: int) -> list[Stretch]:
        return [Stretch(start, count, self.sequence_tokens)] if count else []

    def read(self, start: int, count: int, dtype: Any) -> np.ndarray:
        return self.ids[start : start + count].astype(dtype)

    def source_of(self, start: int, count: int) -> np.ndarray:
        return np.arange(start, start + count) % 2


def counting_ids(sequences: int, tokens: int, vocabulary: int = VOCABULARY) -> np.ndarray:
    """Each sequence counts upwards from a seeded start: the next token follows from the last."""
    starts = np.random.default_rng(7).integers(0, vocabulary, (sequences, 1))
    return ((starts + np.arange(tokens)) % vocabulary).astype(np.int64)


@pytest.fixture
def array_stream() -> Callable[..., ArrayStream]:
    return lambda sequences=64, tokens=16, **kinds: ArrayStream(counting_ids(sequences, tokens), **kinds)


@pytest.fixture
def tiny() -> Callable[..., TrainerConfig]:
    """`tiny(steps=3)`: a model of some thousand weights."""
    base: dict[str, Any] = {
        "dimension": 16, "layers": 2, "heads": 2, "feed_forward_multiple": 8, "steps": 4, "batch_sequences": 4,
        "micro_batch_sequences": 2, "learning_rate": 1e-2, "warmup_steps": 2, "precision": "float32",
        "checkpoint_steps": 2, "threads": 1,
    }  # fmt: skip
    return lambda **settings: TrainerConfig(**(base | settings))


@pytest.fixture
def stream_folder(tmp_path: Path) -> Path:
    """A genuine stream of one source on disk: 400 sequences of 16 tokens."""
    return write_stream(tmp_path, (16, 400))


@pytest.fixture
def longer_and_longer(tmp_path: Path) -> Path:
    """Twelve sequences of 8 tokens, eight of 16, twelve of 32."""
    return write_stream(tmp_path, (8, 12), (16, 8), (32, 12))


def write_stream(root: Path, *phases: tuple[int, int]) -> Path:
    """`stream/` of phases (sequence_tokens, sequences), of the counting tokens that lie in `tokens/`."""
    blocks = -(-sum(width * sequences for width, sequences in phases) // 16)
    record: dict[str, Any] = {
        "version": VERSION, "dtype": "uint16", "block_tokens": 16, "vocabulary_size": VOCABULARY, "digest": "",
        "tokenizer_digest": "tokenizer", "seed": 0, "sources": {"c4": {"blocks": blocks}}, "shards": [],
        "phases": [{"sequence_tokens": width, "shares": {"c4": sequences}} for width, sequences in phases],
    }  # fmt: skip
    for folder in ("tokens/c4", "stream"):
        (root / folder).mkdir(parents=True)
    counting_ids(blocks, 16).astype("<u2").tofile(root / "tokens/c4/unit.bin")
    source = VirtualStream(record, LocalFiles(root / "tokens"), {"c4": [("c4/unit.bin", 16 * blocks)]})
    for index, phase in enumerate(source.plan.phases):
        ids, name = source.read(phase.first, phase.sequences, np.uint16), shard_name(index)
        ids.tofile(root / "stream" / name)
        about = {"name": name, "sequences": phase.sequences, "bytes": ids.nbytes, "digest": name}
        record["shards"].append(about)
    record["digest"] = stream_digest(record)
    (root / "stream" / "stream.json").write_text(json.dumps(record))
    return root / "stream"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small sums gain nothing from threads, and the count is part of what repeats."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(False)
