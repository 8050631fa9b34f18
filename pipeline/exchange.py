"""How packed blocks get from those who make them to those who judge them.

On Spark, Flink and Dataflow the blocks themselves cross the engine's shuffle. The embedded runner keeps all that
crosses in the parent's memory, so there the blocks lie in files and only their addresses cross.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.storage import Folder

Keyed = tuple[int, bytes]


class Carrier(Protocol):
    """Turns keyed blocks into keyed parcels that cross the engine, and a parcel back into its block."""

    def pack(self, name: str, blocks: Iterable[Keyed]) -> Iterator[Keyed]:
        """Parcels for blocks; `name` is distinct for each call of a pipeline."""
        ...

    def unpack(self, parcels: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks of parcels, one in memory at a time."""
        ...


@dataclass(frozen=True, slots=True)
class ShuffleCarrier:
    """The blocks cross the engine."""

    def pack(self, name: str, blocks: Iterable[Keyed]) -> Iterator[Keyed]:
        """The blocks as they are."""
        yield from blocks

    def unpack(self, parcels: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks as they are."""
        yield from parcels


@dataclass(frozen=True, slots=True)
class FileCarrier:
    """The blocks lie in one file a call below `folder`; addresses cross the engine."""

    folder: Folder

    def pack(self, name: str, blocks: Iterable[Keyed]) -> Iterator[Keyed]:
        """Write the blocks one behind another, then tell where each lies."""
        addresses: list[Keyed] = []
        start = 0
        with self.folder.create(name) as pending, pending.path.open("wb") as stream:
            for key, block in blocks:
                stream.write(block)
                addresses.append((key, json.dumps([name, start, len(block)]).encode()))
                start += len(block)
        yield from addresses

    def unpack(self, parcels: Iterable[bytes]) -> Iterator[bytes]:
        """Read each block from where it lies."""
        for parcel in parcels:
            name, start, length = json.loads(parcel)
            with self.folder.open(name) as stream:
                stream.seek(start)
                yield stream.read(length)
