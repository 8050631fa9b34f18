"""Rows of a StackExchange dump's table of posts, as `Posts.xml` or in its `.7z`: of the whole, or of a part of it."""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.posts import RowSplitter
from pipeline.corpora.pulled import pulled
from pipeline.corpora.seven_zip import ArchiveFaultError, feed_member

POSTS = "Posts.xml"
OTHER_TABLE = re.compile(r"-(Badges|Comments|PostHistory|PostLinks|Tags|Users|Votes)\.7z\Z", re.IGNORECASE)
"""Names of archives that hold another table of a site that has one each."""

_READ_BYTES = 1 << 20
_TAIL_BYTES = 32

RawRow = tuple[int, bytes, int]
"""Where a row begins, its bytes (of a row too long the first ones), and its size."""


def is_archive(name: str) -> bool:
    """Whether the table lies in an archive, which is read from its start only."""
    return name.lower().endswith(".7z")


def stream_posts(file: RawFile, feed: Callable[[bytes], None], max_bytes: int) -> None:
    """Call `feed` with the table's bytes. Raises ArchiveFaultError, also after some of them."""
    if is_archive(file.name):
        feed_member(file, POSTS, feed, max_bytes=max_bytes)
        return
    try:
        with file.open() as stream:
            while data := stream.read(_READ_BYTES):
                feed(data)
    except OSError as error:
        raise ArchiveFaultError("unreadable_file", str(error)) from error


def part_rows(file: RawFile, splitter: RowSplitter, max_archive_bytes: int) -> Iterator[RawRow | BadRecord]:
    """The rows that begin in the part's share of the table, wherever they end; then what is wrong with the file.

    The first part of an archive has all of its rows.
    """
    if is_archive(file.name):
        if file.part == 1:
            yield from _archive_rows(file.whole, splitter, max_archive_bytes)
        return
    splitter.start, stop = file.span
    try:
        with file.open() as stream:
            tail = _tail(stream, file.size)
            at = stream.seek(splitter.start)
            while (at < stop or _is_open(splitter, stop)) and (data := stream.read(_READ_BYTES)):
                at += len(data)
                yield from (row for row in splitter.feed(data) if row[0] < stop)
    except OSError as error:
        yield _unreadable(error, file)
        return
    yield from (row for row in splitter.close() if row[0] < stop)
    yield from _faults(file, splitter, tail)


def _tail(stream: BinaryIO, size: int) -> bytes:
    stream.seek(max(0, size - _TAIL_BYTES))
    return stream.read(_TAIL_BYTES)


def _faults(file: RawFile, splitter: RowSplitter, tail: bytes) -> Iterator[BadRecord]:
    """What is wrong with a table that was read to its end: its first part knows how it begins, its last how it ends."""
    if file.part == 1 and not splitter.opened:
        yield BadRecord(key="file", reason="not_posts", detail="no <posts> in it", size=file.size)
    elif file.part == file.parts and not tail.rstrip().endswith((b"</posts>", b"<posts/>", b"<posts />")):
        yield BadRecord(key="file", reason="truncated_file", detail="no </posts> at its end")


def _is_open(splitter: RowSplitter, stop: int) -> bool:
    """Whether a row goes on that began before `stop`."""
    return splitter.row_start is not None and splitter.row_start < stop


def _archive_rows(file: RawFile, splitter: RowSplitter, max_bytes: int) -> Iterator[RawRow | BadRecord]:
    try:
        chunks: Iterator[bytes] = pulled(lambda put: stream_posts(file, put, max_bytes))
        for data in chunks:
            yield from splitter.feed(data)
    except ArchiveFaultError as error:
        yield from splitter.close()
        yield BadRecord(key="archive", reason=error.reason, detail=error.detail, size=file.size)
        return
    yield from splitter.close()
    yield from _faults(file, splitter, splitter.tail)


def _unreadable(error: OSError, file: RawFile) -> BadRecord:
    size = file.span[1] - file.span[0]
    return BadRecord(key=f"byte-{file.span[0]}", reason="unreadable_file", detail=str(error), size=size)
