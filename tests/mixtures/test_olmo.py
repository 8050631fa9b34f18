"""OLMo-core's document bounds, as its reader splits them and as any reader of CSV does."""

import csv
import gzip
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.olmo import DocumentBounds

LINES = "a\nb\r\n"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def written(folder, *rows):
    """The bytes of bounds of documents (end, doc_id, origin)."""
    ends, doc_ids, origins = (list(column) for column in zip(*rows, strict=True))
    bounds = DocumentBounds(folder / "unit.csv.gz")
    bounds.write(pa.array([0, *ends[:-1]]), pa.array(ends), pa.array(doc_ids), pa.array(origins))
    bounds.close()
    return (folder / "unit.csv.gz").read_bytes()


def test_a_line_has_start_end_id_and_origin(tmp_path):
    raw = written(tmp_path, (4, "d0", "dump#0"), (6, "d1", "dump#1"))
    assert gzip.decompress(raw) == b"0,4,d0,dump#0\n4,6,d1,dump#1\n"


@pytest.mark.parametrize(
    "origin, field",
    [("", ""), ("é日", "é日"), ("a,b", '"a,b"'), ('"', '""""'), (LINES + '"c",é', '"a b  ""c"",é"'), ("\r", " ")],
)
def test_a_field_is_quoted_where_it_must_be_and_holds_no_line_end(tmp_path, origin, field):
    assert gzip.decompress(written(tmp_path, (3, "d", origin))).decode() == f"0,3,d,{field}\n"


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=5))
def test_the_fields_are_those_of_pythons_own_writer(tmp_path_factory, texts):
    rows = [(i + 1, *(text.replace("\r", " ").replace("\n", " ") for text in both)) for i, both in enumerate(texts)]
    expected = io.StringIO()
    csv.writer(expected, lineterminator="\n").writerows((end - 1, *row) for end, *_ in rows for row in [rows[end - 1]])
    raw = written(tmp_path_factory.mktemp("olmo"), *((end, *both) for (end, *_), both in zip(rows, texts, strict=True)))
    assert gzip.decompress(raw).decode() == expected.getvalue()


def test_the_numbers_come_first_whatever_the_texts_hold(tmp_path):
    raw = written(tmp_path, (4, ",", '",\n1,2'), (6, "d", ","))
    lines = gzip.decompress(raw).decode().splitlines()
    assert [line.split(",")[:2] for line in lines] == [["0", "4"], ["4", "6"]]


def test_the_file_holds_neither_time_nor_name(tmp_path):
    head = written(tmp_path, (3, "d", "o"))[:10]
    assert head[3] == 0  # no flags, so no file name
    assert head[4:8] == bytes(4)
