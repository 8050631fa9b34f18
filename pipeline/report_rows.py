"""Row groups of a folder's Parquet files, a bounded number of them: where the report looks for examples."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import Folder

EXAMINED = 200
"""How many row groups of a folder examples are looked for in."""


def row_groups(output: Folder, folder: str, columns: tuple[str, ...]) -> Iterator[tuple[str, int, pa.Table]]:
    """The first row groups, by file name: the file, the group's number, these columns of its rows."""
    left = EXAMINED
    for base in output.list(folder):
        name = f"{folder}/{base}"
        if not base.endswith(".parquet") or left <= 0:
            continue
        with output.open(name) as stream, pq.ParquetFile(stream) as file:
            for group in range(min(left, file.num_row_groups)):
                yield name, group, file.read_row_group(group, columns=list(columns))
            left -= file.num_row_groups
