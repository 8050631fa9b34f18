"""Containers whose bytes depend on their content alone: no clock, no user, no order of a folder."""

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DATE = datetime(2022, 7, 1, 12, 0, tzinfo=UTC)
"""What every time stamp in the demo's dumps says."""


def write_file(path: Path, content: bytes) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def gzip_member(content: bytes) -> bytes:
    """One gzip member without a time stamp."""
    return gzip.compress(content, 6, mtime=0)


def bzip2_streams(parts: Iterable[str]) -> tuple[bytes, list[int]]:
    """Each part as a bzip2 stream of its own, as in a multistream dump; with the offset of each stream."""
    streams, offsets, at = [], [], 0
    for part in parts:
        stream = bz2.compress(part.encode())
        offsets.append(at)
        streams.append(stream)
        at += len(stream)
    return b"".join(streams), offsets


def tar_archive(members: Iterable[tuple[str, bytes | str]]) -> bytes:
    """A POSIX tar owned by nobody: plain files, and symbolic links where a text stands for the content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = int(DATE.timestamp()), 0o644
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
                continue
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def seven_zip(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A 7z archive."""
    import py7zr
    from py7zr.helpers import ArchiveTimestamp

    moment = ArchiveTimestamp.from_datetime(DATE.timestamp())

    class Archive(py7zr.SevenZipFile):  # type: ignore[misc]  # py7zr carries no types here
        @staticmethod
        def _make_file_info_from_name(bio: Any, size: int, arcname: str) -> Any:
            # py7zr stamps what is written from memory with the present time and offers no other way.
            entry = py7zr.SevenZipFile._make_file_info_from_name(bio, size, arcname)
            return {**entry, "lastwritetime": moment}

    buffer = io.BytesIO()
    with Archive(buffer, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 3}]) as archive:
        for name, content in members:
            archive.writestr(content, name)
    return buffer.getvalue()


def zip_archive(members: Mapping[str, str]) -> bytes:
    """A zip of texts, in their order."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            member = zipfile.ZipInfo(name, DATE.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text)
    return content.getvalue()
