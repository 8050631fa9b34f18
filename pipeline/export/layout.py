"""Files of other trainers that are a header and then the ids: what all such layouts have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidFile:
    """A file that has been written: its name within its folder, its bytes, and the ids in it."""

    name: str
    bytes: int
    tokens: int


class Layout(Protocol):
    """How one trainer wants ids in files. A `split` is what it calls a data set: `train`, `val`, or a source."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """How an id is stored."""
        ...

    @property
    def max_tokens(self) -> int:
        """How many ids a file may hold; 0: any number, and there is only one file."""
        ...

    @property
    def row_tokens(self) -> int:
        """Of how many ids a row is; 1 where ids have no rows."""
        ...

    def file_name(self, split: str, number: int) -> str:
        """The name of a file; `/` where it lies in a folder of its split."""
        ...

    def header(self, tokens: int) -> bytes:
        """What comes before so many ids."""
        ...

    def find_ids(self, stream: BinaryIO) -> tuple[int, int]:
        """Read the header back: the byte at which the ids begin, and their number. Raises ValueError for another."""
        ...

    @property
    def index_name(self) -> str:
        """What the file in the split's folder is called that lists the others; empty where the layout has none."""
        ...

    def index(self, files: Sequence[LaidFile]) -> bytes:
        """What that file says of the files of a split."""
        ...


def ids_to_the_end(stream: BinaryIO, start: int, width: int) -> int:
    """How many ids of so many bytes lie behind the start. Raises ValueError where the last one is cut short."""
    size = stream.seek(0, 2) - start
    if size < 0 or size % width:
        raise ValueError(f"{size} bytes behind byte {start} are no ids of {width} bytes")
    return size // width
