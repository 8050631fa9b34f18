"""Batches of a stream for any trainer, with NumPy alone: no worker processes, and one integer of state.

loader = Loader(Stream.open("out/llama1/stream"), batch_sequences=2048, consumed=0)
for batch in loader:
    train_on(batch.tokens)  # (2048, sequence_tokens) ids
    save(batch.consumed)  # all that a resumed run has to know
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mixtures.permutation import Integers
from mixtures.read_ahead import ReadAhead
from mixtures.stream import Stretch


class Readable(Protocol):
    """What a loader asks of a stream: `mixtures.stream.Stream`, `VirtualStream`, or any object like them."""

    @property
    def sequences(self) -> int:
        """How many sequences there are."""

    @property
    def vocabulary_size(self) -> int:
        """Every id is below this."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """How ids are stored."""

    def stretches(self, start: int, count: int) -> list[Stretch]:
        """These positions, cut where the sequences' length changes."""

    def read(self, start: int, count: int, dtype: DTypeLike) -> NDArray[Any]:
        """These sequences, which are of one length, as (count, sequence_tokens)."""

    def source_of(self, start: int, count: int) -> Integers:
        """The source of each, as a number into `list(stream.sources)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A rank's part of one batch: sequences `first` … of the stream, in the stream's order.

    `sources` numbers the source of each, into `list(stream.sources)`. `consumed` is the loader's state once all ranks
    have had this batch.
    """

    first: int
    tokens: NDArray[Any]
    sources: Integers
    consumed: int


class Loader:
    """Iterates the batches of a stream from sequence `consumed` on; ends before the first that is not whole.

    A batch is the next `batch_sequences` of the stream, whatever the number of ranks: of `ranks`, `rank` gets its equal
    part. So another number of ranks or another size of batch goes on from the same `consumed`, and nothing is read
    twice or left out. A batch holds sequences of one length.

    `prefetch` batches at most are read ahead by a thread (none without, and then in the caller's); `dtype` is what ids
    are given as, by default how they are stored. `end` is the position to stop at, by default the stream's end.
    Raises ValueError for a setting that does not fit the stream.
    """

    def __init__(
        self,
        stream: Readable,
        *,
        batch_sequences: int,
        consumed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        end: int | None = None,
        prefetch: int = 2,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.stream = stream
        self.batch_sequences = batch_sequences
        self.rank, self.ranks = rank, ranks
        self.end = stream.sequences if end is None else end
        self.consumed = consumed
        self.dtype = stream.dtype if dtype is None else np.dtype(dtype)
        self.prefetch = prefetch
        self.waited_seconds = 0.0
        self._ahead: ReadAhead[Batch] | None = None
        self._refuse()

    def _refuse(self) -> None:
        if self.batch_sequences < 1:
            raise ValueError(f"batch_sequences must be at least 1, got {self.batch_sequences}")
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"rank must be at least 0 and below ranks = {self.ranks}, got {self.rank}")
        if self.batch_sequences % self.ranks:
            raise ValueError(f"batch_sequences must be a multiple of ranks = {self.ranks}, got {self.batch_sequences}")
        if self.prefetch < 0:
            raise ValueError(f"prefetch must be at least 0, got {self.prefetch}")
        if not 0 <= self.end <= self.stream.sequences:
            raise ValueError(f"end must lie in 0 … {self.stream.sequences}, the stream's sequences, got {self.end}")
        if not 0 <= self.consumed <= self.end:
            raise ValueError(f"consumed must lie in 0 … {self.end}, where the loader ends, got {self.consumed}")
        highest = self.stream.vocabulary_size - 1
        if self.dtype.kind not in "iu" or highest > np.iinfo(self.dtype).max:
            raise ValueError(f"dtype must hold whole numbers up to {highest}, got {self.dtype}")
        for stretch in self.stream.stretches(self.consumed, self.end - self.consumed)[:-1]:
            if stretch.count % self.batch_sequences:
                raise ValueError(
                    f"batch_sequences must divide {stretch.count}, the sequences from {stretch.first} to where their"
                    f" length changes, got {self.batch_sequences}"
                )

    @property
    def ready(self) -> int:
        """Batches that have been read ahead and wait."""
        return self._ahead.ready if self._ahead else 0

    @property
    def left_over(self) -> int:
        """Sequences before the end that fill no batch."""
        return (self.end - self.consumed) % self.batch_sequences

    def __len__(self) -> int:
        """Batches to come."""
        return (self.end - self.consumed) // self.batch_sequences

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        if not len(self):
            self.close()
            raise StopIteration
        began = time.perf_counter()
        try:
            batch = self._take()
        except BaseException:
            self._ahead = None  # Asked again, it begins with the batch that failed.
            raise
        self.waited_seconds += time.perf_counter() - began
        self.consumed = batch.consumed
        return batch

    def _take(self) -> Batch:
        if self._ahead is not None:
            return self._ahead.take()
        batches = _batches(
            self.stream, self.consumed, self.end, self.batch_sequences, self.rank, self.ranks, self.dtype
        )
        if not self.prefetch:
            return next(batches)
        self._ahead = ReadAhead(batches, self.prefetch)
        return self._ahead.take()

    def close(self) -> None:
        """Stop the thread. The next batch asked for starts one again, from where the loader stands."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _batches(
    stream: Readable, consumed: int, end: int, size: int, rank: int, ranks: int, dtype: np.dtype[Any]
) -> Iterator[Batch]:
    part = size // ranks
    for start in range(consumed, end - size + 1, size):
        first = start + rank * part
        yield Batch(
            first=first,
            tokens=stream.read(first, part, dtype),
            sources=stream.source_of(first, part),
            consumed=start + size,
        )
