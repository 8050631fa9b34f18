"""Files of a store elsewhere, by fsspec address: each call is tried again where the store fails for a moment.

A file appears whole or not at all: an object store shows an upload when it is complete, and file systems with folders
get a temporary file that is renamed. Nothing is believed that fsspec remembers of a listing: others write there too.
"""

import io
import os
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec.config
import fsspec.core

from pipeline.errors import FatalError, SettingError
from pipeline.retries import BRIEF, PATIENT, Patience, insist

BLOCK_BYTES = 4 << 20
"""Of a file that is read, one request asks for so much: a Parquet file of a small unit is one request, a dump of 1 GB
250, and half a second's worth of any stage's reading comes at a time."""
_HELD_BLOCKS = 4
PART_BYTES = 16 << 20
"""Of a file that is sent in parts: 160 GB in the 10,000 parts that S3 allows, and _PARALLEL_PARTS of them in memory."""
_PARALLEL_PARTS = 4
TEMPORARY_SUFFIX = ".part"

_S3, _GOOGLE, _AZURE = ("s3", "s3a"), ("gs", "gcs"), ("az", "abfs", "abfss")
_OBJECT_STORES = {*_S3, *_GOOGLE, *_AZURE, "memory"}
"""Where a file that is written appears when it is complete, and folders are but names."""
PACKAGES = {
    **dict.fromkeys(_S3, ("s3fs", "aws")),
    **dict.fromkeys(_GOOGLE, ("gcsfs", "gcp")),
    **dict.fromkeys(_AZURE, ("adlfs", "azure")),
}
"""Scheme → the package that speaks it, and the extra that installs it."""
_HDFS = "; hdfs:// needs Java and Hadoop's libhdfs (JAVA_HOME, HADOOP_HOME, CLASSPATH), webhdfs:// needs neither"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder elsewhere. Errors are those of `insist`."""

    address: str
    patience: Patience = PATIENT

    @property
    def scheme(self) -> str:
        """What the address begins with."""
        return self.address.partition("://")[0]

    def info(self) -> dict[str, Any]:
        """What the store knows of it: `size`, `type`, tags and times. Raises FileNotFoundError."""
        return self._fresh("look", lambda fs, path: dict(fs.info(path)))

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self.info())
        except FileNotFoundError:
            return False

    def read(self) -> bytes:
        """The whole content of a small file, in one request. Raises FileNotFoundError."""
        return self._do("read", lambda fs, path: bytes(fs.cat_file(path, **self._calls("cat_file"))))

    def open(self) -> BinaryIO:
        """A stream that asks for a block at a time, and goes on where it was cut. Raises FileNotFoundError."""
        held = {"block_size": BLOCK_BYTES, "cache_type": "blockcache", "cache_options": {"maxblocks": _HELD_BLOCKS}}
        options = held if self.scheme in _OBJECT_STORES else {}
        file = self._fresh("open", lambda fs, path: fs.open(path, "rb", **options))
        return cast(BinaryIO, io.BufferedReader(_Stream(file, self), buffer_size=1 << 20))

    def listing(self) -> dict[str, dict[str, Any]]:
        """What lies directly below a folder, by base name; empty where there is no such folder."""
        try:
            found = self._fresh("list", lambda fs, path: fs.ls(path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        path = located(self.address)[1].rstrip("/")
        # A store may tell of the folder itself, where somebody made an empty object of its name.
        return {info["name"].rstrip("/").rsplit("/", 1)[-1]: info for info in found if info["name"].rstrip("/") != path}

    def glob(self, pattern: str) -> dict[str, dict[str, Any]]:
        """What matches below a folder, by full path."""
        return self._fresh("list", lambda fs, path: dict(fs.glob(f"{path.rstrip('/')}/{pattern}", detail=True)))

    def files(self) -> list[str]:
        """Full paths of all files below a folder."""
        return self._fresh("list", lambda fs, path: list(fs.find(path)))

    def read_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Whole small files directly below a folder, many at a time, by base name; without those that are gone."""

        def read(fs: Any, path: str) -> dict[str, bytes]:
            paths = {f"{path.rstrip('/')}/{name}": name for name in names if name not in found}
            answers = fs.cat(list(paths), on_error="return", **self._calls("cat_file")) if paths else {}
            found.update({paths[at]: bytes(said) for at, said in answers.items() if isinstance(said, bytes)})
            for said in answers.values():
                if isinstance(said, Exception) and not isinstance(said, FileNotFoundError):
                    raise said
            return found

        found: dict[str, bytes] = {}
        return self._do("read", read)

    def remove(self) -> None:
        """Remove the file, or the folder and all below, where it exists."""

        def remove(fs: Any, path: str) -> None:
            if self.scheme not in _OBJECT_STORES:
                if fs.exists(path):
                    fs.rm(path, recursive=True)
                return
            # One listing answers for a file as for a folder; to ask what it is would take up to three requests.
            folder, _, base = path.rstrip("/").rpartition("/")
            found = [at for at in fs.find(folder, prefix=base) if at == path or at.startswith(f"{path.rstrip('/')}/")]
            if len(found) == 1:
                fs.rm_file(found[0])
            elif found:
                fs.rm(found)
                fs.invalidate_cache()
                # S3 says in an answer that is otherwise good which of many it has not deleted; s3fs passes over that.
                if left := set(fs.find(folder, prefix=base)) & set(found):
                    raise PermissionError(f"{len(left)} of {len(found)} files stayed, {min(left)} among them")

        self._fresh("delete", remove)

    def put(self, source: Path) -> None:
        """Send a file of this machine: it appears whole, and as long as the store says that it is."""
        size = source.stat().st_size
        folder, _, base = self.address.rpartition("/")
        temporary = RemotePath(f"{folder}/.{base}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}", BRIEF)

        def put(fs: Any, path: str) -> None:
            if self.scheme in _OBJECT_STORES:
                fs.put_file(str(source), path, **self._calls("put_file"))
            else:
                _put_and_rename(fs, source, located(temporary.address)[1], path)
            fs.invalidate_cache()
            if (held := int(fs.info(path)["size"])) != size:
                raise OSError(f"{held} of {size} bytes arrived")

        try:
            self._do("write", put)
        except FatalError:
            if self.scheme not in _OBJECT_STORES:
                with suppress(FatalError):  # Else the next run sweeps it away.
                    temporary.remove()
            raise

    def write(self, content: bytes) -> None:
        """Write a small file, whole or not at all."""
        if self.scheme in _OBJECT_STORES:  # One request, which the store does or does not.
            self._do("write", lambda fs, path: fs.pipe_file(path, content))
            return
        with tempfile.TemporaryDirectory(prefix="tokenmill-") as folder:
            Path(folder, "file").write_bytes(content)
            self.put(Path(folder, "file"))

    def fetch(self, target: Path) -> None:
        """Copy the file to this machine."""
        self._do("read", lambda fs, path: fs.get_file(path, str(target), **self._calls("get_file")))

    def _calls(self, name: str) -> Mapping[str, Any]:
        """What keeps a transfer small in memory, for libraries that by themselves hold 500 MB of a file."""
        parts = {"chunksize": PART_BYTES, "max_concurrency": _PARALLEL_PARTS}
        if self.scheme in _S3:
            return {"max_concurrency": 1} if name == "cat_file" else parts  # More, and each read asks for the size.
        return {"chunksize": PART_BYTES} if self.scheme in _GOOGLE and name == "put_file" else {}

    def _fresh(self, operation: str, call: Callable[[Any, str], Result]) -> Result:
        def asked(fs: Any, path: str) -> Result:
            fs.invalidate_cache()
            return call(fs, path)

        return self._do(operation, asked)

    def _do(self, operation: str, call: Callable[[Any, str], Result]) -> Result:
        return insist(self.address, operation, lambda: call(*located(self.address)), self.patience)


class _Stream(io.RawIOBase):
    """A file elsewhere; a read that fails is tried again from where it began."""

    def __init__(self, file: Any, path: RemotePath) -> None:
        self._file, self._path, self._at = file, path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset, whence = offset + self._at, os.SEEK_SET
        self._at = int(self._file.seek(offset, whence) if whence else offset)
        return self._at

    def readinto(self, into: Any) -> int:
        def read() -> bytes:
            self._file.seek(self._at)
            return bytes(self._file.read(len(into)))

        content = insist(self._path.address, f"read at byte {self._at}", read, self._path.patience)
        into[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def located(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path there. Raises ImportError where its package is missing."""
    if address.partition("://")[0] not in _S3:
        fs, path = fsspec.core.url_to_fs(address)
        return fs, path
    # botocore tries each request, so each part of a file, again on 5xx, throttling and timeouts. s3fs would try each
    # of its calls five times on top of that, and `insist` each of ours: that loop is left out.
    given = dict(fsspec.config.conf.get("s3", {})).get("config_kwargs", {})
    fs, path = fsspec.core.url_to_fs(
        address, config_kwargs={"retries": {"mode": "standard", "total_max_attempts": 4}} | given
    )
    fs.retries = 1
    return fs, path


def check_reach(key: str, address: str) -> None:
    """Raise SettingError, with the key that names the address, where no such store can be spoken to."""
    scheme = address.partition("://")[0]
    try:
        RemotePath(address, BRIEF).exists()
    except (ImportError, ValueError) as error:
        package, extra = PACKAGES.get(scheme, ("", ""))
        mend = f"{scheme}:// needs {package}: pip install 'tokenmill[{extra}]'" if package else str(error)
        raise SettingError(f"{key} {address}: {mend}") from error
    except (FatalError, OSError) as error:
        raise SettingError(
            f"{key} {error}{_HDFS if scheme == 'hdfs' else ''}{_keys_missing(scheme, str(error))}"
        ) from error


def _keys_missing(scheme: str, error: str) -> str:
    """What to do where a store wants to know who asks and nobody has told it."""
    if scheme not in _S3 or "NoCredentialsError" not in error:
        return ""
    return ": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure` (docs/object-stores.md)"


def _put_and_rename(fs: Any, source: Path, temporary: str, path: str) -> None:
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    fs.put_file(str(source), temporary)
    if fs.exists(path):  # WebHDFS renames nothing onto a file that is there, and does not say so.
        fs.rm_file(path)
    fs.mv(temporary, path)
