"""Documents as rows, and the text that is held out."""

import pytest
from small_web import article, reader, recipe

from filters.batch import document_batch
from pipeline.document_rows import HELD_OUT_SHARE, is_held_out, language_rule, rows, text_bytes


def test_rows_are_the_columns_asked_for_in_the_order_of_the_documents():
    read = reader(wikipedia=[article(i, text=f"text {i}") for i in range(9)])
    assert list(rows(read, "wikipedia", "text", "doc_id")) == [(f"text {i}", f"en{i}") for i in range(9)]


def test_no_document_gives_no_row():
    assert list(rows(reader(wikipedia=[]), "wikipedia", "doc_id")) == []


@pytest.mark.parametrize(
    "language, score, kept",
    [("en", 0.5, True), ("en", 0.49, False), ("en", None, False), ("de", 0.9, False), (None, 0.9, False)],
)
def test_a_document_is_kept_that_is_surely_in_a_kept_language(language, score, kept):
    page = document_batch([article(1) | {"language": language, "language_score": score}])
    assert language_rule(recipe()).keeps(page).to_pylist() == [kept]


def test_a_faithful_score_is_rounded_as_cc_net_rounds_it():
    page = document_batch([article(1) | {"language": "en", "language_score": 0.495}])
    assert language_rule(recipe(commoncrawl={"mode": "faithful"})).keeps(page).to_pylist() == [True]
    assert language_rule(recipe()).keeps(page).to_pylist() == [False]


@pytest.mark.parametrize("text, size", [("", 0), ("é", 2), ("\ud800", 1)])
def test_bytes_are_those_of_utf8(text, size):
    assert text_bytes(text) == size


def test_one_text_in_twenty_is_held_out():
    share = sum(is_held_out(str(i)) for i in range(2000)) / 2000
    assert 0.8 / HELD_OUT_SHARE < share < 1.2 / HELD_OUT_SHARE
