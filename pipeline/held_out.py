"""Documents that no model trains on: drawn by their ids at stage `tokenize`, and kept with their text to measure by.

They lie in `held-out/SOURCE/UNIT.parquet`, columns `doc_id`, `origin`, `text`, whatever is kept of other rejected ones.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar

import pyarrow as pa

from filters.batch import BATCH_BYTES, FilterResult, first_reason, text_bytes
from pipeline.samples import rank
from pipeline.storage import Folder, Output, ParquetSink, PendingFile

HELD_OUT = "held-out"
REASON = "held_out"
SCHEMA = pa.schema([("doc_id", pa.string()), ("origin", pa.string()), ("text", pa.large_string())])


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """Takes a fraction of the documents out, by rank: which ones follows from doc_id and seed alone.

    Source: not in the paper. By doc_id and not by text: a takedown empties texts, and the same ones are drawn after it.
    Reads doc_id. Rejects: held_out. Counts: nothing.
    """

    name: ClassVar[str] = "hold_out"
    reasons: ClassVar[tuple[str, ...]] = (REASON,)
    fraction: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ValueError(f"fraction must be at least 0 and below 1, got {self.fraction}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """The batch as it came; `reason` is null where the document may be trained on."""
        bound = int(self.fraction * (1 << 64))
        purpose = f"held-out {self.seed}"  # Not the rank that draws tokenizer samples: those stay as they are.
        hits = [bound > 0 and rank(purpose, doc_id) < bound for doc_id in batch.column("doc_id").to_pylist()]
        return FilterResult(batch, first_reason(held_out=hits), {})


class HeldOutFile:
    """A unit's held-out documents; the file appears when the block ends without an error, and not for no document."""

    def __init__(self, output: Folder, source: str, unit: str) -> None:
        self._output = output
        self._name = held_out_name(source, unit)
        self._stack = ExitStack()
        self._pending: PendingFile | None = None
        self._sink: ParquetSink | None = None
        self._batches: list[pa.RecordBatch] = []
        self.written: dict[str, Output] = {}

    def __enter__(self) -> "HeldOutFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
            if self._sink is not None:
                self._sink.close()
        except OSError as fault:
            self._stack.__exit__(type(fault), fault, fault.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
        if self._pending is not None and self._pending.output is not None:
            self.written[self._name] = self._pending.output

    def reject(self, filter_name: str, batch: pa.RecordBatch, reason: pa.Array) -> None:
        """Documents that were drawn."""
        if batch.num_rows:
            self._batches.append(batch.select(SCHEMA.names).cast(SCHEMA))
            # A batch in ten may hold one of them: a row group for each would be larger than the text.
            if sum(map(text_bytes, self._batches)) >= BATCH_BYTES:
                self._flush()

    def _flush(self) -> None:
        if not self._batches:
            return
        if self._sink is None:
            self._pending = self._stack.enter_context(self._output.create(self._name))
            self._sink = ParquetSink(self._pending.path, SCHEMA)
        for batch in pa.Table.from_batches(self._batches).combine_chunks().to_batches():
            self._sink.write(batch)
        self._batches = []


def held_out_name(source: str, unit: str) -> str:
    """Where a unit's held-out documents lie below the output folder."""
    return f"{HELD_OUT}/{source}/{unit}.parquet"
