"""Takes the text of documents out of a finished file: Parquet rows are blanked, drawn examples of a report removed."""

import json
import re
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.storage import Folder, ParquetSink

BLANKED: dict[str, Any] = {"text": "", "title": None, "cited_urls": None, "contamination": None}
"""What becomes of the columns that hold words of a document. What identifies it, such as doc_id, origin, url, stays."""

_PAIR = re.compile(r"<details>.*?</details>", re.DOTALL)
_GONE = "<details><summary>a pair of which a document has been taken down</summary></details>"


def blank(folder: Folder, name: str, doc_ids: Set[str]) -> bool:
    """Take these documents' text out of a file, whole or not at all; whether there was any to take."""
    if name.endswith(".parquet"):
        return _blank_rows(folder, name, pa.array(sorted(doc_ids), pa.string()))
    with folder.open(name) as stream:
        text = stream.read().decode()
    if name.endswith(".json"):
        held = json.loads(text)
        kept = _without(held, doc_ids)
        if kept != held:
            folder.write_json(name, kept)
        return bool(kept != held)
    kept = _PAIR.sub(lambda found: _GONE if any(i in found[0] for i in doc_ids) else found[0], text)
    if kept != text:
        folder.write_text(name, kept)
    return kept != text


def _blank_rows(folder: Folder, name: str, doc_ids: pa.Array) -> bool:
    """Row group by row group, each as it was but for the rows of these documents."""
    with folder.open(name) as stream, pq.ParquetFile(stream) as file:
        columns = [column for column in BLANKED if column in file.schema_arrow.names]
        groups = range(file.num_row_groups)
        if "doc_id" not in file.schema_arrow.names or not any(_has_text(file, i, columns, doc_ids) for i in groups):
            return False
        with folder.create(name) as pending:
            sink = ParquetSink(pending.path, file.schema_arrow)
            for group in groups:
                for batch in file.read_row_group(group).combine_chunks().to_batches():
                    sink.write(_blanked(batch, columns, doc_ids))
            sink.close()
    return True


def _has_text(file: pq.ParquetFile, group: int, columns: list[str], doc_ids: pa.Array) -> bool:
    if not columns:
        return False
    names = file.read_row_group(group, columns=["doc_id"])
    if not pc.any(pc.is_in(names.column("doc_id"), value_set=doc_ids)).as_py():
        return False
    table = file.read_row_group(group, columns=["doc_id", *columns])
    held = table.filter(pc.is_in(table.column("doc_id"), value_set=doc_ids))
    return any(value != BLANKED[name] for name in columns for value in held.column(name).to_pylist())


def _blanked(batch: pa.RecordBatch, columns: list[str], doc_ids: pa.Array) -> pa.RecordBatch:
    hits = pc.is_in(batch.column("doc_id"), value_set=doc_ids)
    for name in columns:
        field = batch.schema.field(name)
        # By rows, not by if_else: that has no lists of structs.
        values = pa.concat_arrays([batch.column(name), pa.array([BLANKED[name]], field.type)])
        rows = np.where(hits.to_numpy(zero_copy_only=False), batch.num_rows, np.arange(batch.num_rows))
        batch = batch.set_column(batch.schema.get_field_index(name), field, values.take(pa.array(rows)))
    return batch


def _without(value: Any, doc_ids: Set[str]) -> Any:
    """A JSON value without the objects of lists that are about these documents."""
    if isinstance(value, dict):
        return {key: _without(item, doc_ids) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _without(item, doc_ids) for item in value if not (isinstance(item, dict) and item.get("doc_id") in doc_ids)
        ]
    return value


Ranges = list[tuple[int, int]]
"""(first token, how many) of a file of ids."""


def mask(folder: Folder, name: str, ranges: Ranges, unk_id: int, dtype: np.dtype[Any]) -> bool:
    """Put UNK in place of the ids there, in a copy that then takes the file's place; whether any was another id."""
    with folder.open(name) as stream:
        if all((_read(stream, dtype, *held) == unk_id).all() for held in ranges):
            return False
    with folder.create(name) as pending:
        _copy(folder, name, pending.path)
        with pending.path.open("r+b") as stream:
            for first, count in ranges:
                stream.seek(first * dtype.itemsize)
                stream.write(np.full(count, unk_id, dtype).tobytes())
    return True


def _read(stream: Any, dtype: np.dtype[Any], first: int, count: int) -> NDArray[Any]:
    stream.seek(first * dtype.itemsize)
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype)


def _copy(folder: Folder, name: str, target: Path) -> None:
    with folder.open(name) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
