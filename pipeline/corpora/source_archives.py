"""Source archives (tar, tar.gz, tar.bz2, zip) as a stream of members: bounded, and never written to disk."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Self, cast

from pipeline.corpora.corpus import BadRecord, RawFile

MAX_EXPANSION = 200
"""Bytes out for a byte in; source code compresses to a tenth, a bomb to a thousandth."""

FREE_BYTES = 64 << 20
"""Up to here any expansion is fine: generated tables compress well."""

MAX_NAME_BYTES = 1 << 20
"""A long name or an extended header lies in memory whole."""

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".zip")
BAD_MEMBER_REASONS = ("broken_archive", "empty_archive", "archive_too_large", "unsafe_name", "special_member")

_NAME_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_ZIP_HEADER = struct.Struct("<26x2H")
_DESCRIPTOR_BYTES = 24
"""What may follow a zip's member: its sizes and checksum, where they were not known before."""

_READ_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name in it, and its first bytes; of a link, which nobody follows, its target."""

    name: str
    content: bytes
    is_link: bool = False


class ExpansionError(OSError):
    """The archive unpacks to more than its size allows."""


class BoundedStream:
    """Reads a stream and raises ExpansionError once more than `limit` bytes have come out of it."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._left = self._limit = limit

    def read(self, size: int = 1 << 16) -> bytes:
        """At most `size` bytes, and never all that is left."""
        data = self._stream.read(max(0, min(size, 1 << 24)))
        self._left -= len(data)
        if self._left < 0:
            raise ExpansionError(f"more than {self._limit} bytes unpacked")
        return data


def expansion_limit(file: RawFile) -> int:
    """How many bytes a compressed file may unpack to."""
    return max(FREE_BYTES, file.size * MAX_EXPANSION)


def members(file: RawFile, max_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member | BadRecord]:
    """The archive's files whose name is wanted, with at most `max_bytes` of each, in the archive's order.

    What is neither file nor link, or is named so that it would escape from a folder, is a bad record; so is the rest
    of an archive that is damaged or that unpacks to too much.
    """
    reader = _zip_members if file.name.lower().endswith(".zip") else _tar_members
    try:
        yield from reader(file, max_bytes, wanted)
    except ExpansionError as error:
        yield BadRecord(key="archive", reason="archive_too_large", detail=str(error), size=file.size)
    except _READ_ERRORS as error:
        detail = f"{type(error).__name__}: {error}"[:200]
        yield BadRecord(key="archive", reason="broken_archive", detail=detail, size=file.size)


def _tar_members(file: RawFile, max_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member | BadRecord]:
    with file.open() as raw, _unpacked(raw) as stream:
        bounded = BoundedStream(stream, expansion_limit(file))
        # tarfile reads nothing but `read` of a stream.
        with tarfile.open(
            fileobj=cast("IO[bytes]", bounded), mode="r|", tarinfo=_StrictTarInfo, errors="surrogateescape"
        ) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # or memory grows with their number
                name = _readable(member.name)
                if member.isdir():
                    continue
                fault = name_fault(name) or _kind_fault(member)
                if fault is not None:
                    yield BadRecord(key=name, reason=fault)
                elif wanted(name) and (member.issym() or member.islnk()):
                    yield Member(name, _readable(member.linkname).encode()[:max_bytes], is_link=True)
                elif wanted(name):
                    content = archive.extractfile(member)
                    yield Member(name, content.read(max_bytes) if content else b"")
            _check_tail(cast("IO[bytes]", archive.fileobj))


def _check_tail(stream: IO[bytes]) -> None:
    """Read on to the end, where the checksums of gzip and bzip2 stand; behind the end mark only zeros may lie."""
    while data := stream.read(1 << 16):
        if data.strip(b"\0"):
            raise tarfile.ReadError("something follows the archive's end mark")


def _zip_members(file: RawFile, max_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member | BadRecord]:
    left = expansion_limit(file)
    with file.open() as raw, zipfile.ZipFile(raw) as archive:
        _check_directory(raw, archive)
        for member in archive.infolist():
            if member.filename.endswith("/"):
                continue
            fault = name_fault(member.filename)
            if fault is not None:
                yield BadRecord(key=member.filename, reason=fault)
            elif wanted(member.filename):
                with archive.open(member) as stream:
                    content = stream.read(max_bytes)
                left -= len(content)
                if left < 0:
                    raise ExpansionError("the members unpack to too much")
                yield Member(_readable(member.filename), content, is_link=member.external_attr >> 28 == 0o12)


def _check_directory(raw: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Raises where the directory passes over members, or all of them: `zipfile` believes it and reads the others."""
    end = 0
    for member in sorted(archive.infolist(), key=lambda member: member.header_offset):
        if member.header_offset > end + _DESCRIPTOR_BYTES:
            break
        raw.seek(member.header_offset)
        header = raw.read(_ZIP_HEADER.size)
        if len(header) < _ZIP_HEADER.size:
            raise zipfile.BadZipFile("a member's header is not there")
        name_bytes, extra_bytes = _ZIP_HEADER.unpack(header)
        end = max(end, member.header_offset + len(header) + name_bytes + extra_bytes + member.compress_size)
    if archive.start_dir > end + _DESCRIPTOR_BYTES:
        raise zipfile.BadZipFile(f"the directory names nothing of the bytes from {end} to {archive.start_dir}")


def _unpacked(raw: BinaryIO) -> "closing[IO[bytes]]":
    """The tar itself, by the first bytes and not by the name."""
    start = raw.read(3)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return closing(cast("IO[bytes]", gzip.GzipFile(fileobj=raw)))
    if start == b"BZh":
        return closing(cast("IO[bytes]", bz2.BZ2File(raw)))
    return closing(raw)


class _StrictTarInfo(tarfile.TarInfo):
    """Raises where `tarfile` would end the archive silently: at a wrong checksum, and where the end mark is missing."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("the archive ends without its end mark")
        if not any(buf):
            return super().frombuf(buf, encoding, errors)  # the end mark, which tarfile knows how to take
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a member's header is damaged: {error}") from error
        if member.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        if member.type in _NAME_HEADERS and member.size > MAX_NAME_BYTES:
            raise tarfile.ReadError(f"a member's name takes {member.size} bytes, above {MAX_NAME_BYTES}")
        return member


def _kind_fault(member: tarfile.TarInfo) -> str | None:
    return None if member.isfile() or member.issym() or member.islnk() else "special_member"


def name_fault(name: str) -> str | None:
    """A reason where a name would escape from a folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    unsafe = not name or path.is_absolute() or ".." in path.parts or "\0" in name or name[1:3] in (":/", ":\\")
    return "unsafe_name" if unsafe else None


def _readable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
