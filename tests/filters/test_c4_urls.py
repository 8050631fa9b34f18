"""Which addresses are one page, as C4's code has it and as it was meant."""

import pytest

from filters.c4_urls import (
    InTrainSplit,
    intended_form,
    intended_keys,
    is_validation,
    published_form,
    published_keys,
)


@pytest.mark.parametrize(
    "url, form",
    [
        ("http://www.example.com/a/", "example.com/a"),
        ("https://example.com//", "example.com"),
        ("http://example.com/a?utm_source=x&id=1", "example.com/a"),
        ("http://example.com/a?ref=x", "example.com/a"),
        ("http://example.com/a?id=1", "example.com/a?id=1"),
        ("", ""),
    ],
)
def test_both_forms_leave_out_what_leads_to_the_same_page(url, form):
    assert published_form(url) == form
    assert intended_form(url.replace("&id=1", "")) == form


@pytest.mark.parametrize(
    "url, published, intended",
    [
        (
            "http://archive.org/http://www.a.com/b",
            "archive.org/a.com/b",
            "archive.org/http://www.a.com/b",
        ),  # A scheme goes wherever it stands.
        ("HTTP://WWW.Example.com/A", "HTTP://WWW.Example.com/A", "example.com/A"),  # Case counts.
        ("http://a.com/b?reference=1", "a.com/b", "a.com/b?reference=1"),  # `?ref…` is cut, whatever it begins.
        ("http://a.com/b?feedback=1&id=2", "a.com/b", "a.com/b?feedback=1&id=2"),
        ("http://a.com/b?utm_source=x&id=2", "a.com/b", "a.com/b?id=2"),  # The fields behind go too.
        ("http://a.com/b?id=2&utm_source=x", "a.com/b?id=2&utm_source=x", "a.com/b?id=2"),  # Not as a later field.
        ("http://a.com/b/?id=2&ref=x&feed", "a.com/b/?id=2&ref=x&feed", "a.com/b?id=2"),
        ("http://a.com/b/?", "a.com/b/?", "a.com/b"),
        ("http://a.com/b#c/", "a.com/b#c", "a.com/b#c"),
        ("http://a.com/b?x#c?utm_d", "a.com/b?x#c", "a.com/b?x#c?utm_d"),
        ("no address", "no address", "no address"),
    ],
)
def test_the_forms_differ_where_the_code_does_what_was_not_meant(url, published, intended):
    assert (published_form(url), intended_form(url)) == (published, intended)


@pytest.mark.parametrize("keys", [published_keys, intended_keys])
def test_equal_forms_have_equal_keys_and_no_address_has_none(keys):
    first, second, other, empty, missing = keys(
        ["http://a.com", "https://www.a.com/", "http://b.com", "", None]
    ).tolist()
    assert first == second != other
    assert (empty, missing) == (0, 0)
    assert len(keys([])) == 0


@pytest.mark.parametrize("number, reason", [(0, None), (356, "validation_split")])
def test_one_page_in_a_thousand_is_for_validation(documents, number, reason):
    url = f"http://example.com/{number}"
    result = InTrainSplit().apply(documents("text", url=url))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})
    assert result.batch.column("text").to_pylist() == ["text"]


def test_the_split_hangs_on_the_published_form():
    held = [number for number in range(20_000) if is_validation(f"example.com/{number}")]
    assert len(held) == 20
    assert all(is_validation(f"https://www.example.com/{number}/?utm_x") for number in held)


def test_a_page_without_an_address_is_for_training(documents):
    assert InTrainSplit().apply(documents("text", url=None)).reason.to_pylist() == [None]
