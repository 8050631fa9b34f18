"""The token files of llm.c, and of nanoGPT, which has no header.

    SPLIT_NNNNNN.bin  256 x i32: magic 20240520, version 1, ids n, 0 …;  n x u16     llm.c, GPT-2
                      256 x i32: magic 20240801, version 7, ids n, 0 …;  n x u32     llm.c, Llama 3
    SPLIT.bin         n x u16                                                        nanoGPT

Little-endian. The number of ids in llm.c's header is an int32, so a file has fewer than 2^31. It opens all files that
match a pattern, and each of them has to hold a whole batch and one id more. nanoGPT takes one file a split, and
nothing but uint16: ids above 65,535 have no place there.

Source: llm.c, llmc/dataloader.h (dataloader_load_shard_) and dev/data/data_common.py (write_datafile); nanoGPT,
train.py (get_batch).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pipeline.export.layout import LaidFile, ids_to_the_end

_HEADER_INTEGERS = 256
_MAGIC = {2: (20240520, 1), 4: (20240801, 7)}
"""Magic number and version by the width of an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmC:
    """Numbered files with a header of 1024 bytes."""

    row_tokens: ClassVar[int] = 1
    index_name: ClassVar[str] = ""
    dtype: np.dtype[Any]

    @property
    def max_tokens(self) -> int:
        """What an int32 can say."""
        return (1 << 31) - 1

    def file_name(self, split: str, number: int) -> str:
        """For the pattern `SPLIT_*.bin`."""
        return f"{split}_{number:06d}.bin"

    def header(self, tokens: int) -> bytes:
        """Magic, version, number of ids, zeros."""
        header = np.zeros(_HEADER_INTEGERS, "<i4")
        header[:3] = (*_MAGIC[self.dtype.itemsize], tokens)
        return header.tobytes()

    def find_ids(self, stream: BinaryIO) -> tuple[int, int]:
        """Behind the 256 integers, as llm.c's loader checks them."""
        start = 4 * _HEADER_INTEGERS
        tokens = ids_to_the_end(stream, start, self.dtype.itemsize)
        stream.seek(0)
        found = np.frombuffer(stream.read(start), "<i4")
        if tuple(found[:3].tolist()) != (*_MAGIC[self.dtype.itemsize], tokens):
            raise ValueError(f"it is no file of llm.c with ids of {self.dtype.itemsize} bytes")
        return start, tokens

    def index(self, files: Sequence[LaidFile]) -> bytes:
        """Nothing."""
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoGpt:
    """One file a split, and no header. Raises ValueError for ids of another width than uint16."""

    row_tokens: ClassVar[int] = 1
    index_name: ClassVar[str] = ""
    max_tokens: ClassVar[int] = 0
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        if self.dtype.itemsize != 2:
            raise ValueError(f"nanogpt reads uint16 alone, and these ids are {self.dtype.name}")

    def file_name(self, split: str, number: int) -> str:
        """`train.bin`, `val.bin`."""
        return f"{split}.bin"

    def header(self, tokens: int) -> bytes:
        """Nothing."""
        return b""

    def find_ids(self, stream: BinaryIO) -> tuple[int, int]:
        """From the first byte to the last."""
        return 0, ids_to_the_end(stream, 0, self.dtype.itemsize)

    def index(self, files: Sequence[LaidFile]) -> bytes:
        """Nothing."""
        return b""
