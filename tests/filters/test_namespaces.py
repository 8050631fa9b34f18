"""Every one of the twenty languages knows its own words."""

import pytest

from filters.namespaces import (
    CATEGORY_NAMES,
    FILE_NAMES,
    REDIRECT_WORDS,
    SISTER_PREFIXES,
    WIKI_LANGUAGES,
    dropped_prefixes,
    redirect_words,
)

TWENTY = set("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())


@pytest.mark.parametrize("table", [FILE_NAMES, CATEGORY_NAMES, REDIRECT_WORDS])
def test_every_table_has_the_twenty_languages(table):
    assert set(table) == TWENTY


def test_the_twenty_are_codes_of_wikipedias():
    assert TWENTY < WIKI_LANGUAGES


@pytest.mark.parametrize(
    "language, prefix",
    [
        ("de", "datei"),
        ("de", "bild"),
        ("de", "file"),
        ("fr", "catégorie"),
        ("ru", "изображение"),
        ("sr", "слика"),
        ("sr", "slika"),
        ("ro", "fișier"),
        (None, "image"),
        ("en", "gd"),
    ],
)
def test_prefix_is_dropped_in_its_own_wiki(language, prefix):
    assert prefix in dropped_prefixes(language)


@pytest.mark.parametrize("language, prefix", [("en", "bild"), ("en", "imagine"), ("de", "slika"), ("xx", "datei")])
def test_prefix_of_another_language_may_start_a_title(language, prefix):
    assert prefix not in dropped_prefixes(language)


def test_sister_projects_are_no_languages():
    assert not SISTER_PREFIXES & TWENTY


@pytest.mark.parametrize(
    "language, words",
    [("en", ("#redirect",)), ("de", ("#redirect", "#weiterleitung")), (None, ("#redirect",))],
)
def test_redirects_start_with_the_english_word_or_their_own(language, words):
    assert redirect_words(language) == words
