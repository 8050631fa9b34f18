"""MDS, the shards of mosaicml-streaming: one row a sequence, in the one column `tokens`.

    shard.NNNNN.mds  u32 rows n;  (n+1) x u32 where each row begins;  the columns as JSON;  the rows
    index.json       version 2;  of each shard the columns, its name, bytes and rows

Little-endian. The column is `ndarray:int32:S` for sequences of S ids: of fixed type and shape, so that a row is its ids
and nothing else. It is int32 since that is what llm-foundry writes, and what PyTorch looks up in an embedding; unsigned
ids it does not. Offsets have 32 bits, so a shard is below 4 GiB. The length of a row is fixed when it is written.

Source: streaming/base/format/mds/writer.py, reader.py and encodings.py, mosaicml-streaming 0.13.0.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pipeline.export.layout import LaidFile, ids_to_the_end

_MAX_BYTES = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mds:
    """Shards in a folder of their split, and `index.json`."""

    index_name: ClassVar[str] = "index.json"
    sequence_tokens: int

    @property
    def row_tokens(self) -> int:
        """A sequence."""
        return self.sequence_tokens

    @property
    def dtype(self) -> np.dtype[Any]:
        """int32, whatever the source has."""
        return np.dtype("<i4")

    @property
    def max_tokens(self) -> int:
        """What 32-bit offsets reach, in whole rows."""
        rows = (_MAX_BYTES - 8 - len(self._columns_text())) // (self._row_bytes + 4)
        return rows * self.sequence_tokens

    def file_name(self, split: str, number: int) -> str:
        """As MDSWriter names shards."""
        return f"{split}/shard.{number:05d}.mds"

    def header(self, tokens: int) -> bytes:
        """Rows, offsets and columns."""
        rows, columns = self._rows(tokens), self._columns_text()
        first = 4 + 4 * (rows + 1) + len(columns)
        offsets = first + self._row_bytes * np.arange(rows + 1, dtype=np.int64)
        return np.array([rows], "<u4").tobytes() + offsets.astype("<u4").tobytes() + columns

    def find_ids(self, stream: BinaryIO) -> tuple[int, int]:
        """Behind offsets and columns."""
        stream.seek(0)
        rows = int.from_bytes(stream.read(4), "little")
        header = self.header(rows * self.sequence_tokens)
        tokens = ids_to_the_end(stream, len(header), self.dtype.itemsize)
        stream.seek(0)
        if tokens != rows * self.sequence_tokens or stream.read(len(header)) != header:
            raise ValueError(f"it is no MDS shard of rows of {self.sequence_tokens} ids")
        return len(header), tokens

    def index(self, files: Sequence[LaidFile]) -> bytes:
        """`index.json`."""
        shards = [
            self._columns()
            | {
                "raw_data": {"basename": file.name, "bytes": file.bytes, "hashes": {}},
                "samples": self._rows(file.tokens),
                "zip_data": None,
            }
            for file in files
        ]
        return json.dumps({"shards": shards, "version": 2}, sort_keys=True).encode()

    @property
    def _row_bytes(self) -> int:
        return self.sequence_tokens * self.dtype.itemsize

    def _rows(self, tokens: int) -> int:
        if tokens % self.sequence_tokens:
            raise ValueError(f"{tokens} ids are no rows of {self.sequence_tokens}")
        return tokens // self.sequence_tokens

    def _columns(self) -> dict[str, Any]:
        return {
            "version": 2,
            "format": "mds",
            "compression": None,
            "hashes": [],
            "size_limit": None,
            "column_names": ["tokens"],
            "column_encodings": [f"ndarray:int32:{self.sequence_tokens}"],
            "column_sizes": [self._row_bytes],
        }

    def _columns_text(self) -> bytes:
        return json.dumps(self._columns(), sort_keys=True).encode()
