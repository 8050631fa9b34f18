"""The document's columns and the helpers over a batch."""

import numpy as np
import pyarrow as pa
import pytest

from filters import (
    arxiv,
    books,
    c4,
    commoncrawl,
    dedup,
    github,
    language,
    near_duplicates,
    perplexity,
    reference,
    select,
    stackexchange,
    tex_comments,
    tex_macros,
    wikipedia,
)
from filters.batch import (
    DOCUMENT_SCHEMA,
    document_batch,
    document_id,
    first_reason,
    heads,
    reasons,
    text_bytes,
    with_column,
)

PERPLEXITIES = "perplexity_head perplexity_middle perplexity_tail"
THREAD_FAULTS = "not_a_question answer_without_question nested_too_deeply empty_text unanswered"


def test_what_every_document_has_is_never_null():
    assert [field.name for field in DOCUMENT_SCHEMA if not field.nullable] == ["doc_id", "source", "origin", "text"]


def test_an_id_follows_from_content_and_origin_alone():
    assert document_id("c4", "a#1", "text") == document_id("c4", "a#1", "text")
    assert document_id("c4", "a#1", "text") == "6bc398fa15a278c6fde0db7856a094ef"


@pytest.mark.parametrize(
    "other", [("c5", "a#1", "text"), ("c4", "a#2", "text"), ("c4", "a#1", "texts"), ("c4", "a#1t", "ext")]
)
def test_an_id_changes_with_each_of_its_parts(other):
    assert document_id("c4", "a#1", "text") != document_id(*other)


def test_an_id_is_the_same_for_a_text_and_for_its_utf8():
    assert document_id("c4", "a", "ümlaut") == document_id("c4", "a", "ümlaut".encode())
    assert document_id("c4", "a", "\ud800") == document_id("c4", "a", "\ud800".encode("utf-8", "surrogatepass"))


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


@pytest.mark.parametrize(
    "rule, name, declared",
    [
        (arxiv.HasTexSource, "arxiv_source", "pdf_only no_tex"),
        (arxiv.PaperBody, "arxiv_body", "no_section empty_text paper_too_large"),
        (books.PublicDomain, "books_public_domain", "license_not_permitted license_unknown"),
        (books.GutenbergWrapper, "books_wrapper", ""),
        (c4.HasText, "has_text", "empty_text"),
        (commoncrawl.MinChars, "min_chars", "too_few_chars"),
        (dedup.DropDuplicateLines, "drop_duplicate_lines", "nothing_left too_few_chars"),
        (dedup.DropDuplicateDocuments, "drop_duplicate_documents", "duplicate_document"),
        (github.LicenseIs, "github_license", "license_unknown license_not_permitted"),
        (github.PathIsCode, "github_path", "extension_not_kept license_text"),
        (github.ReadableText, "github_text", "empty_text file_too_large binary link"),
        (github.StripLicenseHeader, "github_header", "only_a_header"),
        (github.LineLengths, "github_lines", "line_too_long mean_line_too_long"),
        (github.AlphanumericFraction, "github_alphanumeric", "too_few_alphanumeric"),
        (language.IdentifyLanguage, "identify_language", ""),
        (near_duplicates.DropNearDuplicates, "drop_near_duplicates", "near_duplicate contained_in_longer"),
        (perplexity.ScorePerplexity, "score_perplexity", ""),
        (reference.ScoreReference, "score_reference", ""),
        (select.LanguageIs, "language_is", "language_unknown language_score_too_low language_not_kept"),
        (select.PerplexityBucketIs, "perplexity_bucket_is", "no_perplexity " + PERPLEXITIES),
        (select.ReferenceScoreAtLeast, "reference_score_at_least", "no_reference_score reference_score_too_low"),
        (stackexchange.ThreadToText, "stackexchange_thread", THREAD_FAULTS),
        (tex_comments.TexComments, "tex_comments", ""),
        (tex_macros.TexMacros, "tex_macros", ""),
        (wikipedia.LanguageIn, "wikipedia_language", "language_not_kept"),
        (wikipedia.ArticleNamespace, "wikipedia_namespace", "not_an_article"),
        (wikipedia.NotRedirect, "wikipedia_redirect", "redirect"),
        (wikipedia.WikitextToText, "wikipedia_wikitext", "empty_text"),
    ],
)
def test_ledgers_know_a_filter_by_its_name_and_its_reasons(rule, name, declared):
    assert (rule.name, rule.reasons) == (name, tuple(declared.split()))


def test_the_first_reason_that_holds_is_given():
    found = first_reason(one=[True, False, False], two=np.array([True, True, False]))
    assert found.to_pylist() == ["one", "two", None]
    assert found.type == pa.string()
    assert first_reason(one=[]).to_pylist() == []


def test_heads_are_the_first_characters(documents):
    assert heads(documents("éab", "", "a"), 2) == ["éa", "", "a"]
