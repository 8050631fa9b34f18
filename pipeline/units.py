"""How a unit runs: open, iterate batches through filters, write, rename, record. Plain Python, no Beam."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import DOCUMENT_SCHEMA, Filter, text_bytes
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawDocument, Record
from pipeline.ledger import Tally
from pipeline.storage import Folder, Output, ParquetSink, PendingFile, digest_of

QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("source", "unit", "origin", "reason", "detail")]
    + [("size", pa.int64()), ("raw", pa.binary())]
)

REJECTED_COLUMNS = ("filter", "reason")
"""What a rejected document has beside its own columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One input file, or part `part` of `parts` of one, and what it becomes: what is dealt, retried and resumed.

    `size` is the file's bytes, or the part's share of them.
    """

    source: str
    name: str
    input: str
    size: int
    part: int = 1
    parts: int = 1


def unit_name(source: str, path: str, part: int = 1, parts: int = 1) -> str:
    """A file name that follows from the input's path below the root, distinct for distinct paths and parts."""
    stem = path.removeprefix(f"{source}/")
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", stem).strip(".-")[-120:]
    is_plain = plain == stem and not _PART.search(stem)
    name = plain if is_plain else f"{plain}-{digest_of(path)[:8]}"
    return name if parts == 1 else f"{name}-part-{part:05d}-of-{parts:05d}"


_PART = re.compile(r"-part-\d+-of-\d+\Z")
"""What the name of a part ends with, so that no file may have a name of this kind to itself."""


class UnitOutputs:
    """The three files of a unit at a stage: documents, rejected documents, quarantine.

    They appear together when the block ends without an error; a file that would be empty, but for the documents, is
    not written, and what an earlier run left in its place goes. `schema` is that of the documents; rejected ones have
    filter and reason as well.
    """

    def __init__(
        self,
        output: Folder,
        stage: str,
        source: str,
        unit: str,
        *,
        keep_rejected: bool,
        schema: pa.Schema = DOCUMENT_SCHEMA,
    ) -> None:
        self._output = output
        self._names = {
            "documents": f"documents/{stage}/{source}/{unit}.parquet",
            "rejected": f"rejected/{stage}/{source}/{unit}.parquet",
            "quarantine": f"quarantine/{stage}/{source}/{unit}.parquet",
        }
        self._keep_rejected = keep_rejected
        self._schema = schema
        self._rejected_schema = pa.schema([*schema, *(pa.field(name, pa.string()) for name in REJECTED_COLUMNS)])
        self._source, self._unit = source, unit
        self._stack = ExitStack()
        self._open: dict[str, tuple[PendingFile, ParquetSink]] = {}
        self._bad: list[dict[str, Any]] = []
        self.written: dict[str, Output] = {}

    def __enter__(self) -> "UnitOutputs":
        # No file is begun yet: where its first bytes find no room, that is met within the block, and nothing stays.
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._sink("documents", self._schema)
                self._flush_quarantine()
            with ExitStack() as sinks:  # All of them, also where one finds no room for its footer.
                for _, sink in self._open.values():
                    sinks.callback(sink.close)
        except OSError as fault:
            self._stack.__exit__(type(fault), fault, fault.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            for what, (pending, _) in self._open.items():
                if pending.output is not None:
                    self.written[self._names[what]] = pending.output
            for what in set(self._names) - set(self._open):
                self._output.delete(self._names[what])

    def keep(self, batch: pa.RecordBatch) -> None:
        """Documents that the stage keeps."""
        self._sink("documents", self._schema).write(batch)

    def reject(self, filter_name: str, batch: pa.RecordBatch, reason: pa.Array) -> None:
        """Documents that a filter rejects, as they came into it, with their reasons."""
        if self._keep_rejected and batch.num_rows:
            columns = [*batch.columns, pa.repeat(pa.scalar(filter_name), batch.num_rows), reason]
            schema = self._rejected_schema
            self._sink("rejected", schema).write(pa.RecordBatch.from_arrays(columns, schema=schema))

    def quarantine(self, record: BadRecord, origin: str) -> None:
        """A record that could not be read."""
        row = {"source": self._source, "unit": self._unit, "origin": origin, "reason": record.reason}
        kept = {"detail": record.detail[:500], "size": record.size, "raw": record.raw[:QUARANTINED_BYTES]}
        self._bad.append(row | kept)
        if len(self._bad) >= 1000:
            self._flush_quarantine()

    def _flush_quarantine(self) -> None:
        if self._bad:
            self._sink("quarantine", QUARANTINE_SCHEMA).write(
                pa.RecordBatch.from_pylist(self._bad, schema=QUARANTINE_SCHEMA)
            )
            self._bad = []

    def _sink(self, what: str, schema: pa.Schema) -> ParquetSink:
        if what not in self._open:
            pending = self._stack.enter_context(self._output.create(self._names[what]))
            self._open[what] = (pending, ParquetSink(pending.path, schema))
        return self._open[what][1]


def process_batches(
    batches: Iterable[pa.RecordBatch], filters: tuple[Filter, ...], outputs: UnitOutputs, tally: Tally
) -> None:
    """Put every batch through the filters; write what is kept and what is rejected; count both."""
    for kept in kept_batches(batches, filters, outputs, tally):
        outputs.keep(kept)


class Rejects(Protocol):
    """Where documents go that a filter rejects."""

    def reject(self, filter_name: str, batch: pa.RecordBatch, reason: pa.Array) -> None:
        """Documents that a filter rejects, as they came into it, with their reasons."""


def kept_batches(
    batches: Iterable[pa.RecordBatch], filters: tuple[Filter, ...], rejects: Rejects, tally: Tally
) -> Iterator[pa.RecordBatch]:
    """What the filters leave of every batch; both that and what they reject is counted."""
    for batch in batches:
        tally.enter(batch)
        kept = _through_filters(batch, filters, rejects, tally)
        tally.keep(kept)
        yield kept


def _through_filters(
    batch: pa.RecordBatch, filters: tuple[Filter, ...], rejects: Rejects, tally: Tally
) -> pa.RecordBatch:
    for rule in filters:
        if not batch.num_rows:
            return batch
        result = rule.apply(batch)
        if result.batch.num_rows != batch.num_rows or len(result.reason) != batch.num_rows:
            raise ValueError(f"filter {rule.name} returned {result.batch.num_rows} rows for {batch.num_rows}")
        for name, count in result.counts.items():
            tally.counts[f"{rule.name}.{name}"] += int(count)
        good = pc.is_null(result.reason)
        bad = pc.invert(good)
        rejected, why = batch.filter(bad), result.reason.filter(bad)
        _count_rejected(rule, rejected, why, tally)
        rejects.reject(rule.name, rejected, why)
        before = text_bytes(batch) - text_bytes(rejected)
        batch = result.batch.filter(good)
        tally.bytes_trimmed += before - text_bytes(batch)
    return batch


def _count_rejected(rule: Filter, rejected: pa.RecordBatch, why: pa.Array, tally: Tally) -> None:
    if not rejected.num_rows:
        return
    sizes = pc.binary_length(rejected.column("text")).cast(pa.int64())
    grouped = (
        pa.table({"reason": why, "bytes": sizes}).group_by("reason").aggregate([("bytes", "sum"), ("bytes", "count")])
    )
    for row in grouped.to_pylist():
        if row["reason"] not in rule.reasons:
            raise ValueError(f"filter {rule.name} gave the undeclared reason {row['reason']}")
        tally.reject(rule.name, row["reason"], row["bytes_count"], row["bytes_sum"])


def readable(records: Iterable[Record], outputs: UnitOutputs, tally: Tally, origin: str) -> Iterator[RawDocument]:
    """The records that could be read; the others are quarantined and counted on the way."""
    for record in records:
        if isinstance(record, BadRecord):
            tally.fail(record.reason, record.size)
            outputs.quarantine(record, f"{origin}#{record.key}")
        else:
            yield record
