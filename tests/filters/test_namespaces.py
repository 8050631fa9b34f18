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


@pytest.mark.parametrize(
    "language, words",
    [
        ("bg", "пренасочване виж"),
        ("ca", "redirecció"),
        ("cs", "přesměruj"),
        ("da", "omdirigering"),
        ("de", "weiterleitung"),
        ("es", "redirección redireccion"),
        ("fr", "redirection"),
        ("hr", "preusmjeri"),
        ("hu", "átirányítás"),
        ("it", "rinvia rinvio"),
        ("nl", "doorverwijzing"),
        ("pl", "patrz przekieruj tam"),
        ("pt", "redirecionamento redirecionar"),
        ("ro", "redirecteaza"),
        ("ru", "перенаправление перенапр"),
        ("sl", "preusmeritev"),
        ("sr", "преусмери преусмјери preusmeri"),
        ("sv", "omdirigering"),
        ("uk", "перенаправлення перенапр перенаправление"),
    ],
)
def test_every_wiki_has_its_own_words_for_a_redirect(language, words):
    assert redirect_words(language) == ("#redirect", *(f"#{word}" for word in words.split()))


@pytest.mark.parametrize(
    "language, prefixes",
    [
        ("bg", "файл картинка медия"),
        ("ca", "fitxer imatge multimèdia"),
        ("cs", "soubor obrázek média"),
        ("da", "fil billede"),
        ("de", "datei bild medium"),
        ("es", "archivo imagen medio categoría categoria cat"),
        ("fr", "fichier média"),
        ("hr", "datoteka slika mediji f dt kategorija ct kt"),
        ("hu", "fájl kép média"),
        ("it", "immagine categoria cat"),
        ("nl", "bestand afbeelding"),
        ("pl", "plik grafika"),
        ("pt", "ficheiro arquivo imagem multimédia multimídia"),
        ("ro", "fișier fişier imagine"),
        ("ru", "файл изображение медиа категория к"),
        ("sl", "slika datoteka"),
        ("sr", "датотека слика медиј медија datoteka slika medij medija категорија kategorija"),
        ("sv", "fil bild"),
        ("uk", "файл зображення медіа медиа изображение категорія категория"),
    ],
)
def test_every_wiki_has_its_older_names_of_files_too(language, prefixes):
    assert set(prefixes.split()) | {"file", "image", "media", "category"} <= dropped_prefixes(language)


@pytest.mark.parametrize(
    "prefix",
    "b c commons d foundation incubator m mediawikiwiki mw n phab q s species v voy w wikipedia wikibooks wikidata "
    "wikinews wikiquote wikisource wikispecies wikiversity wikivoyage wikt wiktionary".split(),
)
def test_a_sister_project_is_known_by_each_of_its_prefixes(prefix):
    assert prefix in SISTER_PREFIXES
