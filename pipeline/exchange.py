"""How packed messages get from those who make them to those who judge them.

On Spark, Flink and Dataflow the messages themselves cross the engine's shuffle. The embedded runner keeps all that
crosses in the parent's memory, so there the messages lie in files on this machine and only their keys cross.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from filters.fingerprint import Array
from pipeline.faults import writing

Keyed = tuple[int, bytes]
_INDEX = np.dtype([("key", "<i8"), ("start", "<i8"), ("length", "<i8")])
_COUNT = struct.Struct("<q")
PARCEL_BYTES = 1 << 16
"""The most of a message that crosses an engine in one record. Flink sorts records in buffers and refuses larger ones;
and Java keeps a hundred messages to a Python worker, each of a record at least, outside its heap."""
_PIECE = struct.Struct("<16sII")
"""Before each piece of a message: whose piece it is, which one, and of how many."""


def straight_to(piece: int) -> int:
    """The partition of a message that no judge is to see: it goes to the piece as it is."""
    return -1 - piece


class Carrier(Protocol):
    """Turns keyed messages into keyed parcels that cross the engine, and a key's parcels back into its messages."""

    def pack(self, step: str, name: str, messages: Iterable[Keyed]) -> Iterator[Keyed]:
        """Parcels for messages; `name` is distinct for each call of a step. Packing again replaces what was packed."""
        ...

    def unpack(self, sent: Sequence[tuple[str, int]], parcels: Iterable[bytes]) -> Iterator[bytes]:
        """The messages that steps sent to keys, one in memory at a time; `parcels` is what crossed the engine."""
        ...


@dataclass(frozen=True, slots=True)
class ShuffleCarrier:
    """The messages cross the engine, in pieces that every engine can sort."""

    def pack(self, step: str, name: str, messages: Iterable[Keyed]) -> Iterator[Keyed]:
        """The pieces of the messages."""
        for number, (key, message) in enumerate(messages):
            whose = hashlib.blake2b(f"{step}/{name}/{number}".encode(), digest_size=16).digest()
            count = -(-len(message) // PARCEL_BYTES) or 1
            for piece in range(count):
                part = memoryview(message)[piece * PARCEL_BYTES : (piece + 1) * PARCEL_BYTES]
                yield key, _PIECE.pack(whose, piece, count) + part

    def unpack(self, sent: Sequence[tuple[str, int]], parcels: Iterable[bytes]) -> Iterator[bytes]:
        """The messages, each once its last piece has come; an empty parcel says no more than that the key is there."""
        begun: dict[bytes, dict[int, bytes]] = {}
        for parcel in filter(None, parcels):
            whose, piece, count = _PIECE.unpack_from(parcel)
            pieces = begun.setdefault(whose, {})
            pieces[piece] = parcel[_PIECE.size :]
            if len(pieces) == count:
                del begun[whose]
                yield b"".join(pieces[index] for index in range(count))


@dataclass(frozen=True, slots=True)
class FileCarrier:
    """The messages of a call lie in the file `folder/STEP/NAME`, with an index behind them; keys cross the engine.

    The index is sorted by key: (key, start, length) as 64-bit integers, then how many of them there are.
    """

    folder: Path

    def pack(self, step: str, name: str, messages: Iterable[Keyed]) -> Iterator[Keyed]:
        """Write the messages one behind another, then tell which keys there are."""
        target = self.folder / step / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{name}.{os.getpid()}")
        with writing(target), temporary.open("wb") as stream:
            index = _write(stream, messages)
        temporary.replace(target)
        yield from ((key, b"") for key in np.unique(index["key"]).tolist())

    def unpack(self, sent: Sequence[tuple[str, int]], parcels: Iterable[bytes]) -> Iterator[bytes]:
        """Look in the files of each step for messages of the key."""
        for step, key in sent:
            for path in self._files(step):
                with path.open("rb") as stream:
                    yield from _read(stream, key)

    def _files(self, step: str) -> list[Path]:
        """In an order that follows from their names alone, so that messages come in the same one every time."""
        folder = self.folder / step
        found = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
        return sorted(found, key=lambda path: (len(path.name), path.name))


def _write(stream: BinaryIO, messages: Iterable[Keyed]) -> Array:
    rows: list[tuple[int, int, int]] = []
    start = 0
    for key, message in messages:
        stream.write(message)
        rows.append((key, start, len(message)))
        start += len(message)
    index = np.sort(np.array(rows, _INDEX), order=("key", "start"))
    stream.write(index.tobytes())
    stream.write(_COUNT.pack(len(index)))
    return index


def _read(stream: BinaryIO, key: int) -> Iterator[bytes]:
    end = stream.seek(-_COUNT.size, os.SEEK_END)
    (count,) = _COUNT.unpack(stream.read())
    if not count:
        return
    # Mapped, since a file can hold messages for many thousand keys and one of them is wanted.
    index = np.memmap(stream, _INDEX, "r", offset=end - count * _INDEX.itemsize, shape=count)
    first, last = np.searchsorted(index["key"], [key, key + 1])
    for _, start, length in index[first:last].tolist():
        stream.seek(start)
        yield stream.read(length)
