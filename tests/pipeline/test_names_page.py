"""The page of names has each kind of name, with what the code says of it."""

import pytest

from filters.select import LanguageIs
from filters.wikipedia import WikitextToText
from pipeline.held_out import HoldOut
from pipeline.names_page import counted, names_page


@pytest.mark.parametrize(
    "row",
    [
        "| `clean` | Read raw dumps and clean them: raw files to documents, source by source. |",
        "| `language_model` | `train-lm` | `language_model/lm.arpa`, `language_model/pieces.model` |",
        "| `kept_lines` (list of int32) | `dedup` of CommonCrawl | numbers, from 0, of the lines that it left |",
        "| `rejected/STAGE/SOURCE/*.parquet` | a document's columns as they were, and which rule rejected it "
        "| `filter`, `reason` |",
        "| `license_unknown` | `books_public_domain`, `github_license` |",
        "| `held_out` | `hold_out` |",
        "| `declares_entities` | wikipedia, books | XML that declares entities of its own, which could unfold without"
        " bound |",
        "| `unreadable_file` | all | the file cannot be read on; what came before stays |",
        "| `bytes_kept` | Bytes of text of what left. |",
        "| filter `arxiv_body` | abstracts_kept |",
    ],
)
def test_a_name_has_a_row(row):
    assert row in names_page().splitlines()


def test_what_a_filter_counts_is_what_its_docstring_says():
    assert counted(LanguageIs) == counted(HoldOut) == ""
    assert counted(WikitextToText).startswith("unbalanced (a bracket or tag was never closed, and stays")
