"""The index of a multistream dump: its streams, and how many pages each should hold. It is checked, not believed."""

import bz2
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.wikinames import index_names
from pipeline.storage import digest_of_stream

MAX_EXPANSION = 16
"""Bytes of index for a byte of dump: real ones reach a tenth."""

FREE_BYTES = 16 << 20
"""Up to here an index may be of any size."""

_CHUNK_BYTES = 1 << 20
_MAX_LINE_BYTES = 1 << 16
_LINE = re.compile(rb"^(\d{1,18}):\d+:.*\n", re.MULTILINE)
_read: dict[str, "StreamIndex"] = {}  # The last one, which all parts of a dump ask for.


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamIndex:
    """Where streams with pages begin, in order, and how many pages each holds; `fault` says why it is of no use."""

    offsets: NDArray[np.int64]
    pages: NDArray[np.int64]
    fault: str = ""

    def lists(self, offset: int) -> bool:
        """Whether a stream is said to begin there."""
        return self.pages_at(offset) > 0

    def pages_at(self, offset: int) -> int:
        """How many pages the stream is said to hold that begins there."""
        place = int(np.searchsorted(self.offsets, offset))
        return int(self.pages[place]) if place < len(self.offsets) and self.offsets[place] == offset else 0

    def differences(self, span: tuple[int, int], found: Mapping[int, int]) -> str:
        """How it differs from the pages that were found by stream, in a part of the dump; empty where it does not."""
        first, last = np.searchsorted(self.offsets, span)
        listed = dict(zip(self.offsets[first:last].tolist(), self.pages[first:last].tolist(), strict=True))
        wrong = sorted(stream for stream in {*listed, *found} if listed.get(stream, 0) != found.get(stream, 0))
        if not wrong:
            return ""
        say = f"byte {wrong[0]}, with {listed.get(wrong[0], 0)} pages by the index and {found.get(wrong[0], 0)} found"
        return f"{len(wrong)} of {len({*listed, *found})} streams differ, the first at {say}"


def dump_index(file: RawFile) -> StreamIndex | None:
    """The index that lies beside a dump, read once a process; None where there is none."""
    index = next((found for name in index_names(file.name) if (found := file.beside(name)) is not None), None)
    if index is None:
        return None
    with index.open() as stream:
        key = f"{digest_of_stream(stream)} {file.size}"
    if key not in _read:
        held = _parsed(index, file.size)
        _read.clear()
        _read[key] = held
    return _read[key]


def index_faults(index: StreamIndex, file: RawFile, found: Mapping[int, int], *, damaged: bool) -> Iterator[BadRecord]:
    """A record where the index is of no use, or says something else than the dump's part holds.

    Of a part with damage nothing is said: what is missing has been told, with its pages.
    """
    if index.fault:
        if file.part == 1:
            yield BadRecord(key="index", reason="index_unusable", detail=index.fault)
    elif not damaged and (detail := index.differences(file.span, found)):
        yield BadRecord(key=f"index:{file.span[0]}", reason="index_differs", detail=detail)


def _parsed(index: RawFile, dump_bytes: int) -> StreamIndex:
    offsets, pages, fault = [-1], [0], ""
    try:
        for block in _blocks(index, max(FREE_BYTES, MAX_EXPANSION * dump_bytes)):
            lines = _LINE.findall(block)
            if len(lines) != block.count(b"\n"):
                fault = f"a line after byte {offsets[-1]} is no offset:page:title"
                break
            for offset, same in groupby(map(int, lines)):
                count = sum(1 for _ in same)
                if offset == offsets[-1]:
                    pages[-1] += count
                elif offsets[-1] < offset < dump_bytes:
                    offsets.append(offset)
                    pages.append(count)
                else:
                    fault = f"byte {offset} after byte {offsets[-1]} in a dump of {dump_bytes} bytes"
                    break
            if fault:
                break
    except (OSError, EOFError, ValueError) as error:
        fault = str(error)
    if not fault and len(offsets) == 1:
        fault = "it lists nothing"
    return StreamIndex(offsets=np.array(offsets[1:], np.int64), pages=np.array(pages[1:], np.int64), fault=fault)


def _blocks(index: RawFile, max_bytes: int) -> Iterator[bytes]:
    """Whole lines, about a megabyte at a time. Raises ValueError where there is no end of them or of one."""
    with index.open() as raw:
        packed = raw.read(3) == b"BZh"
        raw.seek(0)
        stream = bz2.BZ2File(raw) if packed else raw
        held, size = b"", 0
        while data := stream.read(_CHUNK_BYTES):
            size += len(data)
            if size > max_bytes:
                raise ValueError(f"more than {max_bytes} bytes")
            whole, newline, rest = data.rpartition(b"\n")
            if newline:
                yield held + whole + newline
                held = rest
            else:
                held += rest
            if len(held) > _MAX_LINE_BYTES:
                raise ValueError(f"a line of more than {_MAX_LINE_BYTES} bytes")
        if held:
            yield held + b"\n"


def count_pages(starts: Counter[int | None]) -> dict[int, int]:
    """Pages by the stream in which they begin."""
    return {stream: count for stream, count in starts.items() if stream is not None and count}
