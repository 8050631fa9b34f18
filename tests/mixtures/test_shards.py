"""Token shards and their sidecars, read back byte for byte as the other projects lay them out."""

import csv
import gzip
import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtures import shards
from mixtures.shards import MAX_DOCUMENTS, ShardWriter, frame
from mixtures.token_format import TokenFormat

FORM = TokenFormat(dtype=np.dtype("<u2"), vocabulary_size=100, tokenizer_digest="abc", bos_id=1, eos_id=2)
WIDE = TokenFormat(dtype=np.dtype("<u4"), vocabulary_size=70_000, tokenizer_digest="abc", bos_id=1, eos_id=2)


def write(folder, lengths, shard_bytes=1000, form=FORM, batch=2, **limits):
    """Documents d0, d1, … of so many ids, each id 10 + the document's number."""
    with ShardWriter(folder, "unit", shard_bytes, form, **limits) as writer:
        for first in range(0, len(lengths), batch):
            some = lengths[first : first + batch]
            ids = np.repeat(np.arange(10 + first, 10 + first + len(some)), some).astype(np.int32)
            offsets = np.concatenate([[0], np.cumsum(some)]).astype(np.int64)
            numbers = range(first, first + len(some))
            writer.add([f"d{i}" for i in numbers], [f"dump,{i}#x" for i in numbers], ids, offsets)
    return writer.shards


def ids_of(path, dtype="<u2"):
    return np.fromfile(path, dtype).tolist()


def test_each_document_lies_between_bos_and_eos(tmp_path):
    write(tmp_path, [2, 0, 1])
    assert ids_of(tmp_path / "unit-00000.bin") == [1, 10, 10, 2, 1, 2, 1, 12, 2]


def test_frame_takes_only_the_documents_that_the_offsets_name():
    ids = np.array([7, 8, 9, 10])
    assert frame(ids, np.array([1, 3, 4]), FORM).tolist() == [1, 8, 9, 2, 1, 10, 2]


def test_ids_of_a_large_vocabulary_take_four_bytes(tmp_path):
    (shard,) = write(tmp_path, [2], form=WIDE)
    assert (shard.tokens, shard.bytes) == (4, 16)
    assert ids_of(tmp_path / "unit-00000.bin", "<u4") == [1, 10, 10, 2]


@pytest.mark.parametrize("shard_bytes, documents", [(16, [2, 2]), (15, [1, 1, 1, 1]), (1000, [4]), (24, [3, 1])])
def test_a_shard_is_cut_at_the_document_that_fills_it(tmp_path, shard_bytes, documents):
    shards = write(tmp_path, [2, 2, 2, 2], shard_bytes)
    assert [shard.documents for shard in shards] == documents
    assert [shard.name for shard in shards] == [f"unit-{i:05d}" for i in range(len(documents))]


def test_a_document_longer_than_a_shard_has_a_shard_of_its_own(tmp_path):
    assert [shard.tokens for shard in write(tmp_path, [1, 50, 1], shard_bytes=16)] == [3, 52, 3]


@pytest.mark.parametrize("max_documents, documents", [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (4, [4, 1]), (5, [5])])
def test_a_shard_is_cut_at_its_last_document_too(tmp_path, max_documents, documents):
    written = write(tmp_path, [2, 0, 1, 3, 1], batch=3, max_documents=max_documents)
    assert [shard.documents for shard in written] == documents


def test_the_way_documents_are_batched_does_not_show_in_any_file(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_ROWS", 3)
    lengths = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    one, two = (write(tmp_path / name, lengths, 60, batch=size) for name, size in (("one", 1), ("two", 7)))
    assert one == two
    assert len(one) > 1


@pytest.mark.parametrize("documents, groups", [(2, [2]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_rows_are_written_many_at_a_time(tmp_path, monkeypatch, documents, groups):
    monkeypatch.setattr(shards, "GROUP_ROWS", 3)
    write(tmp_path, [1] * documents)
    held = pq.ParquetFile(tmp_path / "unit-00000.documents.parquet").metadata
    assert [held.row_group(i).num_rows for i in range(held.num_row_groups)] == groups
    with gzip.open(tmp_path / "unit-00000.csv.gz", "rt") as lines:
        assert [line.split(",")[0] for line in lines] == [str(3 * i) for i in range(documents)]


def test_each_row_group_tells_which_tokens_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_ROWS", 2)
    write(tmp_path, [1, 1, 1])
    held = pq.ParquetFile(tmp_path / "unit-00000.documents.parquet").metadata
    bounds = [held.row_group(i).column(2).statistics for i in range(2)]
    assert [(end.min, end.max) for end in bounds] == [(3, 6), (9, 9)]


def test_arrow_columns_are_taken_as_they_are(tmp_path):
    with ShardWriter(tmp_path, "unit", 100, FORM) as writer:
        columns = pa.array(["x", "a", "b"])[1:], pa.array(["x", "o", "p,"], pa.large_string())[1:]
        writer.add(*columns, np.array([5, 6], np.int32), np.array([0, 1, 2]))
    rows = pq.read_table(tmp_path / "unit-00000.documents.parquet").to_pylist()
    assert [(row["doc_id"], row["origin"]) for row in rows] == [("a", "o"), ("b", "p,")]


def test_no_documents_give_no_file(tmp_path):
    assert write(tmp_path, []) == []
    assert list(tmp_path.iterdir()) == []


def test_tokens_are_the_bytes_over_their_width(tmp_path):
    (shard,) = write(tmp_path, [2, 0, 1])
    assert (shard.documents, shard.tokens, shard.bytes) == (3, 9, 18)
    assert (tmp_path / "unit-00000.bin").stat().st_size == 18


def test_every_file_is_summed_up(tmp_path):
    (shard,) = write(tmp_path, [2, 0, 1])
    assert set(shard.files) == {path.name for path in tmp_path.iterdir()}
    assert shard.files["unit-00000.bin"] == {"bytes": 18, "digest": shard.digest}


def test_two_runs_write_the_same_bytes(tmp_path):
    assert write(tmp_path / "one", [2, 0, 1]) == write(tmp_path / "two", [2, 0, 1])


def test_document_ids_and_origins_lie_beside_the_ends(tmp_path):
    write(tmp_path, [2, 0, 1])
    rows = pq.read_table(tmp_path / "unit-00000.documents.parquet").to_pylist()
    assert rows[0] == {"doc_id": "d0", "origin": "dump,0#x", "end": 4}
    assert [row["end"] for row in rows] == [4, 6, 9]


def test_olmo_reads_start_and_end_of_each_document(tmp_path):
    write(tmp_path, [2, 0, 1])
    with gzip.open(tmp_path / "unit-00000.csv.gz", "rt", newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows == [["0", "4", "d0", "dump,0#x"], ["4", "6", "d1", "dump,1#x"], ["6", "9", "d2", "dump,2#x"]]


def test_an_origin_with_a_line_end_stays_one_line_for_olmo(tmp_path):
    with ShardWriter(tmp_path, "unit", 100, FORM) as writer:
        writer.add(["d"], ['a\nb\r\n"c",é'], np.array([5], np.int32), np.array([0, 1]))
    raw = gzip.decompress((tmp_path / "unit-00000.csv.gz").read_bytes())
    assert raw.decode() == '0,3,d,"a b  ""c"",é"\n'
    assert pq.read_table(tmp_path / "unit-00000.documents.parquet")["origin"].to_pylist() == ['a\nb\r\n"c",é']


def test_datatrove_reads_exclusive_document_ends(tmp_path):
    write(tmp_path, [2, 0, 1])
    assert ids_of(tmp_path / "unit-00000.ds.index", "<u8") == [4, 6, 9]
    assert (tmp_path / "unit-00000.ds.metadata").read_text() == "models/tokenizer|2\n9\n9\n"


def test_megatron_reads_lengths_byte_offsets_and_documents(tmp_path):
    write(tmp_path, [2, 0, 1])
    raw = (tmp_path / "unit-00000.idx").read_bytes()
    assert raw[:9] == b"MMIDIDX\0\0"
    assert struct.unpack_from("<QBQQ", raw, 9) == (1, 8, 3, 4)
    assert np.frombuffer(raw, "<i4", 3, 34).tolist() == [4, 2, 3]
    assert np.frombuffer(raw, "<i8", 3, 46).tolist() == [0, 8, 12]
    assert np.frombuffer(raw, "<i8", 4, 70).tolist() == [0, 1, 2, 3]
    assert len(raw) == 102


def test_the_record_tells_what_the_shard_holds(tmp_path):
    write(tmp_path, [2, 0, 1])
    record = json.loads((tmp_path / "unit-00000.json").read_text())
    files = record.pop("files")
    assert record == {
        "version": 1, "dtype": "uint16", "vocabulary_size": 100, "tokenizer_digest": "abc", "bos_id": 1, "eos_id": 2,
        "tokenizer_name": "models/tokenizer", "documents": 3, "tokens": 9,
    }  # fmt: skip
    assert "unit-00000.json" not in files
    assert len(files) == 6


def test_an_error_midway_leaves_no_file_open(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), ShardWriter(tmp_path, "unit", 100, FORM) as writer:
        writer.add(["d"], ["o"], np.array([5], np.int32), np.array([0, 1]))
        raise RuntimeError("stop")
    assert writer.shards == []
    assert not (tmp_path / "unit-00000.json").exists()


def test_what_an_open_shard_remembers_of_its_documents_is_bounded():
    """As docs/token-files.md says: 16 bytes of each, 256 MiB at the most."""
    assert 16 * MAX_DOCUMENTS == 256 << 20
