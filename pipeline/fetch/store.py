"""Files of an object store, or of any file system that fsspec knows, with the credentials that its library finds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fsspec.core

from pipeline.errors import SettingError
from pipeline.fetch.transfer import AbsentError, CutError, RefusedError, Reply, Version

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Store:
    """Addresses such as s3://arxiv/src. `options` go to fsspec, as requester_pays does for arXiv's bucket."""

    options: dict[str, Any] = field(default_factory=dict)

    def open(self, url: str, start: int, version: Version) -> Reply:
        """The bytes from `start` on while the file is still in that version, else the file from its beginning."""
        stream, total, found = self._open(url)
        start = 0 if version.differs(found) or start > total else start
        stream.seek(start)
        return Reply(start=start, total=total, version=found, chunks=_chunks(stream), close=stream.close)

    def size(self, url: str) -> int | None:
        """The file's size."""
        stream, total, _ = self._open(url)
        stream.close()
        return total

    def _open(self, url: str) -> tuple[Any, int, Version]:
        try:
            fs, path = fsspec.core.url_to_fs(url, **self.options)
            info = fs.info(path)
            tag = str(info.get("ETag") or info.get("etag") or "").strip('"')
            version = Version(etag=f'"{tag}"' if tag else "", modified=str(info.get("LastModified") or ""))
            return fs.open(path, "rb"), int(info["size"]), version
        except FileNotFoundError as error:
            raise AbsentError(f"no file at {url}") from error
        except PermissionError as error:
            raise RefusedError(f"{url}: {error}") from error
        except (ImportError, ValueError) as error:  # No library for the scheme, or no such scheme.
            raise SettingError(f"--base-url {url}: {error}") from error
        except OSError as error:
            raise CutError(f"{url}: {error}") from error


def _chunks(stream: Any) -> Iterator[bytes]:
    try:
        while piece := stream.read(CHUNK_BYTES):
            yield piece
    except OSError as error:
        raise CutError(f"the store broke off: {error}") from error
