"""The files of an export: what each is called, what writes it, and what reads it back to check it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import FatalError, SettingError
from pipeline.export.layout import LaidFile, Layout
from pipeline.export.runs import CHUNK_TOKENS, TokenRun, digest_of_ids

Advance: TypeAlias = Callable[[int], None]
"""Told of each few bytes that have been dealt with, for whoever shows progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file: its name below the target, the ids that it holds, and the bytes that are read for it."""

    name: str
    split: str
    tokens: int
    bytes: int
    write: Callable[[Path, Advance], str]
    """Writes the file at a path of this machine, telling of bytes read; gives the digest of what goes in."""
    read: Callable[[Path], str]
    """Reads it back with a reader that knows nothing of the writer; gives the digest of what comes out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All files of an export.

    `left_out` is how many ids of each split fill no row at its end. Where `index_name` is given, each split's folder
    gets a file of that name when the others are there; `index` says what is in it.
    """

    pieces: Sequence[Piece]
    left_out: dict[str, int]
    index_name: str = ""
    index: Callable[[Sequence[LaidFile]], bytes] = lambda _: b""

    @property
    def names(self) -> list[str]:
        """The names of all files, below the target."""
        indexes = [f"{split}/{self.index_name}" for split in self.left_out] if self.index_name else []
        return [*(piece.name for piece in self.pieces), *indexes]


def layout_plan(runs: Sequence[TokenRun], layout: Callable[[TokenRun], Layout], file_bytes: int) -> Plan:
    """Each run in files of this layout, cut at whole sequences. Raises SettingError for a run that it cannot hold."""
    pieces: list[Piece] = []
    left_out: dict[str, int] = {}
    for run in runs:
        own = _layout(run, layout)
        left_out[run.split] = run.tokens % own.row_tokens
        used = run.tokens - left_out[run.split]
        if not used:
            raise FatalError(f"{run.split} has {run.tokens} tokens, which is less than a sequence")
        size = used if not own.max_tokens else tokens_of_a_file(run, own.dtype, own.max_tokens, file_bytes)
        for number, start in enumerate(range(0, used, size)):
            pieces.append(_laid(run, own, number, start, min(start + size, used)))
    first = _layout(runs[0], layout)
    return Plan(pieces=pieces, left_out=left_out, index_name=first.index_name, index=first.index)


def _layout(run: TokenRun, layout: Callable[[TokenRun], Layout]) -> Layout:
    try:
        return layout(run)
    except ValueError as error:
        raise SettingError(f"--format: {error}") from error


def tokens_of_a_file(run: TokenRun, dtype: np.dtype[Any], max_tokens: int, file_bytes: int) -> int:
    """How many ids go into a file: whole sequences, as many as there is room for. Raises SettingError for none."""
    size = min(max_tokens, file_bytes // dtype.itemsize) // run.sequence_tokens * run.sequence_tokens
    if size:
        return size
    least = run.sequence_tokens * dtype.itemsize
    raise SettingError(
        f"--file-bytes must hold a sequence of {run.sequence_tokens} tokens: at least {least}, got {file_bytes}"
    )


def _laid(run: TokenRun, layout: Layout, number: int, start: int, stop: int) -> Piece:
    def write(path: Path, advance: Advance) -> str:
        with path.open("wb") as sink:
            sink.write(layout.header(stop - start))
            return digest_of_ids(_written(sink, run.chunks(start, stop), layout, advance), run.dtype)

    def read(path: Path) -> str:
        return digest_of_ids(_read_back(path, layout), run.dtype)

    return Piece(
        name=layout.file_name(run.split, number),
        split=run.split,
        tokens=stop - start,
        bytes=(stop - start) * run.dtype.itemsize,
        write=write,
        read=read,
    )


def _written(
    sink: BinaryIO, chunks: Iterator[NDArray[Any]], layout: Layout, advance: Advance
) -> Iterator[NDArray[Any]]:
    for chunk in chunks:
        sink.write(np.ascontiguousarray(chunk, layout.dtype).data)
        yield chunk
        advance(chunk.nbytes)


def _read_back(path: Path, layout: Layout) -> Iterator[NDArray[Any]]:
    with path.open("rb") as stream:
        try:
            start, left = layout.find_ids(stream)
        except ValueError as error:
            raise FatalError(f"what was written cannot be read back: {path.name}: {error}") from error
        stream.seek(start)
        while left:
            wanted = min(left, CHUNK_TOKENS)
            yield np.frombuffer(stream.read(wanted * layout.dtype.itemsize), layout.dtype, wanted)
            left -= wanted
