"""Documents by their names, and what became of them."""

import pytest
from provenance_run import EMPTY, TWIN, document, url

from pipeline import explain_search
from pipeline.explain_search import find_documents, trail


@pytest.mark.parametrize("name", ["doc_id", "origin", "url"])
def test_each_name_finds_the_one_document(finished_provenance_run, name):
    row = document(finished_provenance_run, "b", 2)
    (found,) = find_documents(finished_provenance_run, [row[name]])
    assert (found.doc_id, found.origin, found.url) == (row["doc_id"], row["origin"], row["url"])
    assert (found.source, found.unit) == ("c4", "c4-train.b.json.gz")


def test_what_clean_rejected_is_found(finished_provenance_run):
    assert [found.url for found in find_documents(finished_provenance_run, [url("b", EMPTY)])] == [url("b", EMPTY)]


@pytest.mark.parametrize("name", [url("b", 2)[:-1], url("b", 2).upper(), "b.example.org/2", ""])
def test_a_name_is_matched_in_whole(finished_provenance_run, name):
    assert list(find_documents(finished_provenance_run, [name])) == []


def test_origins_alone_are_looked_for_in_the_units_of_their_files(finished_provenance_run, monkeypatch):
    origin, read = document(finished_provenance_run, "b", 2)["origin"], []
    own = explain_search._in_unit
    monkeypatch.setattr(explain_search, "_in_unit", lambda *asked: read.append(asked[2]) or own(*asked))
    assert [found.origin for found in find_documents(finished_provenance_run, [origin])] == [origin]
    assert read == ["c4-train.b.json.gz"]


@pytest.mark.parametrize(
    "file, page, stages",
    [
        ("a", 0, [("clean", True), ("dedup", True)]),
        ("b", TWIN, [("clean", True), ("dedup", False)]),
        ("b", EMPTY, [("clean", False)]),
    ],
)
def test_the_trail_ends_where_a_document_was_rejected(finished_provenance_run, file, page, stages):
    (found,) = find_documents(finished_provenance_run, [url(file, page)])
    assert [(stage["stage"], stage["kept"]) for stage in trail(finished_provenance_run, found)] == stages
