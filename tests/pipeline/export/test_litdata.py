"""litdata's chunks, byte for byte; its own loader reads them in tests/readers."""

import io
import json
import struct

import numpy as np
import pytest

from pipeline.export.layout import LaidFile
from pipeline.export.litdata import Litdata

NARROW, WIDE = Litdata(dtype=np.dtype("<u2")), Litdata(dtype=np.dtype("<u4"))


@pytest.mark.parametrize("layout, end", [(NARROW, 18), (WIDE, 24)])
def test_the_header_is_one_item_and_its_bounds(layout, end):
    assert struct.unpack("<3I", layout.header(3)) == (1, 12, end)


@pytest.mark.parametrize("layout", [NARROW, WIDE])
def test_the_ids_are_found_behind_it(layout):
    ids = np.arange(5).astype(layout.dtype).tobytes()
    assert layout.find_ids(io.BytesIO(layout.header(5) + ids)) == (12, 5)


@pytest.mark.parametrize(
    "raw", [bytes(12), NARROW.header(3) + bytes(8), NARROW.header(3)[:7], WIDE.header(2) + bytes(4)]
)
def test_what_is_no_chunk_is_refused(raw):
    with pytest.raises(ValueError, match=r"no litdata chunk|are no ids"):
        NARROW.find_ids(io.BytesIO(raw))


@pytest.mark.parametrize("layout", [NARROW, WIDE])
def test_the_largest_chunk_ends_where_offsets_of_32_bits_do(layout):
    width = layout.dtype.itemsize
    assert struct.unpack("<3I", layout.header(layout.max_tokens))[2] > (1 << 32) - 1 - width
    with pytest.raises(struct.error):
        layout.header(layout.max_tokens + 1)


@pytest.mark.parametrize("layout, code", [(NARROW, "no_header_numpy:5"), (WIDE, "no_header_numpy:6")])
def test_the_index_names_loader_dtype_and_chunks(layout, code):
    files = [LaidFile(name="chunk-0-0.bin", bytes=112, tokens=50), LaidFile(name="chunk-0-1.bin", bytes=32, tokens=10)]
    index = json.loads(layout.index(files))
    assert index["chunks"][1] == {"chunk_bytes": 32, "chunk_size": 1, "dim": 10, "filename": "chunk-0-1.bin"}
    assert index["config"]["data_format"] == [code]
    assert (index["config"]["item_loader"], index["config"]["chunk_bytes"]) == ("TokensLoader", 112)


def test_chunks_lie_in_their_splits_folder():
    assert NARROW.file_name("val", 12) == "val/chunk-0-12.bin"
