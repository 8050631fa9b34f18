"""The document's columns and the helpers over a batch."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import batch as batches
from filters.batch import DOCUMENT_SCHEMA, document_batch, document_id, reasons, rebatch, text_bytes, texts, with_column


def test_an_id_follows_from_content_and_origin_alone():
    assert document_id("c4", "a#1", "text") == document_id("c4", "a#1", "text")
    assert document_id("c4", "a#1", "text") == "6bc398fa15a278c6fde0db7856a094ef"


@pytest.mark.parametrize(
    "other", [("c5", "a#1", "text"), ("c4", "a#2", "text"), ("c4", "a#1", "texts"), ("c4", "a#1t", "ext")]
)
def test_an_id_changes_with_each_of_its_parts(other):
    assert document_id("c4", "a#1", "text") != document_id(*other)


def test_a_lone_surrogate_has_an_id():
    assert document_id("c4", "a", "\ud800") != document_id("c4", "a", "\ud801")


def test_columns_that_a_row_lacks_are_null():
    batch = document_batch([{"doc_id": "1", "source": "c4", "origin": "f#1", "text": "x"}])
    assert batch.schema == DOCUMENT_SCHEMA
    assert batch.column("title").to_pylist() == [None]


def test_text_bytes_are_those_of_utf8(documents):
    assert text_bytes(documents("ab", "é", "")) == 4
    assert text_bytes(documents()) == 0


def test_a_column_is_replaced_and_the_others_are_shared(documents):
    batch = documents("a", "b")
    new = with_column(batch, "language", ["en", None])
    assert new.column("language").to_pylist() == ["en", None]
    assert batch.column("language").to_pylist() == [None, None]
    assert new.column("text").buffers()[2].address == batch.column("text").buffers()[2].address


def test_reasons_are_strings_even_when_all_are_null():
    assert reasons([None, None]).type == pa.string()


def test_rebatching_bounds_rows(documents, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_DOCUMENTS", 3)
    found = list(rebatch([documents("a", "b"), documents("c", "d"), documents("e")]))
    assert [batch.num_rows for batch in found] == [3, 1, 1]


def test_rebatching_bounds_bytes(documents, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 4)
    assert [batch.num_rows for batch in rebatch([documents("aaaa"), documents("b"), documents("ccc")])] == [1, 2]


@given(st.lists(st.lists(st.text(max_size=5), max_size=4), max_size=5))
def test_rebatching_keeps_every_row_in_order(groups):
    made = [
        document_batch([{"doc_id": "1", "source": "s", "origin": "o", "text": text} for text in group])
        for group in groups
    ]
    found = [text for batch in rebatch(made) for text in texts(batch)]
    assert found == [text for group in groups for text in group]
