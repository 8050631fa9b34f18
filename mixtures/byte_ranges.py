"""Byte ranges of the files of a folder: plain reads on this machine, parallel ranges with retries elsewhere.

On this machine a range is read into the caller's memory by `preadv`: a memory map's pages would count as resident
memory until the machine runs short. Elsewhere (any fsspec address) ranges are asked for in parallel, and again where
that fails.
"""

import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

OPEN_FILES = 64
"""How many files of this machine are held open."""
PIECE_BYTES = 4 << 20
"""The longest range that one request asks for."""
GROUP_BYTES = 64 << 20
"""How much is asked for at a time: what memory holds beside the caller's own."""
GROUP_RANGES = 4096
"""How many ranges are asked for at a time, however short they are."""
ATTEMPTS = 6
FIRST_WAIT_SECONDS = 0.5
"""Before the second attempt; it doubles with each: 15.5 seconds in all."""
_HOPELESS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

T = TypeVar("T")

Range: TypeAlias = tuple[str, int, memoryview]
"""(name, offset, into): as many bytes of a file from `offset` on as `into` has room for."""


class ReadError(OSError):
    """A file elsewhere could not be read, however often it was tried."""


class Files(Protocol):
    """The files of a folder, by name; names below it use `/`. Safe to use from several threads."""

    def address(self, name: str) -> str:
        """Where a file lies, for people."""

    def content(self, name: str) -> bytes:
        """A whole small file. Raises FileNotFoundError."""

    def size(self, name: str) -> int:
        """Bytes of a file. Raises FileNotFoundError."""

    def sizes(self, folder: str = "") -> Mapping[str, int]:
        """Bytes of all files directly in a folder below, by name there: one listing."""

    def read(self, ranges: Iterator[Range] | Sequence[Range]) -> None:
        """Fill all ranges. Raises ValueError where a file ends before, ReadError where it cannot be read."""


def files_at(address: str | Path, storage_options: Mapping[str, Any] | None = None) -> Files:
    """The files of a folder, by its path or fsspec address."""
    if isinstance(address, str) and "://" in address and not address.startswith("file://"):
        return RemoteFiles(address, storage_options)
    return LocalFiles(Path(str(address).removeprefix("file://")))


class LocalFiles:
    """The files of a folder on this machine; at most OPEN_FILES are open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, _Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}  # Another process opens its own.

    def __setstate__(self, state: dict[str, Any]) -> None:
        LocalFiles.__init__(self, state["folder"])

    def address(self, name: str) -> str:
        """The file's path."""
        return str(self.folder / name)

    def content(self, name: str) -> bytes:
        """The whole file."""
        return (self.folder / name).read_bytes()

    def size(self, name: str) -> int:
        """The file's bytes."""
        return (self.folder / name).stat().st_size

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Of all files directly in the folder."""
        with os.scandir(self.folder / folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    def read(self, ranges: Iterator[Range] | Sequence[Range]) -> None:
        """Fill all ranges, one after the other."""
        held: dict[str, _Descriptor] = {}  # Many short ranges are of few files: the lock is taken once for each.
        for name, offset, into in ranges:
            descriptor = held.get(name)
            if descriptor is None:
                if len(held) == OPEN_FILES:
                    held.clear()
                descriptor = held[name] = self._descriptor(name)
            done = os.preadv(descriptor.number, (into,), offset)
            if done < len(into):
                self._rest(name, descriptor, offset + done, into[done:])

    def _rest(self, name: str, descriptor: "_Descriptor", offset: int, into: memoryview) -> None:
        """What one read did not give: it gives 2 GiB at most."""
        while len(into):
            done = os.preadv(descriptor.number, (into,), offset)
            if not done:
                raise ValueError(f"{self.address(name)} ends at byte {offset}, before what it should hold")
            offset, into = offset + done, into[done:]

    def _descriptor(self, name: str) -> "_Descriptor":
        with self._lock:
            found = self._open.pop(name, None) or _Descriptor(self.folder / name)
            self._open[name] = found
            if len(self._open) > OPEN_FILES:
                self._open.popitem(last=False)
            return found


class _Descriptor:
    """An open file, closed when nobody holds it: another thread may still read what is no longer wanted here."""

    __slots__ = ("number",)

    def __init__(self, path: Path) -> None:
        self.number = -1
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


class RemoteFiles:
    """The files of a folder at an fsspec address. What fails is tried ATTEMPTS times, with waits that double.

    `storage_options` go to fsspec: keys, endpoints, time limits.
    """

    def __init__(
        self,
        folder: str,
        storage_options: Mapping[str, Any] | None = None,
        *,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import fsspec.core

        self.folder = folder.rstrip("/")
        self._attempts, self._sleep = attempts, sleep
        self._fs, root = fsspec.core.url_to_fs(self.folder, **(storage_options or {}))
        self._root = str(root).rstrip("/")

    def address(self, name: str) -> str:
        """The file's address."""
        return f"{self.folder}/{name}"

    def content(self, name: str) -> bytes:
        """The whole file."""
        return self._insist(name, lambda: bytes(self._fs.cat_file(self._path(name))))

    def size(self, name: str) -> int:
        """The file's bytes."""
        return self._insist(name, lambda: int(self._fs.size(self._path(name))))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Of all files directly in the folder."""

        def listing() -> list[dict[str, Any]]:
            self._fs.invalidate_cache()
            return list(self._fs.ls(self._path(folder), detail=True))

        found = self._insist(folder, listing)
        return {info["name"].rsplit("/", 1)[-1]: int(info["size"]) for info in found if info["type"] == "file"}

    def read(self, ranges: Iterator[Range] | Sequence[Range]) -> None:
        """Fill all ranges, many at a time."""
        for group in _groups(_pieces(ranges)):
            self._insist(group[0][0], partial(self._fill, group))

    def _fill(self, waiting: list[Range]) -> None:
        """Takes what it can fill off the list, and raises the first error of the others."""
        starts = [offset for _, offset, _ in waiting]
        ends = [offset + len(into) for _, offset, into in waiting]
        found = self._fs.cat_ranges([self._path(name) for name, _, _ in waiting], starts, ends, on_error="return")
        errors = [_filled(into, answer) for (_, _, into), answer in zip(waiting, found, strict=True)]
        waiting[:] = [piece for piece, error in zip(waiting, errors, strict=True) if error is not None]
        for error in errors:
            if error is not None:
                raise error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}".rstrip("/")

    def _insist(self, name: str, action: Callable[[], T]) -> T:
        for attempt in itertools.count(1):
            try:
                return action()
            except _HOPELESS as error:
                raise type(error)(f"{self.address(name)}: {error or type(error).__name__}") from error
            except Exception as error:
                if attempt >= self._attempts:
                    said = f"{type(error).__name__}: {error}".splitlines()[0]
                    raise ReadError(f"{self.address(name)}: {attempt} attempts failed, the last with {said}") from error
            self._sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
        raise AssertionError  # The loop has no end of its own.


def _filled(into: memoryview, answer: Any) -> Exception | None:
    if isinstance(answer, Exception):
        return answer
    if len(answer) != len(into):
        return OSError(f"{len(answer)} of {len(into)} bytes came")
    into[:] = answer
    return None


def _pieces(ranges: Iterator[Range] | Sequence[Range]) -> Iterator[Range]:
    for name, offset, into in ranges:
        for start in range(0, len(into), PIECE_BYTES):
            yield name, offset + start, into[start : start + PIECE_BYTES]


def _groups(pieces: Iterator[Range]) -> Iterator[list[Range]]:
    group: list[Range] = []
    held = 0
    for piece in pieces:
        size = len(piece[2])
        if group and (held + size > GROUP_BYTES or len(group) == GROUP_RANGES):
            yield group
            group, held = [], 0
        group.append(piece)
        held += size
    if group:
        yield group
