"""Reads the members of a book's zip: nothing is written, and neither a member nor the directory exceeds its bound."""

import lzma
import stat
import zipfile
import zlib
from typing import BinaryIO

from pipeline.corpora.marked_book import BookError

MAX_EXPANSION = 200
"""A zip member that is packed tighter than this is a bomb; prose packs 3 times."""
MAX_DIRECTORY_BYTES = 8 << 20
"""Of a zip's directory, which `zipfile` reads whole: some hundred thousand members."""

_END_RECORD = b"PK\x05\x06"
_END_RECORD_BYTES = 22
_LONGEST_COMMENT = 65535
_ENCRYPTED_FLAG = 1

_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
)
"""What `zipfile` raises on damage: it believes each number of the directory."""


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """The archive, its directory read. Raises BookError."""
    if _directory_bytes(stream) > MAX_DIRECTORY_BYTES:
        raise BookError("too_many_members", f"a directory of more than {MAX_DIRECTORY_BYTES} bytes")
    try:
        return zipfile.ZipFile(stream)
    except _ERRORS as error:
        raise BookError("broken_archive", str(error)[:200]) from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """The member's bytes. Raises BookError."""
    size = member.compress_size
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BookError("link", member.filename[:200])
    if member.flag_bits & _ENCRYPTED_FLAG:
        raise BookError("encrypted_book", f"{member.filename[:200]} needs a password")
    if member.file_size > max_bytes:
        raise BookError("book_too_large", f"{member.file_size} bytes unpacked")
    if member.file_size > MAX_EXPANSION * max(1, size):
        raise BookError("expands_too_much", f"{member.file_size} bytes in {size}")
    try:
        with archive.open(member) as content:
            return content.read(max_bytes + 1)
    except _ERRORS as error:
        raise BookError("broken_archive", str(error)[:200]) from error


def _directory_bytes(stream: BinaryIO) -> int:
    """How large the directory is by the record at the archive's end; 0 where there is none, which `zipfile` reports.

    In a very large archive the field is full of ones, which is too large as well.
    """
    end = stream.seek(0, 2)
    stream.seek(max(0, end - _END_RECORD_BYTES - _LONGEST_COMMENT))
    tail = stream.read()
    stream.seek(0)
    at = tail.rfind(_END_RECORD)
    return int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
