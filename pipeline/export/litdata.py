"""litdata's chunks as its TokensLoader reads them (litgpt's format), one item a chunk.

    chunk-0-N.bin   u32 items, 1;  u32 x 2 where the item begins and ends, 12 and 12 + bytes;  ids
    index.json      chunks: bytes, items, ids and file name of each;  config: how an id is stored, the loader's name

Little-endian. Offsets have 32 bits, so a chunk is below 4 GiB. TokensLoader cuts each chunk into blocks by itself and
leaves what is over at a chunk's end: give it a block size that divides the chunk's ids.

Source: litdata/streaming/item_loader.py, TokensLoader, and streaming/writer.py, _create_chunk, 0.2.76.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pipeline.export.layout import LaidFile, ids_to_the_end

_HEADER = struct.Struct("<3I")
_NUMPY_CODES = {2: 5, 4: 6}
"""litdata's numbers of NumPy's uint16 and uint32, by width."""
_LEAF = '[1, {"type": null, "context": null, "children_spec": []}]'
"""PyTorch's description of a value that is no container: each item is one array of ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Litdata:
    """Chunks in a folder of their split, and `index.json`."""

    row_tokens: ClassVar[int] = 1
    index_name: ClassVar[str] = "index.json"
    dtype: np.dtype[Any]

    @property
    def max_tokens(self) -> int:
        """What 32-bit offsets reach."""
        return ((1 << 32) - 1 - _HEADER.size) // self.dtype.itemsize

    def file_name(self, split: str, number: int) -> str:
        """As litdata's own writer numbers the chunks of its first worker."""
        return f"{split}/chunk-0-{number}.bin"

    def header(self, tokens: int) -> bytes:
        """One item, and its bounds."""
        return _HEADER.pack(1, _HEADER.size, _HEADER.size + tokens * self.dtype.itemsize)

    def find_ids(self, stream: BinaryIO) -> tuple[int, int]:
        """Behind the header of one item."""
        tokens = ids_to_the_end(stream, _HEADER.size, self.dtype.itemsize)
        stream.seek(0)
        if stream.read(_HEADER.size) != self.header(tokens):
            raise ValueError("it is no litdata chunk of one item")
        return _HEADER.size, tokens

    def index(self, files: Sequence[LaidFile]) -> bytes:
        """`index.json`."""
        chunks = [
            {"chunk_bytes": file.bytes, "chunk_size": 1, "dim": file.tokens, "filename": file.name} for file in files
        ]
        config = {
            "compression": None,
            "encryption": None,
            "chunk_size": None,
            "chunk_bytes": max(file.bytes for file in files),
            "data_format": [f"no_header_numpy:{_NUMPY_CODES[self.dtype.itemsize]}"],
            "data_spec": _LEAF,
            "item_loader": "TokensLoader",
        }
        return json.dumps({"chunks": chunks, "config": config}, sort_keys=True).encode()
