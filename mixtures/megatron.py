"""Megatron-LM's index `NAME.idx`, by which it reads the ids in `NAME.bin`, without a header, as they lie.

    9 bytes          MMIDIDX\\0\\0
    u64 u8 u64 u64   version 1; dtype (8 uint16, 4 int32); documents n; entries of the document index, n + 1
    n x i32          tokens of each document
    n x i64          where each begins in NAME.bin, in bytes
    (n+1) x i64      document index: 0 … n, since each of Megatron's "sequences" is a whole document

All little-endian. Megatron has no code for uint32: such ids are declared int32, which is the same bytes below 2^31.
Without its memory map (`mmap=False`) a NAME.bin that is too short gives it random tokens and no error.

Source: megatron/core/datasets/indexed_dataset.py, _IndexWriter and _IndexReader, megatron-core 0.16.1.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"MMIDIDX\0\0"
_HEADER = struct.Struct("<QBQQ")
_AT_A_TIME = 1 << 16


def megatron_index(ends: NDArray[np.int64], dtype: np.dtype[Any]) -> Iterator[bytes]:
    """The bytes of `.idx`, piece by piece, for documents that end before these tokens.

    Raises ValueError for a document of 2^31 tokens or more, whose length has no place in the layout.
    """
    count = len(ends)
    lengths = np.diff(ends, prepend=0)
    if count and int(lengths.max()) >= 1 << 31:
        raise ValueError(f"a document must have fewer than 2^31 tokens, got {int(lengths.max())}")
    yield MAGIC + _HEADER.pack(1, 8 if dtype.itemsize == 2 else 4, count, count + 1)
    pieces = [slice(first, first + _AT_A_TIME) for first in range(0, count, _AT_A_TIME)]
    yield from (lengths[piece].astype("<i4").tobytes() for piece in pieces)
    yield from (((ends[piece] - lengths[piece]) * dtype.itemsize).astype("<i8").tobytes() for piece in pieces)
    yield from (np.arange(piece.start, min(piece.stop, count), dtype="<i8").tobytes() for piece in pieces)
    yield count.to_bytes(8, "little")
