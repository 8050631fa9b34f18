"""Reads a tar archive as a stream, to its very end: what `tarfile` passes over in silence is told here."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

BLOCK_BYTES = 512
_PIECE_BYTES = 1 << 18
_MAX_NAME_BYTES = 1 << 16


class Readable(Protocol):
    """Anything with `read(size)`: fewer bytes than asked for mean the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        ...


class MemberContent:
    """The bytes of one member, readable until the next is asked for. `truncated` once the archive ended within it."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCK_BYTES
        self.truncated = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the member's end."""
        wanted = min(size, self._left)
        piece = read_exactly(self._stream, wanted) if wanted else b""
        self._left -= len(piece)
        if len(piece) < wanted:
            self.truncated, self._left, self._padding = True, 0, 0
        return piece

    def skip(self) -> None:
        """Read to where the next header begins."""
        while self._left:
            self.read(_PIECE_BYTES)
        read_exactly(self._stream, self._padding)
        self._padding = 0


@dataclass(frozen=True, slots=True)
class TarMember:
    """A member of an archive: `kind` is "file", "folder", "link" or "other"."""

    name: str
    kind: str
    size: int
    offset: int
    content: MemberContent

    @property
    def is_safe(self) -> bool:
        """Whether its name stays inside the folder that the archive would be unpacked to."""
        return not self.name.startswith(("/", "\\")) and ".." not in self.name.split("/")


@dataclass(frozen=True, slots=True)
class TarDamage:
    """Bytes of an archive that are no member. `reason`: broken_header, or truncated_archive at the end."""

    reason: str
    offset: int
    size: int
    raw: bytes


def tar_members(stream: Readable) -> Iterator[TarMember | TarDamage]:
    """Members in the archive's order, and damage between them; a header that is broken costs its member alone.

    `tarfile` ends without a word at a broken header in mid-archive. Here reading goes on at the next block that is a
    header, and an archive without its closing zeros is told as truncated.
    """
    offset, closed, name, lost = 0, False, "", TarDamage("broken_header", 0, 0, b"")
    while block := read_exactly(stream, BLOCK_BYTES):
        start, offset = offset, offset + len(block)
        if not block.strip(b"\0"):
            closed = True
            continue
        header = _header(block)
        if header is None:
            first = lost if lost.size else TarDamage("broken_header", start, 0, block)
            lost = TarDamage(first.reason, first.offset, first.size + len(block), first.raw)
            continue
        if lost.size:
            yield lost
            lost = TarDamage("broken_header", 0, 0, b"")
        closed = False
        size = header.size if header.type not in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE) else 0
        offset += size + -size % BLOCK_BYTES
        content = MemberContent(stream, size)
        if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            name = _long_name(header.type, content.read(_MAX_NAME_BYTES)) or name
            content.skip()
        else:
            yield TarMember(name or header.name, _kind(header), size, start, content)
            content.skip()
            name = ""
            if content.truncated:
                return
    if lost.size:
        yield lost
    elif not closed:
        yield TarDamage("truncated_archive", offset, 0, b"")


def is_tar(block: bytes) -> bool:
    """Whether a file that begins with this block is a tar archive."""
    return _header(block) is not None


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return None
    return header if header.size >= 0 else None


def _kind(header: tarfile.TarInfo) -> str:
    if header.isdir():
        return "folder"
    if header.isreg():
        return "file"
    return "link" if header.islnk() or header.issym() else "other"


def _long_name(kind: bytes, content: bytes) -> str:
    """The name that an extension header (GNU or pax) gives to the member after it; empty where it gives none."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return content.rstrip(b"\0").decode("utf-8", "replace")
    if kind == tarfile.XHDTYPE:
        for record in content.split(b"\n"):
            _, _, pair = record.partition(b" ")
            if pair.startswith(b"path="):
                return pair[5:].decode("utf-8", "replace")
    return ""


def read_exactly(stream: Readable, size: int) -> bytes:
    """`size` bytes, or all that are left: a stream may give fewer at a time."""
    piece = stream.read(size) if size else b""
    if len(piece) == size:
        return piece
    pieces, left = [piece], size - len(piece)
    while piece and left:
        piece = stream.read(left)
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
