"""Statements of rights, languages and dates are read as far as they can be, and no further."""

import pytest

from filters.books import PUBLIC_DOMAIN
from pipeline.corpora.marked_book import BookError, date_of, language_of, license_of, squeezed


@pytest.mark.parametrize(
    "rights, license",
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ("Public domain in the USA.", PUBLIC_DOMAIN),
        ("This work is in the public domain in the United States", PUBLIC_DOMAIN),
        ("Public Domain.", "Public domain"),
        ("This book is in the public domain", "Public domain"),
        ("The public domain and its enemies are mine, all rights reserved", None),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("Licensed under http://creativecommons.org/licenses/by/3.0/us/", "CC-BY-3.0"),
        ("CC BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("CC-BY 2.5", "CC-BY-2.5"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("CC0", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "Public domain"),
        ("Copyright 2006\n  A. B.", "Copyright 2006 A. B."),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_statement_of_rights_names_its_licence(rights, license):
    assert license_of(rights) == (license or (squeezed(rights) or None))


@pytest.mark.parametrize(
    "code, language",
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("EN_us", "en"),
        ("fre", "fr"),
        ("grc", "grc"),
        ("English", None),
        ("", None),
        (None, None),
    ],
)
def test_a_language_is_a_code(code, language):
    assert language_of(code) == language


@pytest.mark.parametrize(
    "told, date",
    [
        ("2012-03-04T00:00:00Z", "2012-03-04"),
        ("published 1897", "1897"),
        ("2012-13", "2012"),
        ("2012-03", "2012-03"),
        ("no. 123456", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_goes_as_far_as_it_is_told(told, date):
    assert date_of(told) == date


def test_an_error_has_a_reason_and_a_detail():
    error = BookError("no_book", "why")
    assert (error.reason, error.detail, str(error), str(BookError("no_book"))) == ("no_book", "why", "why", "no_book")


def test_a_statement_is_squeezed_and_bounded():
    assert squeezed(" a\n b\t") == "a b"
    assert len(squeezed("x" * 1_000_000)) == 2000
