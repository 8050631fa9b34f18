"""What readers give the pipeline."""

import pytest

from pipeline.corpora import corpus
from pipeline.corpora.corpus import RawDocument, RawFile, document_batches


def batches_of(*records):
    return list(document_batches("c4", RawFile.of_bytes("c4/a", b""), records))


def test_a_document_knows_where_it_came_from():
    (batch,) = batches_of(RawDocument(key="7", text="t", url="u", cited_urls=("a", "b")))
    (row,) = batch.to_pylist()
    assert (row["source"], row["origin"], row["text"], row["url"]) == ("c4", "c4/a#7", "t", "u")
    assert row["cited_urls"] == ["a", "b"]
    assert len(row["doc_id"]) == 32


def test_the_same_record_has_the_same_id():
    ids = [batches_of(RawDocument(key="7", text="t"))[0].column("doc_id")[0].as_py() for _ in range(2)]
    assert ids[0] == ids[1]


def test_a_lone_surrogate_becomes_a_question_mark():
    (batch,) = batches_of(RawDocument(key="1", text="a\ud800é"))
    assert batch.column("text").to_pylist() == ["a?é"]


def test_no_documents_give_no_batch():
    assert batches_of() == []


@pytest.mark.parametrize("name, bound", [("BATCH_DOCUMENTS", 2), ("BATCH_BYTES", 4)])
def test_batches_are_bounded_by_rows_and_by_bytes(monkeypatch, name, bound):
    monkeypatch.setattr(corpus, name, bound)
    records = [RawDocument(key=str(index), text="ab") for index in range(5)]
    assert [batch.num_rows for batch in batches_of(*records)] == [2, 2, 1]


@pytest.mark.parametrize("bound, rows", [(3, [3, 3, 3, 1]), (4, [4, 4, 2]), (10, [10]), (11, [10])])
def test_a_batch_ends_with_the_document_that_fills_it_and_the_next_starts_empty(monkeypatch, bound, rows):
    monkeypatch.setattr(corpus, "BATCH_BYTES", bound)
    assert [batch.num_rows for batch in batches_of(*[RawDocument(key=str(n), text="a") for n in range(10)])] == rows


def test_a_file_is_opened_anew_each_time():
    file = RawFile.of_bytes("x", b"abc")
    assert file.open().read(1) == b"a"
    assert file.open().read() == b"abc"
    assert file.size == 3
