"""Text out of one file: rows, examples, ids."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.batch import DOCUMENT_SCHEMA
from filters.contamination import CONTAMINATION
from pipeline.storage import Folder, ParquetSink
from pipeline.takedown_text import blank, mask

EVIDENCE = [{"set": "s", "item": "i", "field": "f", "ngram": "words", "place": 0, "hits": 1, "found": 1, "ngrams": 1}]


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def write_rows(folder, documents, *, column=False):
    """Three row groups of two documents, with ids 0 and 1 each."""
    batch = documents("one", "two", title="t", url="u", cited_urls=["x"])
    if column:
        batch = batch.append_column(CONTAMINATION, pa.array([EVIDENCE, None], CONTAMINATION.type))
    sink = ParquetSink(folder.local_path("a.parquet"), batch.schema)
    for _ in range(3):
        sink.write(batch)
    sink.close()


def test_rows_lose_their_words_and_keep_their_names(folder, documents):
    write_rows(folder, documents)
    assert blank(folder, "a.parquet", {"1"})
    rows = pq.read_table(folder.local_path("a.parquet")).to_pylist()
    assert [
        (row["doc_id"], row["text"], row["title"], row["cited_urls"], row["url"], row["origin"]) for row in rows
    ] == [
        ("0", "one", "t", ["x"], "u", "file#0"),
        ("1", "", None, None, "u", "file#1"),
    ] * 3


def test_row_groups_and_schema_stay(folder, documents):
    write_rows(folder, documents)
    blank(folder, "a.parquet", {"0"})
    with pq.ParquetFile(folder.local_path("a.parquet")) as file:
        assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [2, 2, 2]
        assert file.schema_arrow == DOCUMENT_SCHEMA


def test_evidence_of_contamination_goes_too(folder, documents):
    write_rows(folder, documents, column=True)
    assert blank(folder, "a.parquet", {"0"})
    assert pq.read_table(folder.local_path("a.parquet")).column("contamination").to_pylist() == [None] * 6


@pytest.mark.parametrize("doc_ids", [{"1"}, {"nobody"}])
def test_a_file_without_their_text_is_not_written(folder, documents, doc_ids):
    write_rows(folder, documents)
    blank(folder, "a.parquet", doc_ids)
    before = folder.fingerprint("a.parquet")
    assert not blank(folder, "a.parquet", doc_ids)
    assert folder.fingerprint("a.parquet") == before


def test_a_table_without_documents_or_words_is_left_alone(folder):
    pq.write_table(pa.table({"doc_id": ["1"], "keeper": ["2"]}), folder.local_path("pairs.parquet"))
    pq.write_table(pa.table({"origin": ["x"], "raw": [b"y"]}), folder.local_path("quarantine.parquet"))
    assert not blank(folder, "pairs.parquet", {"1"})
    assert not blank(folder, "quarantine.parquet", {"1"})


def test_examples_of_a_report_that_are_about_them_go(folder):
    held = {"sets": {"s": {"documents": {"c4": 2}, "examples": [{"doc_id": "1", "text": "w"}, {"doc_id": "2"}]}}}
    folder.write_json("report.json", held)
    assert blank(folder, "report.json", {"1"})
    assert folder.read_json("report.json") == {"sets": {"s": {"documents": {"c4": 2}, "examples": [{"doc_id": "2"}]}}}
    assert not blank(folder, "report.json", {"1"})


def test_pairs_of_a_page_that_show_them_go(folder):
    pair = "<details><summary>said</summary><pre>{0} text\n</pre><code>{0}</code></details>"
    folder.write_text("audit.html", f"<main>{pair.format('d1')}{pair.format('d2')}</main>")
    assert blank(folder, "audit.html", {"d1"})
    page = folder.local_path("audit.html").read_text()
    assert "d1" not in page and pair.format("d2") in page and "taken down" in page
    assert not blank(folder, "audit.html", {"d1"})


@pytest.mark.parametrize("dtype", ["<u2", "<u4"])
def test_ids_of_the_ranges_become_unk(folder, dtype):
    kind = np.dtype(dtype)
    np.arange(10, 20).astype(kind).tofile(folder.local_path("x.bin"))
    assert mask(folder, "x.bin", [(1, 2), (9, 1)], 0, kind)
    assert np.fromfile(folder.local_path("x.bin"), kind).tolist() == [10, 0, 0, 13, 14, 15, 16, 17, 18, 0]
    assert not mask(folder, "x.bin", [(1, 2), (9, 1)], 0, kind)
    assert mask(folder, "x.bin", [(1, 3)], 0, kind)
