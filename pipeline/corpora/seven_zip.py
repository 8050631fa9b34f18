"""Streams one member of a 7z archive, bounded, without a file of it ever touching the disk."""

import lzma
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

import py7zr
from py7zr.exceptions import AbsolutePathError, ArchiveError, PasswordRequired
from py7zr.io import Py7zIO, WriterFactory

from pipeline.corpora.corpus import RawFile

MAX_EXPANSION = 100
"""Bytes out for a byte in: dumps of posts reach 8, a bomb 7,000."""

FREE_BYTES = 64 << 20
"""Up to here any expansion is fine: a small archive cannot be a bomb."""

MAX_HEADER_BYTES = 64 << 20

_SIGNATURE = struct.Struct("<12xQQ4x")

BAD_ARCHIVE_REASONS = ("broken_archive", "archive_too_large", "encrypted_archive", "no_posts_table")

# What py7zr's header parser raises on bytes that are no header: it trusts every number in it.
_PARSER_ERRORS = (
    ArchiveError,
    AbsolutePathError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    RecursionError,
)


class ArchiveFaultError(Exception):
    """Why an archive, or the rest of it, cannot be read."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail[:200]


def feed_member(file: RawFile, name: str, feed: Callable[[bytes], None], *, max_bytes: int) -> None:
    """Call `feed` with the bytes of the first member called `name`, in whatever folder, as they are unpacked.

    Raises ArchiveFaultError, also after some bytes were fed; whatever `feed` raises passes through.
    """
    limit = min(max_bytes, max(FREE_BYTES, file.size * MAX_EXPANSION))
    member = _Member(feed, limit)
    try:
        with file.open() as stream:
            _check_header(stream)
            with py7zr.SevenZipFile(stream) as archive:
                archive.extract(targets=[_target(archive, name, limit)], factory=_Factory(member))
    except PasswordRequired as error:
        raise ArchiveFaultError("encrypted_archive") from error
    except _PARSER_ERRORS as error:
        if member.feeding:
            raise
        raise ArchiveFaultError("broken_archive", f"{type(error).__name__}: {error}") from error


def _check_header(stream: BinaryIO) -> None:
    """Refuse a header that would fill the memory; py7zr reads it whole."""
    start = stream.read(_SIGNATURE.size)
    if len(start) < _SIGNATURE.size or not start.startswith(b"7z\xbc\xaf\x27\x1c"):
        raise ArchiveFaultError("broken_archive", "not a 7z file")
    header_bytes = int(_SIGNATURE.unpack(start)[1])
    if header_bytes > MAX_HEADER_BYTES:
        raise ArchiveFaultError("archive_too_large", f"a header of {header_bytes} bytes, above {MAX_HEADER_BYTES}")
    stream.seek(0)


def _target(archive: py7zr.SevenZipFile, name: str, limit: int) -> str:
    """The member's full name, after a look at what the archive says of its sizes."""
    if archive.needs_password():
        raise ArchiveFaultError("encrypted_archive")
    members = archive.list()
    total = sum(member.uncompressed or 0 for member in members)
    if total > limit:
        raise ArchiveFaultError("archive_too_large", f"{total} bytes unpacked, above {limit}")
    found = [m.filename for m in members if m.is_file and m.filename.rsplit("/", 1)[-1] == name]
    if not found:
        raise ArchiveFaultError("no_posts_table", f"no {name} among {len(members)} members")
    return str(min(found, key=len))


class _Member(Py7zIO):  # type: ignore[misc]  # py7zr carries no types
    """Where py7zr believes to write a file."""

    def __init__(self, feed: Callable[[bytes], None], limit: int) -> None:
        self._feed = feed
        self._limit = limit
        self._size = 0
        self.feeding = False

    def write(self, data: bytes | bytearray) -> int:
        self._size += len(data)
        if self._size > self._limit:
            raise ArchiveFaultError("archive_too_large", f"more than {self._limit} bytes unpacked")
        self.feeding = True
        self._feed(bytes(data))
        self.feeding = False
        return len(data)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return self._size


class _Factory(WriterFactory):  # type: ignore[misc]
    """Gives the member to the first file that asks, and a deaf one to any other of the same name."""

    def __init__(self, member: _Member) -> None:
        self._members = [member]

    def create(self, filename: str) -> Py7zIO:
        return self._members.pop() if self._members else _Member(lambda _: None, 1 << 62)
