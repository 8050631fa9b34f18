"""Batches of token sequences from the stream, in its order; the only state is how many sequences were consumed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainer.config import TrainerConfig
from trainer.errors import SettingsError, TrainingError


class TokenStream(Protocol):
    """What the trainer asks of a stream: `mixtures.stream.Stream`, or any object like it."""

    @property
    def sequences(self) -> int:
        """How many sequences there are."""

    @property
    def sequence_tokens(self) -> int:
        """Tokens of each sequence."""

    @property
    def vocabulary_size(self) -> int:
        """Every id is below this."""

    @property
    def digest(self) -> str:
        """Changes when any token, the order or the tokenizer does."""

    @property
    def tokenizer_digest(self) -> str:
        """Of the tokenizer that the ids are of."""

    @property
    def sources(self) -> Mapping[str, Any]:
        """The sources by name."""

    def read(self, start: int, count: int) -> npt.NDArray[np.int64]:
        """Sequences start … start + count - 1, as (count, sequence_tokens)."""

    def source_of(self, start: int, count: int) -> npt.NDArray[np.int64]:
        """The source that each of these sequences comes from, as a number into `list(sources)`."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Sequences that go through the model together, (B, T), and the source of each."""

    tokens_BT: Tensor
    sources: tuple[str, ...]


def check_stream(stream: TokenStream, config: TrainerConfig) -> None:
    """Raises where the stream is too short for the steps: it is read once, since its order already holds the epochs."""
    needed = config.steps * config.batch_sequences
    if needed > stream.sequences:
        raise SettingsError(
            f"steps * batch_sequences must be at most {stream.sequences}, the stream's sequences, "
            f"got {config.steps} * {config.batch_sequences} = {needed}"
        )
    if stream.sequence_tokens < 2:
        raise SettingsError(f"the stream's sequence_tokens must be at least 2, got {stream.sequence_tokens}")


def micro_batches(stream: TokenStream, start: int, config: TrainerConfig, device: torch.device) -> Iterator[MicroBatch]:
    """The batch that begins at sequence `start`, in pieces of at most `micro_batch_sequences`."""
    names = list(stream.sources)
    end = start + config.batch_sequences
    for first in range(start, end, config.micro_batch_sequences):
        count = min(config.micro_batch_sequences, end - first)
        ids = stream.read(first, count)
        _check_ids(ids, first, stream)
        tokens_BT = torch.from_numpy(np.ascontiguousarray(ids, dtype=np.int64)).to(device)
        sources = tuple(names[number] for number in stream.source_of(first, count).tolist())
        yield MicroBatch(tokens_BT, sources)


def _check_ids(ids: npt.NDArray[np.int64], first: int, stream: TokenStream) -> None:
    """A wrong id would read beside the embedding: on a GPU an abort that names nothing."""
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= stream.vocabulary_size:
        wrong = low if low < 0 else high
        raise TrainingError(
            f"sequences {first} to {first + len(ids) - 1} of the stream hold id {wrong}, "
            f"the vocabulary has {stream.vocabulary_size}"
        )
