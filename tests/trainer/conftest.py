"""Small streams and settings for the trainer's tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixtures.stream import VERSION, shard_name, stream_digest
from trainer.config import TrainerConfig

VOCABULARY = 32


class ArrayStream:
    """A stream that lies in memory: two sources in turn."""

    vocabulary_size = VOCABULARY
    tokenizer_digest = "tokenizer"

    def __init__(self, ids: np.ndarray, digest: str = "stream") -> None:
        self.ids, self.digest, self.sources = ids, digest, {"c4": {}, "books": {}}
        self.sequences, self.sequence_tokens = ids.shape

    def read(self, start: int, count: int) -> np.ndarray:
        return self.ids[start : start + count]

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
    folder = tmp_path / "stream"
    folder.mkdir()
    ids = counting_ids(400, 16).astype("<u2")
    (folder / shard_name(0)).write_bytes(ids.tobytes())
    record: dict[str, Any] = {
        "version": VERSION, "dtype": "uint16", "block_tokens": 16, "vocabulary_size": VOCABULARY,
        "tokenizer_digest": "tokenizer", "seed": 0, "sources": {"c4": {"blocks": 400}},
        "phases": [{"sequence_tokens": 16, "shares": {"c4": 400}}],
        "shards": [{"name": shard_name(0), "sequences": 400, "bytes": ids.nbytes, "digest": "shard"}],
    }  # fmt: skip
    (folder / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small sums gain nothing from threads, and the count is part of what repeats."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(False)
