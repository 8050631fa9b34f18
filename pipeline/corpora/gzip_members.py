"""Unpacks a raw file piece by piece: plain bytes, or gzip members one after another, some of them damaged.

Nothing is lost silently: every byte of the file is either in a good member or in the damage that is raised. After a
damaged member reading goes on at the next place that opens a gzip member.
"""

import zlib
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.corpora.corpus import QUARANTINED_BYTES

BAD_REASONS = ("truncated_gzip", "bad_crc", "bad_deflate", "not_gzip", "too_damaged")

_MAGIC = b"\x1f\x8b"
_OPENING = b"\x1f\x8b\x08"
_RESERVED_FLAGS = 0xE0
_READ = 16 << 10
_UNPACKED = 256 << 10
_CHECK_ERRORS = ("incorrect data check", "incorrect length check")


WASTE_RECORDS = 16
"""How many of the largest records may be unpacked for nothing before a member is left, and then the file."""
_WASTE_READS = 4
_WASTE_ROOM = 64 << 20


def allowed_waste(file_bytes: int, max_record_bytes: int) -> int:
    """Bytes that may be unpacked or looked at for nothing in a file: it ends, and a file cut twice is still read."""
    return WASTE_RECORDS * max_record_bytes + _WASTE_READS * file_bytes + _WASTE_ROOM


@dataclass(eq=False)
class DamageError(Exception):
    """Bytes of the file that could not be read, from an offset on; the next read goes on behind them."""

    offset: int
    size: int
    reason: str
    detail: str = ""
    raw: bytes = b""


class Unpacked:
    """The unpacked bytes of a file. `read` gives pieces in order and raises DamageError where some are missing.

    `member` is the file offset at which the member of the last piece begins, `fresh` whether that piece begins it. A
    plain file is one member at offset 0. `max_waste_bytes` bounds the work on damage: bytes unpacked or looked at for
    nothing. Past it the rest of the file is one damage, `too_damaged`.
    """

    def __init__(self, stream: BinaryIO, name: str, *, max_waste_bytes: int = 1 << 32) -> None:
        self._stream = stream
        self._waste_left = max_waste_bytes
        self._size = stream.seek(0, 2)
        stream.seek(0)
        start = stream.read(5)
        stream.seek(0)
        self.packed = start.startswith(_MAGIC) or (name.endswith(".gz") and start not in (b"WARC/", b""))
        self.member = 0
        self.fresh = False
        self._inflater: zlib._Decompress | None = None
        self._held = b""  # Packed bytes that were read and not yet unpacked.
        self._unpacked_bytes = 0

    def read(self) -> bytes:
        """The next piece, empty only at the end of the file."""
        if not self.packed:
            self.fresh = self._stream.tell() == 0
            return self._stream.read(_UNPACKED)
        while True:
            if self._inflater is None and not self._open_member():
                return b""
            piece = self._inflate()
            if piece:
                self.fresh = self._unpacked_bytes == 0
                self._unpacked_bytes += len(piece)
                return piece

    def leave_member(self) -> None:
        """Go on at the next place that opens a gzip member; a plain file has none and is at its end."""
        if self.packed:
            self._find_opening(max(self._position(), self.member + 1))
        else:
            self._stream.seek(0, 2)

    def waste(self, size: int) -> None:
        """Count unpacked bytes that led to nothing."""
        self._waste_left -= size

    def _position(self) -> int:
        """Where the next packed byte lies that is not yet unpacked."""
        tail = len(self._inflater.unconsumed_tail) if self._inflater else 0
        return self._stream.tell() - len(self._held) - tail

    def _open_member(self) -> bool:
        """Whether there is another member; garbage before it is damage."""
        while len(self._held) < 4 and (more := self._stream.read(_READ)):
            self._held += more
        if not self._held:
            return False
        self.member, self._unpacked_bytes = self._position(), 0
        if self._waste_left < 0:
            self._held = b""
            self._stream.seek(0, 2)
            raise DamageError(self.member, self._size - self.member, "too_damaged", "the rest of the file is left out")
        if not _opens(self._held):
            raise self._damage("not_gzip", "no gzip member begins here")
        self._inflater = zlib.decompressobj(wbits=31)
        return True

    def _inflate(self) -> bytes:
        """A piece of the member under way, or nothing where it has ended or needs more bytes."""
        inflater = self._inflater
        if inflater is None:
            return b""
        packed = inflater.unconsumed_tail + self._held or self._stream.read(_READ)
        self._held = b""
        try:
            piece = inflater.decompress(packed, _UNPACKED)
        except zlib.error as error:
            detail = str(error).rpartition(": ")[2]
            raise self._damage("bad_crc" if detail in _CHECK_ERRORS else "bad_deflate", detail) from None
        if inflater.eof:
            self._held, self._inflater = inflater.unused_data, None
        elif not packed and not piece:
            raise self._damage("truncated_gzip", "the file ends within a member")
        return piece

    def _damage(self, reason: str, detail: str) -> DamageError:
        """What is lost from the member's start to the next opening, where reading goes on."""
        start = self.member
        self.waste(self._unpacked_bytes + _READ)
        self._stream.seek(start)
        raw = self._stream.read(QUARANTINED_BYTES)
        self._find_opening(start + 1)
        size = self._position() - start
        return DamageError(start, size, reason, detail, raw[:size])

    def _find_opening(self, start: int) -> None:
        """Stand at the first place from `start` on that opens a gzip member, or at the end of the file."""
        self._inflater, self._held = None, b""
        self._stream.seek(start)
        window = b""
        while more := self._stream.read(_UNPACKED):
            self.waste(len(more))
            window += more
            at = window.find(_OPENING)
            while at >= 0 and not _opens(window[at : at + 4]):
                at = window.find(_OPENING, at + 1)
            if at >= 0 and at + 4 <= len(window):
                self._held = window[at:]
                return
            window = window[-3:]


def _opens(start: bytes) -> bool:
    return start.startswith(_OPENING) and (len(start) < 4 or not start[3] & _RESERVED_FLAGS)
