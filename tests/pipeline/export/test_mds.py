"""Shards of mosaicml-streaming, byte for byte; its own data set reads them in tests/readers."""

import io
import json

import numpy as np
import pytest

from pipeline.export.layout import LaidFile
from pipeline.export.mds import Mds

ROWS = Mds(sequence_tokens=4)


def test_the_header_is_rows_offsets_and_columns():
    raw = ROWS.header(8)
    assert np.frombuffer(raw, "<u4", 1).tolist() == [2]
    first, second, end = np.frombuffer(raw, "<u4", 3, 4).tolist()
    assert (first, second - first, end - second) == (len(raw), 16, 16)
    columns = json.loads(raw[16:])
    assert (columns["column_names"], columns["column_encodings"]) == (["tokens"], ["ndarray:int32:4"])
    assert columns["column_sizes"] == [16]


def test_the_ids_are_found_behind_it():
    raw = ROWS.header(8) + np.arange(8, dtype="<i4").tobytes()
    assert ROWS.find_ids(io.BytesIO(raw)) == (len(ROWS.header(8)), 8)


@pytest.mark.parametrize(
    "raw",
    [ROWS.header(8) + bytes(16), ROWS.header(4) + bytes(32), Mds(sequence_tokens=5).header(5) + bytes(20), bytes(500)],
)
def test_what_is_no_shard_of_such_rows_is_refused(raw):
    with pytest.raises(ValueError, match=r"no MDS shard of rows of 4|are no ids"):
        ROWS.find_ids(io.BytesIO(raw))


def test_ids_that_fill_no_row_are_refused():
    with pytest.raises(ValueError, match="9 ids are no rows of 4"):
        ROWS.header(9)


def test_the_largest_shard_ends_where_offsets_of_32_bits_do():
    layout = Mds(sequence_tokens=1 << 20)
    most = layout.max_tokens
    last = int(np.frombuffer(layout.header(most), "<u4", 1, 4 + 4 * (most >> 20))[0])
    assert last == len(layout.header(most)) + most * 4 < 1 << 32
    assert last + 4 + 4 * (1 << 20) >= 1 << 32


def test_the_index_lists_shards_with_their_rows():
    index = json.loads(ROWS.index([LaidFile(name="shard.00000.mds", bytes=300, tokens=8)]))
    (shard,) = index["shards"]
    assert index["version"] == shard["version"] == 2
    assert shard["raw_data"] == {"basename": "shard.00000.mds", "bytes": 300, "hashes": {}}
    assert (shard["samples"], shard["format"], shard["zip_data"]) == (2, "mds", None)


def test_shards_are_named_as_their_own_writer_names_them():
    assert ROWS.file_name("train", 3) == "train/shard.00003.mds"
    assert (ROWS.row_tokens, ROWS.index_name, ROWS.dtype) == (4, "index.json", np.dtype("<i4"))
