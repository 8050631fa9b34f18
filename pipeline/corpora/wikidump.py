"""The bytes of a MediaWiki dump, whatever it is packed in; what is damaged is said, and the rest goes on."""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any, BinaryIO

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawFile

CHUNK_BYTES = 1 << 20

_STREAM_START = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
"""Start of a bzip2 stream: its header and the mark of its first block, or of its end where it is empty."""
_STREAM_START_BYTES = 10


def dump_bytes(file: RawFile) -> Iterator[bytes | BadRecord]:
    """Decompressed chunks in order; a BadRecord stands where bytes are missing."""
    with file.open() as stream:
        magic = stream.read(6)
    if magic.startswith(b"BZh"):
        yield from _bz2_streams(file)
    elif magic.startswith(b"\x1f\x8b"):
        yield from _whole(file, lambda stream: gzip.GzipFile(fileobj=stream))
    elif magic.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        yield from _whole(file, lzma.LZMAFile)
    elif magic.startswith(b"7z\xbc\xaf"):
        yield BadRecord(
            key="file", reason="unsupported_compression", detail="7z; unpack it or take the .bz2", size=file.size
        )
    else:
        yield from _whole(file, lambda stream: stream)


def _whole(file: RawFile, opener: Callable[[BinaryIO], Any]) -> Iterator[bytes | BadRecord]:
    with file.open() as raw:
        read = 0
        try:
            stream = opener(raw)
            while chunk := stream.read(CHUNK_BYTES):
                read += len(chunk)
                yield chunk
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            yield BadRecord(key=f"byte:{read}", reason="damaged_compression", detail=str(error))


def _bz2_streams(file: RawFile) -> Iterator[bytes | BadRecord]:
    """Stream after stream; `bz2.open` would take a damaged later one for garbage and end in silence."""
    start: int | None = 0
    with file.open() as raw:
        while start is not None:
            raw.seek(start)
            end, fault = yield from _one_stream(raw, start)
            if fault is None:
                start = end
                raw.seek(start)
                if not raw.read(1):
                    return
                raw.seek(start)
                if _STREAM_START.match(raw.read(_STREAM_START_BYTES)):
                    continue
                fault = "trailing_bytes"
            following = _next_stream(raw, start + 1)
            size = (file.size if following is None else following) - start
            raw.seek(start)
            yield BadRecord(
                key=f"byte:{start}",
                reason=_REASONS.get(fault, "damaged_stream"),
                detail=fault,
                raw=raw.read(QUARANTINED_BYTES),
                size=size,
            )
            start = following


_REASONS = {"trailing_bytes": "trailing_bytes", "ends early": "truncated_stream"}


def _one_stream(raw: BinaryIO, start: int) -> Generator[bytes, None, tuple[int, str | None]]:
    """Yields a stream's content; returns where it ends, and what is wrong with it."""
    decompressor = bz2.BZ2Decompressor()
    position = start
    while not decompressor.eof:
        data = b""
        if decompressor.needs_input:
            data = raw.read(CHUNK_BYTES)
            if not data:
                return position, "ends early"
            position += len(data)
        try:
            content = decompressor.decompress(data, CHUNK_BYTES)
        except (OSError, ValueError) as error:
            return position, str(error)
        if content:
            yield content
    return position - len(decompressor.unused_data), None


def _next_stream(raw: BinaryIO, start: int) -> int | None:
    raw.seek(start)
    held, base = b"", start
    while data := raw.read(CHUNK_BYTES):
        held += data
        if match := _STREAM_START.search(held):
            return base + match.start()
        base += max(0, len(held) - _STREAM_START_BYTES + 1)
        held = held[-(_STREAM_START_BYTES - 1) :]
    return None
