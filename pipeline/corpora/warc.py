"""Reads WARC records from a raw file, whatever has happened to it: each byte is in a record or in a bad record."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawFile
from pipeline.corpora.gzip_members import BAD_REASONS as GZIP_REASONS
from pipeline.corpora.gzip_members import WASTE_RECORDS, DamageError, Unpacked, allowed_waste

BAD_REASONS = (
    *GZIP_REASONS,
    "no_warc_record",
    "bad_header",
    "bad_content_length",
    "truncated_record",
    "record_too_large",
)
MAX_HEADER_BYTES = 1 << 16

_VERSION = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n")
_NEXT_RECORD = re.compile(rb"\n(?=WARC/\d\.\d{1,2}[ \t]*\r?\n[A-Za-z-]+:)")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_RECORD_END = b"\r\n\r\n"
_MAX_ENDING_BYTES = 1 << 16  # The line ends behind these belong to nobody.
_OPENING_BYTES = 128  # More than _NEXT_RECORD needs to see.


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """A record: where it begins, its header fields by lower-case name (the first of each), its body.

    `ending` are the line ends behind the body, two of them where all is well.
    """

    key: str
    fields: dict[str, str]
    body: bytes
    ending: bytes = b""


def warc_records(file: RawFile, max_record_bytes: int) -> Iterator[WarcRecord | BadRecord]:
    """The file's records in order; a record's key is its member's offset, with the place in the member if not 0."""
    with file.open() as stream:
        waste = allowed_waste(file.size, max_record_bytes)
        yield from _Reader(Unpacked(stream, file.name, max_waste_bytes=waste), max_record_bytes).records()


class _RecordError(Exception):
    """What is wrong with the record at the start of the window."""


class _Reader:
    """A window of unpacked bytes that begins where the next record is looked for."""

    def __init__(self, unpacked: Unpacked, max_record_bytes: int) -> None:
        self._unpacked = unpacked
        self._max_record_bytes = max_record_bytes
        self._window = bytearray()
        self._start = 0  # Unpacked bytes before the window.
        self._members = [(0, 0)]  # (unpacked place, file offset) of the members that the window touches.
        self._damage: DamageError | None = None  # Met behind a good record, told after it.

    def records(self) -> Iterator[WarcRecord | BadRecord]:
        while True:
            try:
                if not self._skip_line_ends():
                    return
                yield self._record()
            except _RecordError as fault:
                yield self._after_fault(*fault.args)
            except DamageError as damage:
                yield self._after_damage(damage)

    def _record(self) -> WarcRecord:
        key = self._key()
        header_bytes, fields = self._header()
        length = fields.get("content-length", "")
        if not length.isascii() or not length.isdigit() or len(length) > 18:
            raise _RecordError("bad_content_length", f"Content-Length is {length[:40]!r}")
        if int(length) > self._max_record_bytes:
            raise _RecordError("record_too_large", f"{length} bytes, at most {self._max_record_bytes}")
        end = header_bytes + int(length)
        self._fill_record(end)
        member = self._members[-1][1]
        body = bytes(memoryview(self._window)[header_bytes:end])
        return WarcRecord(key, fields, body, self._ending(end, member))

    def _header(self) -> tuple[int, dict[str, str]]:
        """The bytes of the header with its blank line, and its fields."""
        while not (end := _HEADER_END.search(self._window, 0, MAX_HEADER_BYTES)):
            if len(self._window) >= MAX_HEADER_BYTES or not self._fill():
                break
        if not _VERSION.match(self._window):
            raise _RecordError("no_warc_record", "no WARC version line")
        if not end:
            cut = len(self._window) < MAX_HEADER_BYTES
            raise _RecordError("truncated_record" if cut else "bad_header", "the header has no end")
        fields: dict[str, str] = {}
        header = self._window[: end.start()].decode("utf-8", "replace")
        if "\n " in header or "\n\t" in header:
            header = _FOLD.sub(" ", header)
        for line in header.split("\n")[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise _RecordError("bad_header", f"no colon in {line[:40]!r}")
            fields.setdefault(name.strip().lower(), value.strip())
        return end.end(), fields

    def _fill_record(self, end: int) -> None:
        """Have the whole record in the window, unless another begins where this one should still last."""
        while len(self._window) < end:
            before = len(self._window)
            if not self._fill():
                raise _RecordError("truncated_record", f"{end - before} bytes are missing")
            if self._unpacked.fresh and self._window.startswith(b"WARC/", before):
                raise _RecordError("bad_content_length", "the next record begins within the body")

    def _ending(self, end: int, member: int) -> bytes:
        """A record ends at two line ends, or at any and then a record or the end of a member; it leaves the window."""
        while True:
            at = end
            while at < len(self._window) and self._window[at] in b"\r\n":
                at += 1
            if at - end > _MAX_ENDING_BYTES or self._begins_member(at) or self._window.startswith(b"WARC/", at):
                break
            try:
                more = len(self._window) - at < len(b"WARC/") and self._fill()
            except DamageError as damage:
                if damage.offset == member:
                    raise
                self._damage = damage
                break
            if not more:
                if at < len(self._window) and not self._window.startswith(_RECORD_END, end):
                    raise _RecordError("bad_content_length", "something other than a record follows the body")
                break
        ending = bytes(memoryview(self._window)[end:at])
        self._drop(at)
        return ending

    def _after_fault(self, reason: str, detail: str) -> BadRecord:
        """Quarantine what lies before the next record."""
        key, raw, size = self._key(), bytes(self._window[:QUARANTINED_BYTES]), 0
        # A member that does not even begin with a record is left early: so many bombs are gone through.
        patience = 1 if reason == "no_warc_record" and self._begins_member(0) else WASTE_RECORDS
        bound = patience * self._max_record_bytes
        try:
            while (at := self._find_record()) < 0:
                keep = min(len(self._window), _OPENING_BYTES)
                size += self._drop(len(self._window) - keep)
                if size > bound:
                    self._unpacked.leave_member()
                    size += self._drop(len(self._window))
                    at = 0
                    break
                if not self._fill():
                    at = len(self._window)
                    break
            size += self._drop(at)
        except DamageError as damage:
            size += self._drop(len(self._window))
            self._damage = damage
        self._unpacked.waste(size)
        return BadRecord(key=key, reason=reason, detail=detail, raw=raw, size=size)

    def _after_damage(self, damage: DamageError) -> BadRecord:
        """Quarantine the record that was under way, or the damaged bytes where none was."""
        key = self._key() if self._window else str(damage.offset)
        raw = bytes(self._window[:QUARANTINED_BYTES]) or damage.raw
        size = self._drop(len(self._window)) or damage.size
        return BadRecord(key=key, reason=damage.reason, detail=damage.detail, raw=raw, size=size)

    def _find_record(self) -> int:
        """Where in the window the next record begins, after the first byte; -1 where none is seen yet."""
        starts = [place - self._start for place, _ in self._members if place > self._start]
        starts = [at for at in starts if self._window.startswith(b"WARC/", at)]
        if found := _NEXT_RECORD.search(self._window):
            starts.append(found.end())
        return min(starts, default=-1)

    def _skip_line_ends(self) -> bool:
        """Whether anything but line ends is left."""
        if self._damage:
            damage, self._damage = self._damage, None
            raise damage
        while True:
            at = len(self._window) - len(self._window.lstrip(b"\r\n"))
            self._drop(at)
            if self._window:
                return True
            if not self._fill():
                return False

    def _fill(self) -> bool:
        """Whether the file had another piece for the window."""
        piece = self._unpacked.read()
        if piece and self._unpacked.fresh:
            self._members.append((self._start + len(self._window), self._unpacked.member))
        self._window += piece
        return bool(piece)

    def _drop(self, size: int) -> int:
        del self._window[:size]
        self._start += size
        while len(self._members) > 1 and self._members[1][0] <= self._start:
            del self._members[0]
        return size

    def _begins_member(self, at: int) -> bool:
        return at < len(self._window) and any(place == self._start + at for place, _ in self._members)

    def _key(self) -> str:
        place, offset = self._members[0]
        inside = self._start - place
        if not self._unpacked.packed:
            return str(self._start)
        return f"{offset}+{inside}" if inside else str(offset)
