"""Each sidecar of a token shard against the ids: read once from front to back, a piece at a time."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from filters.fingerprint import document_keys
from mixtures.datatrove import datatrove_index, datatrove_metadata
from mixtures.megatron import megatron_index
from mixtures.olmo import document_lines
from mixtures.shards import DOCUMENTS_SCHEMA, GROUP_ROWS
from mixtures.token_format import TokenFormat
from pipeline.storage import Folder
from pipeline.verify_faults import Fault

Ends = NDArray[np.int64]
MAX_GROUP_BYTES = 1 << 30
"""A row group of 16,384 documents that says it is larger than this is not opened."""
_UNREADABLE = (ValueError, OSError, EOFError, zlib.error, pa.ArrowException)
_AT_A_TIME = 1 << 16


def layout_faults(folder: Folder, shard: str, ends: Ends, form: TokenFormat, present: Iterable[str]) -> Iterator[Fault]:
    """`.idx`, `.ds.index` and `.ds.metadata`: their bytes follow from the ids alone."""
    tokens = int(ends[-1]) if len(ends) else 0
    index = (datatrove_index(ends[first : first + _AT_A_TIME]) for first in range(0, len(ends), _AT_A_TIME))
    layouts = {
        ".ds.index": ("its document ends are not those of the ids", index),
        ".ds.metadata": ("it is not tokenizer, width and count of the ids", iter([datatrove_metadata(tokens, form)])),
        ".idx": ("its document lengths or offsets are not those of the ids", megatron_index(ends, form.dtype)),
    }
    for suffix, (detail, pieces) in layouts.items():
        if suffix in present:
            with folder.open(shard + suffix) as stream:
                if not _holds(stream, pieces):
                    yield Fault(name="sidecar_differs", where=shard + suffix, detail=detail)


def _holds(stream: BinaryIO, pieces: Iterable[bytes]) -> bool:
    """Whether the stream is these pieces, one behind another, and no more."""
    try:
        return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)
    except ValueError:  # A document longer than the layout can say: no index of it is right.
        return False


class DocumentRows:
    """`NAME.documents.parquet` against the ids, and `NAME.csv.gz` against both; `keys` are digests of the doc_ids."""

    def __init__(self, folder: Folder, shard: str, ends: Ends) -> None:
        self._folder, self._ends = folder, ends
        self._rows, self._bounds = f"{shard}.documents.parquet", f"{shard}.csv.gz"
        self.keys: list[NDArray[np.uint64]] = []

    def check(self, present: Iterable[str]) -> Iterator[Fault]:
        """All that is wrong with those of the two that are present. Without the rows the bounds cannot be told."""
        present = set(present)
        if ".documents.parquet" not in present:
            return
        try:
            detail = self._rows_detail()
        except _UNREADABLE as error:
            detail = f"it cannot be read: {_first_line(error)}"
        if detail:
            self.keys.clear()
            yield Fault(name="sidecar_differs", where=self._rows, detail=detail)
        elif ".csv.gz" in present:
            try:
                yield from self._bounds_faults()
            except _UNREADABLE as error:
                detail = f"it cannot be read: {_first_line(error)}"
                yield Fault(name="sidecar_differs", where=self._bounds, detail=detail)

    def _rows_detail(self) -> str:
        with self._folder.open(self._rows) as stream, pq.ParquetFile(stream) as file:
            if not file.schema_arrow.equals(DOCUMENTS_SCHEMA):
                return "its columns are not doc_id, origin and end"
            if file.metadata.num_rows != len(self._ends):
                return f"it has {file.metadata.num_rows} rows, there are {len(self._ends)} documents"
            first = 0
            for batch in _batches(file):
                ends = batch.column("end").to_numpy(zero_copy_only=False)
                expected = self._ends[first : first + len(batch)]
                if any(column.null_count for column in batch.columns):
                    return f"a value is missing in rows {first} … {first + len(batch)}"
                if not np.array_equal(ends, expected):
                    row = int(np.flatnonzero(ends != expected)[0]) if len(ends) == len(expected) else 0
                    return f"document {first + row} does not end where its row says"
                self.keys.append(document_keys(batch.column("doc_id")))
                first += len(batch)
            return "" if first == len(self._ends) else f"it has {first} rows, there are {len(self._ends)} documents"

    def _bounds_faults(self) -> Iterator[Fault]:
        start = np.int64(0)
        row = 0
        with (
            self._folder.open(self._rows) as rows,
            pq.ParquetFile(rows) as file,
            self._folder.open(self._bounds) as zipped,
            gzip.GzipFile(fileobj=zipped) as bounds,
        ):
            for batch in _batches(file):
                ends = self._ends[row : row + len(batch)]
                starts = np.concatenate([[start], ends[:-1]])
                doc_ids, origins = batch.column("doc_id"), batch.column("origin")
                expected = document_lines(pa.array(starts), pa.array(ends), doc_ids, origins)
                found = bounds.read(len(expected))
                if found != expected:
                    yield self._line_fault(row, found, expected)
                    return
                start, row = ends[-1], row + len(batch)
            if bounds.read(1):
                yield Fault(name="sidecar_differs", where=self._bounds, detail=f"it has more than {row} lines")

    def _line_fault(self, row: int, found: bytes, expected: bytes) -> Fault:
        """Ends are known from the ids; where only names differ, either file may be the wrong one."""
        pairs = enumerate(zip(found.split(b"\n"), expected.split(b"\n"), strict=False))
        line, (one, other) = next(((at, pair) for at, pair in pairs if pair[0] != pair[1]), (0, (found, expected)))
        is_cut = len(found) < len(expected) and not found.endswith(b"\n")
        if is_cut or one.split(b",")[:2] != other.split(b",")[:2]:
            detail = f"line {row + line} is not {other[:60].decode(errors='replace')}…"
            return Fault(name="sidecar_differs", where=self._bounds, detail=detail)
        detail = f"row {row + line} is another document than that line of {self._bounds.rsplit('/', 1)[-1]}"
        return Fault(name="documents_differ", where=self._rows, detail=detail)


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    for group in range(file.metadata.num_row_groups):
        if file.metadata.row_group(group).total_byte_size > MAX_GROUP_BYTES:
            raise ValueError(f"row group {group} is larger than {MAX_GROUP_BYTES} bytes")
        yield from file.iter_batches(GROUP_ROWS, [group])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
