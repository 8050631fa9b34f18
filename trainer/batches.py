"""Batches of token sequences from the stream, in its order; the only state is how many sequences were consumed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mixtures.loader import Batch, Loader, Readable
from trainer.config import TrainerConfig
from trainer.errors import SettingsError, TrainingError


class TokenStream(Readable, Protocol):
    """What the trainer asks of a stream: `mixtures.stream.Stream`, `VirtualStream`, or any object like them."""

    @property
    def sequence_tokens(self) -> int:
        """Tokens of the first sequence."""

    @property
    def digest(self) -> str:
        """Changes when any token, the order or the tokenizer does."""

    def digest_until(self, position: int) -> str:
        """Changes when any token before the position does."""

    @property
    def tokenizer_digest(self) -> str:
        """Of the tokenizer that the ids are of."""

    @property
    def sources(self) -> Mapping[str, Any]:
        """The sources by name."""


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
    shortest = min(lengths(stream, config))
    if shortest < 2:
        raise SettingsError(f"the stream's sequence_tokens must be at least 2, got {shortest}")
    try:
        batches_from(0, stream, config)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def lengths(stream: TokenStream, config: TrainerConfig) -> list[int]:
    """Tokens of the sequences that the steps read, a number for each length in turn."""
    return [stretch.sequence_tokens for stretch in stream.stretches(0, config.steps * config.batch_sequences)]


def tokens_before(position: int, stream: TokenStream) -> int:
    """Tokens of the sequences before a position."""
    return sum(stretch.count * stretch.sequence_tokens for stretch in stream.stretches(0, position))


def batches_from(consumed: int, stream: TokenStream, config: TrainerConfig) -> Loader:
    """The batches of the steps that follow after so many sequences; a batch holds sequences of one length."""
    end = config.steps * config.batch_sequences
    return Loader(stream, batch_sequences=config.batch_sequences, consumed=consumed, end=end)


def next_batch(loader: Loader) -> Batch:
    """The batch of the next step. Raises TrainingError or OSError where it cannot be read."""
    try:
        return next(loader)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def micro_batches(
    batch: Batch, stream: TokenStream, config: TrainerConfig, device: torch.device
) -> Iterator[MicroBatch]:
    """A batch in pieces of at most `micro_batch_sequences`."""
    names = list(stream.sources)
    _check_ids(batch, stream.vocabulary_size)
    for first in range(0, len(batch.tokens), config.micro_batch_sequences):
        piece = slice(first, first + config.micro_batch_sequences)
        tokens_BT = torch.from_numpy(batch.tokens[piece].astype(np.int64)).to(device)
        yield MicroBatch(tokens_BT, tuple(names[number] for number in batch.sources[piece].tolist()))


def _check_ids(batch: Batch, vocabulary_size: int) -> None:
    """A wrong id would read beside the embedding: on a GPU an abort that names nothing."""
    wrong_BT = (batch.tokens < 0) | (batch.tokens >= vocabulary_size)
    if wrong_BT.any():
        row, column = np.argwhere(wrong_BT)[0].tolist()
        raise TrainingError(
            f"sequence {batch.first + row} of the stream holds id {batch.tokens[row, column]}, "
            f"the vocabulary has {vocabulary_size}"
        )
