"""Objects of a git repository, read from its files: nothing of the repository is run, followed or trusted.

No hook, no configuration, no alternate object store and no link is looked at, and no object is unpacked before its size
is known: a pack can say in twenty bytes that an object has as many gigabytes.
"""

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, ObjectFormatException
from dulwich.object_format import SHA1
from dulwich.objects import ObjectID
from dulwich.pack import (
    OFS_DELTA,
    REF_DELTA,
    PackData,
    PackIndex,
    UnresolvedDeltas,
    apply_delta,
    load_pack_index_file,
)

from pipeline.raw_reads import refuse

MAX_OBJECT_BYTES = 64 << 20
"""What is larger is no text; a delta and what it is applied to lie in memory together."""

MAX_DELTAS = 4095
"""Git's own bound on a chain of deltas."""

_MAX_REFERENCE_BYTES = 64 << 20
_MAX_SYMBOLIC = 5
_MAX_HEADER_BYTES = 4096
_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_OBJECT_ID = re.compile(rb"[0-9a-f]{40}\s*\Z")
_REFERENCE = re.compile(rb"ref:[ \t]*(refs/[\w][\w./+@-]{0,250})\s*\Z")
_READ_ERRORS = (
    ApplyDeltaError,
    AssertionError,
    ChecksumMismatch,
    EOFError,
    IndexError,
    KeyError,
    ObjectFormatException,
    OSError,
    OverflowError,
    TypeError,
    UnresolvedDeltas,
    ValueError,
    struct.error,
    zlib.error,
)


class GitError(Exception):
    """An object or a reference that is not there, or is not what it should be."""


class ObjectTooLargeError(GitError):
    """An object that would unpack to more than MAX_OBJECT_BYTES."""


@dataclass(slots=True)
class GitObjects:
    """The objects below a git folder: loose ones, and those in packs."""

    folder: Path
    _packs: list[tuple[PackIndex, PackData]] = field(default_factory=list)

    def __enter__(self) -> "GitObjects":
        try:
            self.folder = self.folder.resolve(strict=True)
            for index in sorted((self.folder / "objects" / "pack").glob("*.idx")):
                data = index.with_suffix(".pack")
                if self._is_own(index) and self._is_own(data):
                    with index.open("rb") as stream:
                        offsets = load_pack_index_file(index, stream, SHA1)
                    self._packs.append((offsets, PackData(data, SHA1)))
        except _READ_ERRORS as error:
            self.__exit__()
            refuse(error, str(self.folder))
            raise GitError(f"a pack cannot be opened: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        for index, data in self._packs:
            index.close()
            data.close()
        self._packs.clear()

    def head(self) -> str:
        """The id of the commit that HEAD stands for."""
        value = self._small(self.folder / "HEAD")
        for _ in range(_MAX_SYMBOLIC):
            if _OBJECT_ID.match(value):
                return value.strip().decode()
            reference = _REFERENCE.match(value)
            if reference is None or b".." in reference[1]:
                break
            value = self._reference(reference[1])
        raise GitError("HEAD names no commit")

    def tree_of(self, commit: str) -> str:
        """The id of a commit's tree."""
        kind, content = self.read(commit)
        found = re.match(rb"tree ([0-9a-f]{40})\n", content)
        if kind != b"commit" or found is None:
            raise GitError(f"{commit} is no commit")
        return found[1].decode()

    def read(self, name: str) -> tuple[bytes, bytes]:
        """An object's kind and content; its name is checked against them."""
        try:
            kind, content = self._loose(name) or self._packed(name)
        except _READ_ERRORS as error:
            refuse(error, str(self.folder))
            raise GitError(f"{name}: {type(error).__name__}: {error}"[:200]) from error
        if hashlib.sha1(b"%s %d\0%b" % (kind, len(content), content), usedforsecurity=False).hexdigest() != name:
            raise GitError(f"{name} has other content")
        return kind, content

    def _reference(self, name: bytes) -> bytes:
        path = self.folder / name.decode()
        if self._is_own(path):
            return self._small(path)
        packed = self._small(self.folder / "packed-refs") if self._is_own(self.folder / "packed-refs") else b""
        found = re.search(rb"^([0-9a-f]{40}) " + re.escape(name) + rb"$", packed, re.MULTILINE)
        return found[1] if found else b""

    def _small(self, path: Path) -> bytes:
        if not self._is_own(path) or path.stat().st_size > _MAX_REFERENCE_BYTES:
            raise GitError(f"{path.name} is no file of the repository")
        return path.read_bytes()

    def _is_own(self, path: Path) -> bool:
        """Whether a path is a regular file, and no link on the way to it leads out of the folder."""
        return path.is_file() and path.resolve() == path

    def _loose(self, name: str) -> tuple[bytes, bytes] | None:
        path = self.folder / "objects" / name[:2] / name[2:]
        if not self._is_own(path):
            return None
        unpack = zlib.decompressobj()
        _check_size(name, path.stat().st_size - _MAX_HEADER_BYTES)
        with path.open("rb") as stream:
            head, _, _ = unpack.decompress(stream.read(_MAX_HEADER_BYTES), _MAX_HEADER_BYTES).partition(b"\0")
            kind, size = head.split(b" ")
            _check_size(name, int(size))
            stream.seek(0)
            unpack = zlib.decompressobj()
            content = unpack.decompress(stream.read(), len(head) + 1 + int(size))
        return kind, content[len(head) + 1 :]

    def _packed(self, name: str) -> tuple[bytes, bytes]:
        for index, data in self._packs:
            try:
                offset = index.object_offset(ObjectID(name.encode()))
            except KeyError:
                continue
            return _unpacked(name, index, data, offset)
        raise GitError(f"{name} is not there")


def _unpacked(name: str, index: PackIndex, data: PackData, offset: int) -> tuple[bytes, bytes]:
    """An object of a pack, its deltas applied."""
    deltas: list[bytes] = []
    weight = 0
    with Path(data.path).open("rb") as stream:
        while True:
            kind, size = _header(stream, offset)
            weight += size
            _check_size(name, weight)
            piece: Any = data.get_unpacked_object_at(offset)
            content = b"".join(piece.decomp_chunks)
            if kind not in (OFS_DELTA, REF_DELTA):
                break
            _check_size(name, _result_size(content))
            deltas.append(content)
            if len(deltas) > MAX_DELTAS:
                raise GitError(f"{name} is behind more than {MAX_DELTAS} deltas")
            base = piece.delta_base
            offset = offset - base if kind == OFS_DELTA else index.object_offset(base)
    for delta in reversed(deltas):
        content = b"".join(apply_delta(content, delta))
    return _KINDS[kind], content


def _check_size(name: str, size: int) -> None:
    if size > MAX_OBJECT_BYTES:
        raise ObjectTooLargeError(f"{name} would unpack to {size} bytes")


def _header(stream: Any, offset: int) -> tuple[int, int]:
    """The type of what lies at an offset of a pack, and the size that it says it unpacks to."""
    stream.seek(offset)
    first, *others = stream.read(12)
    size, shift = first & 15, 4
    byte = first
    for other in others:
        if not byte & 0x80:
            break
        byte = other
        size |= (byte & 0x7F) << shift
        shift += 7
    return first >> 4 & 7, size


def _result_size(delta: bytes) -> int:
    """The size that a delta says its result has: the second of the two numbers that it begins with."""
    size = shift = numbers = 0
    for byte in delta[:20]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers += 1
            if numbers == 2:
                return size
            size = shift = 0
    raise GitError("a delta says no size")
