"""Token shards and their sidecars, read back byte for byte as the other projects lay them out."""

import csv
import gzip
import json
import struct

import numpy as np
import pyarrow.parquet as pq
import pytest

from mixtures.shards import ShardWriter, TokenFormat, datatrove_metadata, frame, link_aliases, megatron_index

FORM = TokenFormat(dtype=np.dtype("<u2"), vocabulary_size=100, tokenizer_digest="abc", bos_id=1, eos_id=2)
WIDE = TokenFormat(dtype=np.dtype("<u4"), vocabulary_size=70_000, tokenizer_digest="abc", bos_id=1, eos_id=2)


def write(folder, lengths, shard_bytes=1000, form=FORM, batch=2):
    """Documents d0, d1, … of so many ids, each id 10 + the document's number."""
    with ShardWriter(folder, "unit", shard_bytes, form) as writer:
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


def test_the_way_documents_are_batched_does_not_show(tmp_path):
    one = write(tmp_path / "one", [3, 1, 4, 1, 5, 9, 2], 30, batch=1)
    two = write(tmp_path / "two", [3, 1, 4, 1, 5, 9, 2], 30, batch=7)
    assert [shard.digest for shard in one] == [shard.digest for shard in two]
    assert [shard.documents for shard in one] == [shard.documents for shard in two]


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


def test_the_gzip_holds_neither_time_nor_name(tmp_path):
    write(tmp_path, [1])
    head = (tmp_path / "unit-00000.csv.gz").read_bytes()[:10]
    assert head[3] == 0  # no flags, so no file name
    assert head[4:8] == bytes(4)


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


@pytest.mark.parametrize(
    "tokens, human", [(999, "999"), (1000, "1K"), (1_234_567, "1.235M"), (2 * 10**9, "2B"), (14 * 10**11, "1.4T")]
)
def test_datatrove_metadata_says_the_count_twice(tokens, human):
    assert datatrove_metadata(tokens, WIDE) == f"models/tokenizer|4\n{tokens}\n{human}\n".encode()


def test_a_tokenizer_name_that_would_break_nanotron_is_refused():
    with pytest.raises(ValueError, match=r"tokenizer_name must be a name without \|"):
        TokenFormat(dtype=FORM.dtype, vocabulary_size=9, tokenizer_digest="", bos_id=1, eos_id=2, tokenizer_name="a|b")


def test_megatron_reads_lengths_byte_offsets_and_documents(tmp_path):
    write(tmp_path, [2, 0, 1])
    raw = (tmp_path / "unit-00000.idx").read_bytes()
    assert raw[:9] == b"MMIDIDX\0\0"
    assert struct.unpack_from("<QBQQ", raw, 9) == (1, 8, 3, 4)
    assert np.frombuffer(raw, "<i4", 3, 34).tolist() == [4, 2, 3]
    assert np.frombuffer(raw, "<i8", 3, 46).tolist() == [0, 8, 12]
    assert np.frombuffer(raw, "<i8", 4, 70).tolist() == [0, 1, 2, 3]
    assert len(raw) == 102


def test_megatron_reads_wide_ids_as_int32():
    raw = b"".join(megatron_index(np.array([3, 5]), WIDE.dtype))
    assert struct.unpack_from("<QBQQ", raw, 9) == (1, 4, 2, 3)
    assert np.frombuffer(raw, "<i8", 2, 42).tolist() == [0, 12]


def test_megatron_offsets_do_not_overflow():
    raw = b"".join(megatron_index(np.array([1 << 30, 1 << 31, 3 << 30]), FORM.dtype))
    assert np.frombuffer(raw, "<i8", 3, 46).tolist() == [0, 1 << 31, 1 << 32]


def test_a_document_too_long_for_megatron_is_refused():
    with pytest.raises(ValueError, match=r"fewer than 2\^31 tokens, got 2147483648"):
        b"".join(megatron_index(np.array([1 << 31]), FORM.dtype))


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


def test_aliases_are_the_same_file_under_other_names(tmp_path):
    write(tmp_path, [2])
    made = link_aliases(tmp_path)
    assert [path.name for path in made] == ["unit-00000.ds", "unit-00000.npy"]
    assert all(path.samefile(tmp_path / "unit-00000.bin") for path in made)
    assert link_aliases(tmp_path) == []


def test_an_error_midway_leaves_no_file_open(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), ShardWriter(tmp_path, "unit", 100, FORM) as writer:
        writer.add(["d"], ["o"], np.array([5], np.int32), np.array([0, 1]))
        raise RuntimeError("stop")
    assert writer.shards == []
