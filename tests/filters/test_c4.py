"""C4's rules about whole pages: published ones, and those of WET files."""

import pytest

from filters.batch import document_batch
from filters.c4 import HasText, IsWholePage, MaxChars


@pytest.mark.parametrize("text, reason", [("", "empty_text"), (" \n\u3000\t", "empty_text"), (" a ", None)])
def test_only_pages_without_a_character_to_see_are_rejected(documents, text, reason):
    batch = documents(text)
    result = HasText().apply(batch)
    assert (result.reason.to_pylist(), result.batch, result.counts) == ([reason], batch, {})


def test_a_batch_without_rows_passes():
    assert HasText().apply(document_batch([])).reason.to_pylist() == []


@pytest.mark.parametrize(
    "columns, text, reason",
    [
        ({"url": "http://a.com", "date": "2019"}, "text", None),
        ({"url": "", "date": "2019"}, "text", "no_url"),
        ({"url": None, "date": None}, "", "no_url"),  # The first that is missing is named.
        ({"url": "http://a.com", "date": None}, "", "no_content"),
        ({"url": "http://a.com", "date": ""}, "text", "no_timestamp"),
        ({"url": "http://a.com", "date": None}, "text", "no_timestamp"),
    ],
)
def test_a_page_has_an_address_a_text_and_a_date(documents, columns, text, reason):
    result = IsWholePage().apply(documents(text, **columns))
    assert (result.reason.to_pylist(), dict(result.counts)) == ([reason], {})
    assert result.batch.column("text").to_pylist() == [text]


@pytest.mark.parametrize("text, reason", [("", None), ("ä" * 5, None), ("ä" * 6, "too_long")])
def test_a_page_has_so_many_characters_at_most(documents, text, reason):
    result = MaxChars(max_chars=5).apply(documents(text))
    assert (result.reason.to_pylist(), dict(result.counts)) == ([reason], {})


def test_no_character_at_all_is_refused():
    with pytest.raises(ValueError, match="max_chars must be at least 1, got 0"):
        MaxChars(max_chars=0)
