"""The bytes of a MediaWiki dump, or of a part of one, whatever it is packed in; what is damaged is said.

A part of a bzip2 file has the streams that begin in its share of the bytes, a part of a plain file those bytes. What
follows is given too, behind a `PartEnd`, so that a page that the cut goes through can be read to its end.
"""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawFile
from pipeline.corpora.wikiindex import StreamIndex

CHUNK_BYTES = 1 << 20
MAX_DICTIONARY_BYTES = 256 << 20
"""What unpacking xz may take: four times what its strongest setting needs."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of the dump; `offset` is where they lie in the file, or in the packed stream that begins at `stream`."""

    stream: int | None
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """What follows belongs to the next part."""


Piece = Chunk | BadRecord | PartEnd


@dataclass(frozen=True, slots=True)
class _Packing:
    """A form in which whole streams follow each other."""

    start: re.Pattern[bytes]
    start_bytes: int
    decompressor: Callable[[], Any]
    padding: int = 0


_BZ2 = _Packing(re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), 10, bz2.BZ2Decompressor)
"""Start of a bzip2 stream: its header and the mark of its first block, or of its end where it is empty."""
_XZ = _Packing(
    re.compile(rb"\xfd7zXZ\x00\x00"), 7, lambda: lzma.LZMADecompressor(memlimit=MAX_DICTIONARY_BYTES), padding=4
)
_LZMA = _Packing(re.compile(rb"(?!)"), 1, lambda: lzma.LZMADecompressor(memlimit=MAX_DICTIONARY_BYTES))


def dump_bytes(file: RawFile, index: StreamIndex | None = None) -> Iterator[Piece]:
    """Decompressed chunks in order; a BadRecord stands where bytes are missing."""
    magic = _magic(file)
    if magic.startswith(b"BZh"):
        yield from _streams(file, _BZ2, index)
    elif magic.startswith(b"\x1f\x8b"):
        yield from _gzip(file)
    elif magic.startswith(b"\xfd7zXZ"):
        yield from _streams(file, _XZ, None)
    elif magic.startswith(b"\x5d\x00\x00"):
        yield from _streams(file, _LZMA, None)
    elif magic.startswith(b"7z\xbc\xaf"):
        detail = "7z; unpack it or take the .bz2"
        yield BadRecord(key="file", reason="unsupported_compression", detail=detail, size=file.size)
    else:
        yield from _plain(file)


def can_be_split(file: RawFile) -> bool:
    """Whether `dump_bytes` gives parts of the file: it is bzip2, or not packed at all."""
    return not _magic(file).startswith((b"\x1f\x8b", b"\xfd7zXZ", b"\x5d\x00\x00", b"7z\xbc\xaf"))


def _magic(file: RawFile) -> bytes:
    with file.open() as stream:
        return stream.read(6)


def _plain(file: RawFile) -> Iterator[Piece]:
    at, stop = file.span
    with file.open() as raw:
        raw.seek(at)
        while data := raw.read(min(CHUNK_BYTES, stop - at) if at < stop else CHUNK_BYTES):
            yield Chunk(None, at, data)
            at += len(data)
            if at == stop < file.size:
                yield PartEnd()
    if at < file.size:
        yield BadRecord(key=f"byte:{at}", reason="truncated_stream", detail=f"the file ends before byte {file.size}")


def _gzip(file: RawFile) -> Iterator[Piece]:
    with file.open() as raw:
        read = 0
        try:
            stream = gzip.GzipFile(fileobj=raw)
            while data := stream.read(CHUNK_BYTES):
                yield Chunk(None, read, data)
                read += len(data)
        except (OSError, EOFError, zlib.error) as error:
            yield BadRecord(key=f"byte:{read}", reason="damaged_compression", detail=str(error))


def _streams(file: RawFile, packing: _Packing, index: StreamIndex | None) -> Iterator[Piece]:
    """Stream after stream; `bz2.open` would take a damaged later one for garbage and end in silence."""
    first, stop = file.span
    ended = False
    with file.open() as raw:
        start = 0 if first == 0 else _first_start(raw, packing, index, first, stop)
        while start is not None:
            if not ended and start >= stop:
                ended = True
                yield PartEnd()
            raw.seek(start)
            end, fault = yield from _one_stream(raw, start, packing)
            if fault is None:
                start = _skip_padding(raw, end, packing)
                raw.seek(start)
                if not (mark := raw.read(packing.start_bytes)):
                    return
                if packing.start.match(mark):
                    continue
                fault = "trailing_bytes"
            following = _next_start(raw, packing, start + 1, file.size)
            yield _damage(raw, start, (file.size if following is None else following) - start, fault, index)
            start = following


def _damage(raw: BinaryIO, start: int, size: int, fault: str, index: StreamIndex | None) -> BadRecord:
    raw.seek(start)
    held = raw.read(min(size, QUARANTINED_BYTES))
    pages = index.pages_at(start) if index else 0
    detail = f"{fault}; {pages} pages by the index" if pages else fault
    reason = _REASONS.get(fault, "damaged_stream")
    return BadRecord(key=f"byte:{start}", reason=reason, detail=detail, raw=held, size=size)


_REASONS = {"trailing_bytes": "trailing_bytes", "ends early": "truncated_stream"}


def _one_stream(raw: BinaryIO, start: int, packing: _Packing) -> Generator[Chunk, None, tuple[int, str | None]]:
    """Yields a stream's content; returns where it ends, and what is wrong with it."""
    decompressor = packing.decompressor()
    position, given = start, 0
    while not decompressor.eof:
        data = b""
        if decompressor.needs_input:
            data = raw.read(CHUNK_BYTES)
            if not data:
                return position, "ends early"
            position += len(data)
        try:
            content = decompressor.decompress(data, CHUNK_BYTES)
        except (OSError, ValueError, lzma.LZMAError) as error:
            return position, str(error)
        if content:
            yield Chunk(start, given, content)
            given += len(content)
    return position - len(decompressor.unused_data), None


def _skip_padding(raw: BinaryIO, at: int, packing: _Packing) -> int:
    """Where the next stream is to begin: xz files may be filled up with groups of four zeros."""
    raw.seek(at)
    while packing.padding and raw.read(packing.padding) == bytes(packing.padding):
        at += packing.padding
    return at


def _first_start(raw: BinaryIO, packing: _Packing, index: StreamIndex | None, first: int, stop: int) -> int | None:
    """The first stream that begins from byte `first` on and before `stop`: one that the index lists, or that it is."""
    at = _next_start(raw, packing, first, stop)
    while at is not None and not (index is not None and index.lists(at)) and not _is_stream(raw, packing, at):
        at = _next_start(raw, packing, at + 1, stop)
    return at


def _is_stream(raw: BinaryIO, packing: _Packing, at: int) -> bool:
    """Whether a stream begins there, and not bytes within one that look like it.

    Where it decodes it does; where it does not it may be damaged, unless the stream before goes on behind it.
    """
    raw.seek(at)
    if next(_one_stream(raw, at, packing), None) is not None:
        return True
    before = _last_start(raw, packing, at)
    if before is None:
        return True
    raw.seek(before)
    end, fault = _drained(_one_stream(raw, before, packing))
    return fault is not None or end <= at


def _drained(stream: Generator[Chunk, None, tuple[int, str | None]]) -> tuple[int, str | None]:
    while True:
        try:
            next(stream)
        except StopIteration as end:
            found: tuple[int, str | None] = end.value
            return found


def _next_start(raw: BinaryIO, packing: _Packing, at: int, stop: int) -> int | None:
    """The first place from `at` on and before `stop` where a stream may begin."""
    raw.seek(at)
    held = b""
    while at < stop and (data := raw.read(CHUNK_BYTES)):
        held += data
        if match := packing.start.search(held):
            return at + match.start() if at + match.start() < stop else None
        kept = min(len(held), packing.start_bytes - 1)
        at += len(held) - kept
        held = held[len(held) - kept :]
    return None


def _last_start(raw: BinaryIO, packing: _Packing, stop: int) -> int | None:
    """The last place before `stop` where a stream may begin."""
    window = stop
    while window > 0:
        end, window = min(stop, window + packing.start_bytes), max(0, window - CHUNK_BYTES)
        at = _next_start(raw, packing, window, end)
        found = None
        while at is not None:
            found = at
            at = _next_start(raw, packing, at + 1, end)
        if found is not None:
            return found
    return None
