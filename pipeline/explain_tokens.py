"""A source's tokens: which token shard and which document a token is of, and where a document lies.

Sidecars are read by what is needed of them: the bounds of `end` lead to the one row group that holds a token.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import SettingError
from pipeline.storage import Folder
from pipeline.token_shards import list_token_shards


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDocument:
    """A document in a token shard: from its BOS at `start` to the token behind its EOS."""

    source: str
    shard: str
    doc_id: str
    origin: str
    start: int
    end: int


class SourceTokens:
    """The token shards of a source, end to end in name order, in a run's output folder."""

    def __init__(self, output: Folder, source: str, dtype: np.dtype[Any]) -> None:
        self.source, self._output, self._dtype = source, output, dtype
        found = list_token_shards(Folder(output.address("tokens")), source, dtype.itemsize)
        self.names = [name for name, _ in found]
        self._ends = np.cumsum([0, *(size for _, size in found)], dtype=np.int64)[1:]

    @property
    def tokens(self) -> int:
        """How many there are."""
        return int(self._ends[-1]) if self.names else 0

    def first_token(self, shard: str) -> int:
        """Where a shard begins in the source. Raises SettingError for one that is not there."""
        if shard not in self.names:
            raise SettingError(f"{self.source} has no token shard {shard!r}; it has {len(self.names)}")
        number = self.names.index(shard)
        return int(self._ends[number - 1]) if number else 0

    def locate(self, token: int) -> tuple[str, int]:
        """The shard of a source's token, and the token's place in it."""
        number = int(np.searchsorted(self._ends, token, side="right"))
        return self.names[number], token - (int(self._ends[number - 1]) if number else 0)

    def documents(self, start: int, count: int) -> Iterator[TokenDocument]:
        """The documents that some of the source's tokens `start` … `start + count` are of."""
        while count > 0:
            shard, first = self.locate(start)
            here = min(count, self.first_token(shard) + self.size(shard) - start)
            yield from self.within(shard, first, first + here)
            start, count = start + here, count - here

    def of_unit(self, unit: str) -> list[str]:
        """The shards that hold documents of a unit."""
        return [name for name in self.names if name.rpartition("-")[0] == unit]

    def size(self, shard: str) -> int:
        """Tokens of a shard."""
        return int(self._ends[self.names.index(shard)]) - self.first_token(shard)

    def within(self, shard: str, first: int, last: int) -> Iterator[TokenDocument]:
        """The documents of a shard's tokens `first` … `last`."""
        with self._sidecar(shard) as stream, pq.ParquetFile(stream) as file:
            groups = range(file.num_row_groups)
            for group in groups[bisect_right(groups, first, key=lambda number: _last_end(file, number)) :]:
                before = _last_end(file, group - 1) if group else 0
                if before >= last:
                    return
                ends = file.read_row_group(group, columns=["end"]).column("end").to_numpy()
                low, high = np.searchsorted(ends, [first, last - 1], side="right").tolist()
                rows = np.arange(low, min(high + 1, len(ends)))
                yield from self._rows(shard, file, group, rows)

    def find(self, shard: str, doc_ids: pa.Array) -> Iterator[TokenDocument]:
        """Those of the documents that the shard holds, in its order."""
        with self._sidecar(shard) as stream, pq.ParquetFile(stream) as file:
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=["doc_id"]).column("doc_id")
                rows = np.flatnonzero(pc.is_in(column, value_set=doc_ids).to_numpy(zero_copy_only=False))
                yield from self._rows(shard, file, group, rows)

    def read(self, shard: str, start: int, count: int) -> NDArray[Any]:
        """Ids of a shard."""
        with self._output.open(f"tokens/{self.source}/{shard}.bin") as stream:
            stream.seek(start * self._dtype.itemsize)
            return np.frombuffer(stream.read(count * self._dtype.itemsize), self._dtype)

    def _sidecar(self, shard: str) -> Any:
        return self._output.open(f"tokens/{self.source}/{shard}.documents.parquet")

    def _rows(self, shard: str, file: pq.ParquetFile, group: int, rows: NDArray[np.int64]) -> Iterator[TokenDocument]:
        if not len(rows):
            return
        held = file.read_row_group(group)
        ends = held.column("end").to_numpy()
        starts = np.concatenate([[_last_end(file, group - 1) if group else 0], ends[:-1]])
        found = held.select(["doc_id", "origin"]).take(pa.array(rows)).to_pylist()
        for row, start, end in zip(found, starts[rows].tolist(), ends[rows].tolist(), strict=True):
            yield TokenDocument(source=self.source, shard=shard, start=start, end=end, **row)


def _last_end(file: pq.ParquetFile, group: int) -> int:
    """Where the last document of a row group ends, as its statistics say."""
    return int(file.metadata.row_group(group).column(2).statistics.max)
