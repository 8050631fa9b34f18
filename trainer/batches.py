"""Batches of token sequences from the stream, in its order; the only state is how many sequences were consumed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtures.loader import Batch, Loader, Readable
from tokenizer.special_ids import UNK
from trainer.config import TrainerConfig
from trainer.errors import SettingsError, TrainingError
from trainer.loss import UNCOUNTED
from trainer.parallel import World


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
    """Sequences that go through the model together: tokens and targets (B, T), and the number of each one's source."""

    tokens_BT: Tensor
    targets_BT: Tensor
    sources_B: Tensor

    def nats_by_source(self, sequence_nats_B: Tensor, sources: int) -> Tensor:
        """The sum of each source's sequences, float64, (S,)."""
        source_SB = self.sources_B == torch.arange(sources, device=self.sources_B.device).unsqueeze(1)
        nats_S: Tensor = source_SB.double() @ sequence_nats_B.double()
        return nats_S


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
    for length in lengths(stream, config):
        if length % config.tensor_parallel:
            raise SettingsError(
                f"tensor_parallel must divide the stream's sequence_tokens = {length}, got {config.tensor_parallel}"
            )
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


def next_batch(loader: Loader, vocabulary_size: int) -> Batch:
    """The batch of the next step. Raises TrainingError or OSError where it cannot be read, or holds a wrong id."""
    try:
        batch = next(loader)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    _check_ids(batch, vocabulary_size)
    return batch


def micro_batches(batch: Batch, config: TrainerConfig, world: World) -> Iterator[MicroBatch]:
    """This process's sequences of a batch that all have whole, `micro_batch_sequences` at a time."""
    rows = range(world.data_rank, len(batch.tokens), world.data_ranks)
    for first in range(0, len(rows), config.micro_batch_sequences):
        piece = rows[first : first + config.micro_batch_sequences]
        places = slice(piece.start, piece.stop, piece.step)
        tokens = batch.tokens[places].astype(np.int64)
        arrays = (tokens, _targets(tokens), batch.sources[places].astype(np.int64))
        yield MicroBatch(*(torch.from_numpy(array).to(world.device, non_blocking=True) for array in arrays))


def count_predictions(batch: Batch, sources: Sequence[str]) -> dict[str, int]:
    """How many predictions of each source the whole batch asks for."""
    of_sequence = (_targets(batch.tokens) != UNCOUNTED).sum(axis=1)
    counts = np.bincount(batch.sources, weights=of_sequence, minlength=len(sources))
    return {name: int(count) for name, count in zip(sources, counts, strict=True)}


def _targets(tokens: NDArray[Any]) -> NDArray[np.int64]:
    """The token after each; none after the last, and none where a takedown has left UNK in a text's place."""
    targets = np.full(tokens.shape, UNCOUNTED, np.int64)
    targets[:, :-1] = tokens[:, 1:]
    targets[targets == UNK] = UNCOUNTED
    return targets


def _check_ids(batch: Batch, vocabulary_size: int) -> None:
    """A wrong id would read beside the embedding: on a GPU an abort that names nothing."""
    wrong_BT = (batch.tokens < 0) | (batch.tokens >= vocabulary_size)
    if wrong_BT.any():
        row, column = np.argwhere(wrong_BT)[0].tolist()
        raise TrainingError(
            f"sequence {batch.first + row} of the stream holds id {batch.tokens[row, column]}, "
            f"the vocabulary has {vocabulary_size}"
        )
