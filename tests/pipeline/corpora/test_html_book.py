"""A book in one page of HTML gives its text, and its head its title, language, rights and date."""

import pytest

from pipeline.corpora.html_book import is_html, read_html
from pipeline.corpora.marked_book import BookError

PAGE = """<!DOCTYPE html>
<html lang="en-GB"><head>
<title>The Project Gutenberg eBook of Frankenstein, by Mary Shelley</title>
<meta name="dc.title" content="Frankenstein &amp; Co">
<meta name='dcterms.created' content='1993-10-01'>
<meta property="dc:rights" content="Public domain in the USA.">
</head><body><h1>Frankenstein</h1><p>You will
rejoice.</p></body></html>"""


def test_a_page_gives_its_book():
    book = read_html(PAGE)
    assert (book.text, book.title) == ("Frankenstein\n\nYou will rejoice.", "Frankenstein & Co")
    assert (book.language, book.date, book.rights, book.url) == ("en", "1993-10-01", "Public domain in the USA.", None)


@pytest.mark.parametrize(
    "title, told",
    [
        ("The Project Gutenberg eBook of Frankenstein, by Mary Shelley", "Frankenstein"),
        ("The Project Gutenberg eBook of Emma, by Jane Austen.", "Emma"),
        ("Project Gutenberg's Emma by Jane Austen", "Emma"),
        ("Emma | Project Gutenberg", "Emma"),
        ("Saved by the Bell", "Saved by the Bell"),
        (" Tom &amp;\nJerry ", "Tom & Jerry"),
        (".", None),
    ],
)
def test_a_title_loses_the_words_around_it(title, told):
    assert read_html(f"<html><head><title>{title}</title></head><body>x</body></html>").title == told


@pytest.mark.parametrize(
    "markup, rights",
    [
        ('<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a>', "https://creativecommons.org/licenses/by/4.0/"),
        ("<link href='https://x.org/l' rel='license'>", "https://x.org/l"),
        ("<a rel='license'>x</a>", None),
        ("<a href='https://x.org/l'>license</a>", None),
    ],
)  # fmt: skip
def test_a_link_to_the_licence_is_its_statement(markup, rights):
    assert read_html(f"<html><body><p>x {markup}</p></body></html>").rights == rights


def test_a_bare_page_has_but_its_text():
    book = read_html("<html><p>x</p></html>")
    assert (book.text, book.title, book.language, book.rights, book.date) == ("x", None, None, None, None)


def test_a_page_too_deep_is_told():
    with pytest.raises(BookError) as caught:
        read_html("<html>" + "<div>" * 1000)
    assert caught.value.reason == "nested_too_deeply"


@pytest.mark.parametrize(
    "text, name, answer",
    [
        ("x", "a.htm", True),
        ("x", "a.html", True),
        ("<!doctype html>\n<HTML lang='en'>", "a.xml", True),
        ("x", "a.txt", False),
    ],
)
def test_a_page_is_known_by_its_name_or_its_root(text, name, answer):
    assert is_html(text, name) is answer
