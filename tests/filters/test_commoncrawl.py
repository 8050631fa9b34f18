"""Pages too short to say anything."""

import pytest

from filters.batch import document_batch
from filters.commoncrawl import MinChars


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "too_few_chars"),
        ("abcd", "too_few_chars"),
        ("abcde", None),
        ("äöüß字", None),
        ("äöüß", "too_few_chars"),
        ("ab\ncd", None),
    ],
)
def test_pages_of_fewer_characters_than_asked_are_rejected(documents, text, reason):
    batch = documents(text)
    result = MinChars(min_chars=5).apply(batch)
    assert (result.reason.to_pylist(), result.batch, result.counts) == ([reason], batch, {})


def test_no_page_is_too_short_for_zero_characters(documents):
    assert MinChars(min_chars=0).apply(documents("", "a")).reason.to_pylist() == [None, None]


def test_a_batch_without_rows_passes():
    assert MinChars().apply(document_batch([])).reason.to_pylist() == []


def test_a_negative_number_of_characters_is_refused():
    with pytest.raises(ValueError, match="min_chars must be at least 0, got -1"):
        MinChars(min_chars=-1)
