"""Tables of code as BigQuery exports them, Parquet or JSON lines: one row a file of a repository."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawFile
from pipeline.corpora.source_archives import BoundedStream, ExpansionError, expansion_limit

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".json.gz", ".ndjson.gz")
PARQUET_SUFFIX = ".parquet"
BAD_ROW_REASONS = (
    "malformed_row",
    "row_too_large",
    "missing_column",
    "truncated_file",
    "expands_too_much",
    "broken_file",
)

MAX_ROW_GROUP_BYTES = 4 << 30
_COLUMNS = {
    "repository": ("repo_name", "repository_name", "repository", "repo", "max_stars_repo_name", "sample_repo_name"),
    "path": ("path", "file_path", "max_stars_repo_path", "sample_path", "filename"),
    "license": ("license", "licenses", "license_key", "max_stars_repo_licenses", "detected_licenses"),
    "content": ("content", "contents", "text", "code"),
    "link": ("symlink_target",),
}
_BATCH_ROWS = 64
_LINE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One file of a repository; `content` is None where BigQuery left it out, for a binary or too large file.

    Git keeps a link as a file that holds its target, so a link's content is that.
    """

    key: str
    repository: str
    path: str
    licenses: tuple[str, ...]
    content: str | None
    is_link: bool = False


def rows(file: RawFile, max_row_bytes: int) -> Iterator[CodeRow | BadRecord]:
    """The table's rows in its order."""
    reader = _parquet_rows if file.name.lower().endswith(PARQUET_SUFFIX) else _json_rows
    yield from reader(file, max_row_bytes)


def _parquet_rows(file: RawFile, max_row_bytes: int) -> Iterator[CodeRow | BadRecord]:
    try:
        with file.open() as stream:
            # Strings stay dictionaries as they lie in the file: 4 kB of a dictionary page can stand for 10 GB of rows.
            names = {name for names in _COLUMNS.values() for name in names}
            schema = pq.read_schema(stream)
            strings = [f.name for f in schema if f.name in names and f.type in (pa.string(), pa.large_string())]
            stream.seek(0)
            table = pq.ParquetFile(stream, read_dictionary=strings, pre_buffer=False)
            chosen = _chosen(schema.names)
            if "content" not in chosen or "path" not in chosen:
                yield BadRecord(key="file", reason="missing_column", detail=f"columns: {', '.join(schema.names)}"[:200])
                return
            for group in range(table.num_row_groups):
                if table.metadata.row_group(group).total_byte_size > MAX_ROW_GROUP_BYTES:
                    yield BadRecord(key=f"row-group-{group}", reason="expands_too_much")
                    return
            number = 0
            for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=list(chosen.values()), use_threads=False):
                for row in range(batch.num_rows):
                    values = {noun: batch.column(name)[row].as_py() for noun, name in chosen.items()}
                    yield _row(f"row-{number}", values)
                    number += 1
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        yield BadRecord(key="file", reason="broken_file", detail=str(error)[:200], size=file.size)


def _json_rows(file: RawFile, max_row_bytes: int) -> Iterator[CodeRow | BadRecord]:
    try:
        with file.open() as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if gzipped else raw
            lines = _lines(BoundedStream(stream, expansion_limit(file)), max_row_bytes)
            for number, (line, size) in enumerate(lines):
                yield from _json_row(f"line-{number}", line, size)
    except ExpansionError as error:
        yield BadRecord(key="file", reason="expands_too_much", detail=str(error), size=file.size)
    except EOFError as error:
        yield BadRecord(key="file", reason="truncated_file", detail=str(error), size=file.size)
    except (OSError, zlib.error) as error:
        yield BadRecord(key="file", reason="broken_file", detail=str(error)[:200], size=file.size)


def _lines(stream: BoundedStream, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Lines with their size; of a line above `max_bytes` only the first bytes."""
    held, size = bytearray(), 0
    while data := stream.read(_LINE_BYTES):
        *whole, rest = data.split(b"\n")
        for part in whole:
            held += part
            yield bytes(held), size + len(part)
            held, size = bytearray(), 0
        size += len(rest)
        if size <= max_bytes:
            held += rest
        else:
            del held[QUARANTINED_BYTES:]
    if size:
        yield bytes(held), size


def _json_row(key: str, line: bytes, size: int) -> Iterator[CodeRow | BadRecord]:
    if size > len(line):
        yield BadRecord(key=key, reason="row_too_large", raw=line[:QUARANTINED_BYTES], size=size)
        return
    if not line.strip():
        return
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        yield BadRecord(
            key=key, reason="malformed_row", detail=str(error)[:200], raw=line[:QUARANTINED_BYTES], size=size
        )
        return
    if not isinstance(values, dict):
        yield BadRecord(key=key, reason="malformed_row", detail="no object", raw=line[:QUARANTINED_BYTES], size=size)
        return
    chosen = _chosen(values)
    if "content" not in chosen or "path" not in chosen:
        yield BadRecord(key=key, reason="missing_column", raw=line[:QUARANTINED_BYTES], size=size)
        return
    yield _row(key, {noun: values[name] for noun, name in chosen.items()})


def _chosen(names: Any) -> dict[str, str]:
    """Which of the known names of each column this table has."""
    present = set(names)
    found = {noun: next((name for name in known if name in present), None) for noun, known in _COLUMNS.items()}
    return {noun: name for noun, name in found.items() if name is not None}


def _row(key: str, values: Mapping[str, Any]) -> CodeRow | BadRecord:
    content, path = values["content"], values["path"]
    if not isinstance(path, str) or not (content is None or isinstance(content, str)):
        return BadRecord(key=key, reason="malformed_row", detail="path or content is no text")
    licenses = values.get("license")
    keys = licenses if isinstance(licenses, list) else [licenses]
    repository = values.get("repository")
    return CodeRow(
        key=key,
        repository=repository if isinstance(repository, str) else "",
        path=path,
        licenses=tuple(item for item in keys if isinstance(item, str)),
        content=content,
        is_link=bool(values.get("link")),
    )
