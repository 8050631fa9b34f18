"""Parquet of documents and of sequences."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import FatalError, SettingError
from pipeline.export import parquet
from pipeline.export.parquet import document_plan, sequence_plan
from pipeline.export.runs import source_shards, stream_run
from pipeline.storage import Folder


def shards_of(run):
    return source_shards(run.tokens, ["c4"])


def documents(run, shard):
    """(doc_id, origin, ids) of each document, straight from the shard."""
    ids = np.fromfile(run.root / f"tokens/{shard.address('.bin')}", "<u2")
    rows = pq.read_table(run.root / f"tokens/{shard.address('.documents.parquet')}").to_pylist()
    starts = [0, *(row["end"] for row in rows)]
    return [(r["doc_id"], r["origin"], ids[a : r["end"]].tolist()) for a, r in zip(starts, rows, strict=False)]


@pytest.mark.parametrize("chunk", [1, 200, 1 << 20])
def test_a_row_is_a_document_with_its_frame(finished_token_run, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(parquet, "CHUNK_TOKENS", chunk)
    for shard, piece in zip(
        shards_of(finished_token_run),
        document_plan(finished_token_run.tokens, shards_of(finished_token_run)).pieces,
        strict=True,
    ):
        told = []
        assert piece.write(tmp_path / "file", told.append) == piece.read(tmp_path / "file")
        rows = [tuple(row.values()) for row in pq.read_table(tmp_path / "file").to_pylist()]
        assert rows == documents(finished_token_run, shard)
        assert (piece.name, sum(told)) == (f"c4/{shard.name}.parquet", 2 * shard.tokens)


def test_a_row_group_holds_few_documents_or_one_long_one(finished_token_run, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "CHUNK_TOKENS", 100)
    piece = document_plan(finished_token_run.tokens, shards_of(finished_token_run)).pieces[0]
    piece.write(tmp_path / "file", lambda _: None)
    with pq.ParquetFile(tmp_path / "file") as file:
        groups = [file.read_row_group(i).column("input_ids") for i in range(file.num_row_groups)]
    sizes = [sum(len(row) for row in group) for group in groups]
    assert len(sizes) > 3
    assert all(size <= 100 or len(group) == 1 for size, group in zip(sizes, groups, strict=True))


@pytest.mark.parametrize("ids", [4096, 1 << 20])
def test_a_row_is_a_sequence_with_its_position(finished_token_run, tmp_path, ids):
    run = stream_run(Folder(str(finished_token_run.root)), "val", (3, 250))
    plan = sequence_plan(run, 3, ids)
    for piece in plan.pieces:
        assert piece.write(tmp_path / piece.name.replace("/", "-"), lambda _: None)
    table = pq.read_table([tmp_path / piece.name.replace("/", "-") for piece in plan.pieces])
    assert table.column("position").to_pylist() == list(range(3, 250))
    assert table.column("input_ids").to_pylist() == run.stream.read(3, 247).tolist()
    assert plan.names[0] == "val/val-00000.parquet"
    assert len(plan.pieces) == (4 if ids == 4096 else 1)


def test_ids_are_int32_for_every_reader(finished_token_run, tmp_path):
    piece = document_plan(finished_token_run.tokens, shards_of(finished_token_run)).pieces[0]
    piece.write(tmp_path / "file", lambda _: None)
    assert pq.read_schema(tmp_path / "file").field("input_ids").type.value_type == pa.int32()


def test_a_file_that_would_hold_no_sequence_is_refused(finished_token_run):
    run = stream_run(Folder(str(finished_token_run.root)), "train")
    with pytest.raises(SettingError, match="--file-bytes must hold a sequence of 16 tokens: at least 64, got 63"):
        sequence_plan(run, 0, 63)


def test_documents_that_are_not_all_there_are_told(token_run, tmp_path):
    shard = shards_of(token_run)[0]
    path = token_run.root / f"tokens/{shard.address('.documents.parquet')}"
    pq.write_table(pq.read_table(path)[:-1], path)
    (piece, *_) = document_plan(token_run.tokens, [shard]).pieces
    with pytest.raises(FatalError, match=r"documents.parquet ends at token \d+"):
        piece.write(tmp_path / "file", lambda _: None)


def test_the_digest_is_that_of_the_shards_ids(finished_token_run, tmp_path):
    shard = shards_of(finished_token_run)[0]
    record = json.loads((finished_token_run.root / f"tokens/{shard.address('.json')}").read_text())
    (piece, *_) = document_plan(finished_token_run.tokens, [shard]).pieces
    assert piece.write(tmp_path / "file", lambda _: None) == shard.digest(".bin")
    assert (piece.tokens, piece.bytes) == (record["tokens"], 2 * record["tokens"])
