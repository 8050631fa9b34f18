"""Parquet with a row a document, or a row a sequence; the ids are the column `input_ids`, a list of int32.

Of source shards a file holds the documents of one, with `doc_id` and `origin`; their ids begin with BOS and end with
EOS, as in the shard. Of the stream a row is a sequence, with its `position`. int32 is what every reader of Parquet has,
and what PyTorch looks up in an embedding; files are small all the same, since ids are numbered in a dictionary.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import FatalError
from pipeline.export.pieces import Advance, Piece, Plan, tokens_of_a_file
from pipeline.export.runs import CHUNK_TOKENS, SourceShard, TokenRun, digest_of_ids, next_ids
from pipeline.storage import Folder, read_batches

IDS = "input_ids"
_IDS = pa.field(IDS, pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False)
DOCUMENTS_SCHEMA = pa.schema(
    [pa.field("doc_id", pa.string(), nullable=False), pa.field("origin", pa.string(), nullable=False), _IDS]
)
SEQUENCES_SCHEMA = pa.schema([pa.field("position", pa.int64(), nullable=False), _IDS])
_ROWS = 1000
Group: TypeAlias = tuple[list[pa.Array], NDArray[Any]]
"""The columns of some rows, and the ids of all of them."""


def document_plan(tokens: Folder, shards: Sequence[SourceShard]) -> Plan:
    """A file for each token shard."""
    return Plan(
        pieces=[_documents(tokens, shard) for shard in shards],
        left_out={shard.source: 0 for shard in shards},
    )


def sequence_plan(run: TokenRun, first: int, file_bytes: int) -> Plan:
    """Files of whole sequences, numbered; `first` is the position of the run's first sequence."""
    size = tokens_of_a_file(run, np.dtype("<i4"), 1 << 31, file_bytes)
    pieces = [
        _sequences(run, number, first, start, min(start + size, run.tokens))
        for number, start in enumerate(range(0, run.tokens, size))
    ]
    return Plan(pieces=pieces, left_out={run.split: 0})


def _documents(tokens: Folder, shard: SourceShard) -> Piece:
    def write(path: Path, advance: Advance) -> str:
        return digest_of_ids(_written(path, DOCUMENTS_SCHEMA, _document_groups(tokens, shard), advance), shard.dtype)

    return Piece(
        name=shard.address(".parquet"),
        split=shard.source,
        tokens=shard.tokens,
        bytes=shard.tokens * shard.dtype.itemsize,
        write=write,
        read=lambda path: _read_back(path, shard.dtype),
    )


def _sequences(run: TokenRun, number: int, first: int, start: int, stop: int) -> Piece:
    def write(path: Path, advance: Advance) -> str:
        groups = _sequence_groups(run, first, start, stop)
        return digest_of_ids(_written(path, SEQUENCES_SCHEMA, groups, advance), run.dtype)

    return Piece(
        name=f"{run.split}/{run.split}-{number:05d}.parquet",
        split=run.split,
        tokens=stop - start,
        bytes=(stop - start) * run.dtype.itemsize,
        write=write,
        read=lambda path: _read_back(path, run.dtype),
    )


def _document_groups(tokens: Folder, shard: SourceShard) -> Iterator[Group]:
    """Documents, at most a thousand at a time and no more ids than a chunk, but for one document that has more."""
    start = 0
    with tokens.open(shard.address(".bin")) as stream:
        for batch in read_batches(tokens, shard.address(".documents.parquet"), _ROWS):
            ends = batch.column("end").to_numpy()
            first = 0
            while first < len(ends):
                last = max(first + 1, int(np.searchsorted(ends, start + CHUNK_TOKENS, side="right")))
                offsets = np.concatenate([[0], ends[first:last] - start])
                ids = next_ids(stream, shard, int(offsets[-1]))
                names = (batch.column(name)[first:last] for name in ("doc_id", "origin"))
                yield [*names, _lists(ids, offsets)], ids
                first, start = last, start + len(ids)
    if start != shard.tokens:
        raise FatalError(f"{tokens.address(shard.address('.documents.parquet'))} ends at token {start}")


def _sequence_groups(run: TokenRun, first: int, start: int, stop: int) -> Iterator[Group]:
    width = run.sequence_tokens
    position = first + start // width
    for ids in run.chunks(start, stop):
        count = len(ids) // width
        positions = pa.array(np.arange(position, position + count), pa.int64())
        yield [positions, _lists(ids, np.arange(0, len(ids) + 1, width))], ids
        position += count


def _lists(ids: NDArray[Any], offsets: NDArray[np.int64]) -> pa.Array:
    """Rows of ids; a document has fewer than 2^31."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(ids.astype(np.int32)), type=_IDS.type)


def _written(path: Path, schema: pa.Schema, groups: Iterator[Group], advance: Advance) -> Iterator[NDArray[Any]]:
    dictionary = [f"{IDS}.list.element"]
    with pq.ParquetWriter(
        str(path), schema, compression="zstd", use_dictionary=dictionary, write_statistics=False
    ) as sink:
        for columns, ids in groups:
            sink.write_table(pa.Table.from_arrays(columns, schema=schema))
            yield ids
            advance(ids.nbytes)


def _read_back(path: Path, dtype: np.dtype[Any]) -> str:
    with pq.ParquetFile(path) as file:
        groups = (file.read_row_group(i, columns=[IDS]).column(IDS) for i in range(file.num_row_groups))
        return digest_of_ids((chunk.flatten().to_numpy() for group in groups for chunk in group.chunks), dtype)
