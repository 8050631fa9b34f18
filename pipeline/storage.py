"""Files on any fsspec file system: read, list, and write so that a reader sees a whole file or none."""

import builtins
import glob
import hashlib
import io
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from filters.batch import BATCH_BYTES
from pipeline.faults import writing
from pipeline.remote import PART_BYTES, TEMPORARY_SUFFIX, RemotePath, located

_DICTIONARY_COLUMNS = ["source", "license", "dump", "language", "filter", "reason"]


@dataclass(frozen=True, slots=True)
class Output:
    """A finished file: its size in bytes and the digest of its content."""

    bytes: int
    digest: str


@dataclass(slots=True)
class PendingFile:
    """A file being written at `path`, on this machine; `output` is known once it has been published."""

    path: Path
    output: Output | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by path or fsspec address (`out/demo`, `s3://bucket/run`); names below it use `/`."""

    url: str

    def __post_init__(self) -> None:
        if "://" not in self.url:
            object.__setattr__(self, "url", str(Path(self.url).absolute()))

    @property
    def is_local(self) -> bool:
        """Whether the folder lies on this machine's own file system."""
        return "://" not in self.url or self.url.startswith("file://")

    def address(self, name: str = "") -> str:
        """The full address of a name below the folder."""
        return f"{self.url.rstrip('/')}/{name}" if name else self.url

    def local_path(self, name: str = "") -> Path:
        """The path of a name below a local folder."""
        return Path(self.address(name).removeprefix("file://"))

    def open(self, name: str) -> BinaryIO:
        """A binary stream of the file; raises FileNotFoundError."""
        return self.local_path(name).open("rb") if self.is_local else self.remote(name).open()

    def exists(self, name: str) -> bool:
        """Whether the file or folder is there."""
        return self.local_path(name).exists() if self.is_local else self.remote(name).exists()

    def size(self, name: str) -> int | None:
        """Bytes of the file, None where there is none."""
        try:
            return self.local_path(name).stat().st_size if self.is_local else int(self._info(name)["size"])
        except FileNotFoundError:
            return None

    def fingerprint(self, name: str) -> str:
        """Changes whenever the file system says that the file changed (its size, time, or tag)."""
        if not self.is_local:
            return digest_of(self._told(name))
        found = self.local_path(name).stat()
        return digest_of({"size": str(found.st_size), "mtime": str(found.st_mtime), "ino": str(found.st_ino)})

    def state(self, name: str) -> str:
        """The same but for a copy that keeps size and time, which has the same state."""
        if not self.is_local:
            return " ".join(self._told(name).values())
        found = self.local_path(name).stat()
        return f"{found.st_size} {found.st_mtime}"

    def _told(self, name: str) -> dict[str, str]:
        """What a store says of a file that changes with it. Where there is a tag, times say no more, and less alike."""
        info = self._info(name)
        tags = [key for key in ("ETag", "etag", "md5Hash", "generation") if info.get(key)]
        times = ("mtime", "LastModified", "last_modified", "updated", "modificationTime")
        return {key: str(info[key]) for key in ("size", *(tags or times)) if key in info}

    def digest(self, name: str) -> str:
        """Digest of the file's content."""
        with self.open(name) as stream:
            return digest_of_stream(stream)

    def glob(self, pattern: str) -> builtins.list[str]:
        """Names of the files below the folder that match, sorted; a pattern ending in `/` matches folders."""
        if self.is_local:  # fsspec would pass over links, and dumps often are links.
            found = glob.glob(pattern, root_dir=self.local_path(), recursive=True)  # noqa: PTH207 - Path.glob follows no link
            return sorted(name for name in found if pattern.endswith("/") or self.local_path(name).is_file())
        wanted, end = ("directory", "/") if pattern.endswith("/") else ("file", "")
        matches = self.remote().glob(pattern.rstrip("/"))
        return sorted(self._below(path) + end for path, info in matches.items() if info["type"] == wanted)

    def walk(self, name: str) -> builtins.list[str]:
        """Names of all files below a folder, sorted; no link is followed."""
        if self.is_local:
            found = (Path(top, file) for top, _, files in os.walk(self.local_path(name)) for file in files)
            return sorted(str(path.relative_to(self.local_path())) for path in found if not path.is_symlink())
        return sorted(self._below(path) for path in self.remote(name).files())

    def list(self, name: str = "") -> builtins.list[str]:
        """Base names of what lies directly below, sorted; empty where there is no such folder."""
        if not self.is_local:
            return sorted(self.remote(name).listing())
        try:
            return sorted(os.listdir(self.local_path(name)))  # noqa: PTH208 - names are wanted, not paths
        except (FileNotFoundError, NotADirectoryError):
            return []

    def delete(self, name: str) -> None:
        """Remove the file or folder where it exists."""
        if not self.is_local:
            self.remote(name).remove()
            return
        path = self.local_path(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def create(self, name: str) -> Iterator[PendingFile]:
        """Write a file that appears whole or not at all: a temporary file, then a rename or one upload."""
        if self.is_local:
            target = self.local_path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
        else:
            target = temporary = Path(tempfile.mkdtemp(prefix="tokenmill-")) / "file"
        pending = PendingFile(temporary)
        try:
            with writing(target):
                yield pending
                pending.output = self._publish(temporary, name)
        finally:
            temporary.unlink(missing_ok=True)
            if not self.is_local:
                shutil.rmtree(temporary.parent, ignore_errors=True)

    def write_text(self, name: str, text: str) -> Output:
        """Write a UTF-8 file, whole or not at all."""
        content = text.encode("utf-8", "surrogatepass")
        if not self.is_local and len(content) <= PART_BYTES:
            self.remote(name).write(content)
            return Output(len(content), digest_of_stream(io.BytesIO(content)))
        with self.create(name) as pending:
            pending.path.write_bytes(content)
        assert pending.output is not None  # published: `create` would have raised
        return pending.output

    def write_json(self, name: str, value: Mapping[str, Any]) -> Output:
        """Write a JSON file with sorted keys, whole or not at all."""
        return self.write_text(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A JSON object, None where the file is missing or not whole."""
        try:
            value = json.loads(self.local_path(name).read_bytes() if self.is_local else self.remote(name).read())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        """A path on this machine with the file's content: the file itself where it is local."""
        if self.is_local:
            yield self.local_path(name)
            return
        with tempfile.TemporaryDirectory(prefix="tokenmill-") as folder:
            target = Path(folder) / name.rsplit("/", 1)[-1]
            self.remote(name).fetch(target)
            yield target

    def put(self, source: Path, name: str) -> Output:
        """Copy a file of this machine below the folder, whole or not at all."""
        with self.create(name) as pending:
            shutil.copyfile(source, pending.path)
        assert pending.output is not None  # published: `create` would have raised
        return pending.output

    def _publish(self, temporary: Path, name: str) -> Output:
        with temporary.open("rb") as stream:
            digest = digest_of_stream(stream)
            os.fsync(stream.fileno())
        output = Output(temporary.stat().st_size, digest)
        if self.is_local:
            temporary.replace(self.local_path(name))
        else:
            self.remote(name).put(temporary)
        return output

    def remote(self, name: str = "") -> RemotePath:
        """A name below a folder that is not local."""
        return RemotePath(self.address(name))

    def _info(self, name: str) -> dict[str, Any]:
        """What a store knows of a file; raises FileNotFoundError."""
        return self.remote(name).info()

    def _below(self, path: str) -> str:
        """The name below this folder of a store's full path."""
        return path.rstrip("/")[len(located(self.url)[1].rstrip("/")) + 1 :]


@contextmanager
def scratch_below(output: Folder) -> Iterator[Folder]:
    """A folder below `logs/work` that is gone when the block ends."""
    name = f"logs/work/{uuid.uuid4().hex}"
    try:
        yield Folder(output.address(name))
    finally:
        if output.is_local:
            shutil.rmtree(output.local_path(name), ignore_errors=True)
        else:
            output.delete(name)


def digest_of(value: Any) -> str:
    """Digest of a JSON value, the same for equal values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest_of_stream(stream: BinaryIO) -> str:
    """Digest of the bytes from here to the end of the stream."""
    digest = hashlib.blake2b(digest_size=16)
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def read_batches(
    folder: Folder, name: str, batch_size: int = 1000, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in order, as many together as fit a batch; of its columns all or those named."""
    with folder.open(name) as stream, pq.ParquetFile(stream) as file:
        for groups in _row_groups(file.metadata):
            yield from file.iter_batches(batch_size, groups, columns and list(columns))


def _row_groups(metadata: pq.FileMetaData) -> Iterator[builtins.list[int]]:
    """Neighbouring row groups that together fit a batch. Asked for all of them, Arrow would fill up a batch's rows."""
    held: list[int] = []
    size = 0
    for index in range(metadata.num_row_groups):
        added = metadata.row_group(index).total_byte_size
        if held and size + added > BATCH_BYTES:
            yield held
            held, size = [], 0
        held.append(index)
        size += added
    if held:
        yield held


class ParquetSink:
    """A Parquet file that grows batch by batch and appears whole when it is closed."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        dictionary = [name for name in _DICTIONARY_COLUMNS if name in schema.names]
        self._writer = pq.ParquetWriter(
            str(path), schema, compression="zstd", use_dictionary=dictionary, write_statistics=False
        )
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the batch as a row group."""
        if batch.num_rows:
            self._writer.write_batch(batch)
            self.rows += batch.num_rows

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()
