"""Of C4 as published only empty pages go."""

import pytest

from filters.batch import document_batch
from filters.c4 import HasText


@pytest.mark.parametrize("text, reason", [("", "empty_text"), (" \n\u3000\t", "empty_text"), (" a ", None)])
def test_only_pages_without_a_character_to_see_are_rejected(documents, text, reason):
    batch = documents(text)
    result = HasText().apply(batch)
    assert (result.reason.to_pylist(), result.batch, result.counts) == ([reason], batch, {})


def test_a_batch_without_rows_passes():
    assert HasText().apply(document_batch([])).reason.to_pylist() == []
