"""Each sidecar is compared with the ids, in pieces, and whatever it holds instead is no crash."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corruptions import document_rows
from spot import Spot

from mixtures.shards import DOCUMENTS_SCHEMA, SIDECARS
from pipeline.storage import Folder
from pipeline.token_shards import token_format
from pipeline.verify_sidecars import DocumentRows, layout_faults
from tokenizer.vocabulary import Vocabulary


@pytest.fixture
def shard(token_run):
    spot = Spot(token_run.run())
    ids = np.fromfile(spot.token_file(".bin"), "<u2")
    return spot, np.flatnonzero(ids == 2) + 1, token_format(Vocabulary(token_run.tokenizer))


def check(shard):
    spot, ends, form = shard
    name, folder = spot.where(spot.shard()), Folder(str(spot.root))
    rows = DocumentRows(folder, name, ends)
    faults = [*layout_faults(folder, name, ends, form, SIDECARS), *rows.check(SIDECARS)]
    return [(fault.name, fault.where[len(name) :]) for fault in faults], rows.keys


def test_good_sidecars_have_no_fault_and_give_the_documents_keys(shard):
    faults, keys = check(shard)
    assert faults == []
    assert len(np.unique(np.concatenate(keys), axis=0)) == len(shard[1])


@pytest.mark.parametrize("suffix", [".idx", ".ds.index", ".ds.metadata", ".csv.gz"])
@pytest.mark.parametrize("change", [lambda held: held[:-1], lambda held: held + b"\0", lambda held: b""])
def test_a_sidecar_that_is_too_short_or_too_long_is_told(shard, suffix, change):
    path = shard[0].token_file(suffix)
    held = path.read_bytes()
    if suffix == ".csv.gz":
        path.write_bytes(gzip.compress(change(gzip.decompress(held))))
    else:
        path.write_bytes(change(held))
    assert check(shard)[0] == [("sidecar_differs", suffix)]


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_in_which_pieces_it_is_compared_does_not_show(shard, monkeypatch, at_a_time):
    monkeypatch.setattr("pipeline.verify_sidecars._AT_A_TIME", at_a_time)
    monkeypatch.setattr("pipeline.verify_sidecars.GROUP_ROWS", at_a_time)
    assert check(shard)[0] == []


def without_last(columns):
    for column in columns.values():
        column.pop()


@pytest.mark.parametrize(
    "change, fault",
    [
        (without_last, ("sidecar_differs", ".documents.parquet")),
        (lambda columns: columns["end"].__setitem__(3, 0), ("sidecar_differs", ".documents.parquet")),
        (lambda columns: columns["doc_id"].__setitem__(3, "x"), ("documents_differ", ".documents.parquet")),
        (lambda columns: columns["origin"].__setitem__(3, "x"), ("documents_differ", ".documents.parquet")),
    ],
)
def test_rows_are_compared_with_ids_and_bounds(shard, change, fault):
    document_rows(shard[0], change)
    assert check(shard)[0] == [fault]


def test_rows_of_other_columns_are_told(shard):
    path = shard[0].token_file(".documents.parquet")
    pq.write_table(pq.read_table(path).drop_columns("origin"), path)
    assert check(shard)[0] == [("sidecar_differs", ".documents.parquet")]


def test_a_row_group_that_says_it_is_huge_is_not_opened(shard, monkeypatch):
    monkeypatch.setattr("pipeline.verify_sidecars.MAX_GROUP_BYTES", 10)
    assert check(shard) == ([("sidecar_differs", ".documents.parquet")], [])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 10, bytes(100)])
def test_rows_that_are_no_parquet_are_told_and_leave_the_bounds_alone(shard, content):
    shard[0].token_file(".documents.parquet").write_bytes(content)
    shard[0].token_file(".csv.gz").write_bytes(b"not looked at")
    assert check(shard)[0] == [("sidecar_differs", ".documents.parquet")]


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", gzip.compress(b"1,2\n"), gzip.compress(bytes(1 << 20))])
def test_bounds_that_are_none_are_told(shard, content):
    shard[0].token_file(".csv.gz").write_bytes(content)
    assert check(shard)[0] == [("sidecar_differs", ".csv.gz")]


def test_origins_with_commas_quotes_and_line_ends_agree(tmp_path):
    rows = {"doc_id": ["a,", 'b"'], "origin": ["x\ny", ""], "end": [2, 4]}
    pq.write_table(pa.table(rows, DOCUMENTS_SCHEMA), tmp_path / "s.documents.parquet")
    (tmp_path / "s.csv.gz").write_bytes(gzip.compress(b'0,2,"a,",x y\n2,4,"b""",\n'))
    checked = DocumentRows(Folder(str(tmp_path)), "s", np.array([2, 4]))
    assert list(checked.check([".documents.parquet", ".csv.gz"])) == []
