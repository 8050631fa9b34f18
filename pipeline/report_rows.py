"""Row groups of a folder's Parquet files, a bounded number of them: where the report looks for examples."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import Folder


def row_groups(output: Folder, folder: str, columns: tuple[str, ...], most: int) -> Iterator[tuple[str, int, pa.Table]]:
    """The first `most` row groups, by file name: the file, the group's number, these columns of its rows."""
    for base in output.list(folder):
        name = f"{folder}/{base}"
        if not base.endswith(".parquet") or most <= 0:
            continue
        with output.open(name) as stream, pq.ParquetFile(stream) as file:
            for group in range(min(most, file.num_row_groups)):
                yield name, group, file.read_row_group(group, columns=list(columns))
            most -= file.num_row_groups
