"""Which pages an article cites."""

import time

import pytest

from filters.citations import MAX_CITED_URLS, cited_urls


@pytest.mark.parametrize(
    "wikitext, urls",
    [
        ("", ()),
        ("see http://a.example/x", ()),
        ("<ref>http://a.example/x.</ref>", ("http://a.example/x",)),
        ('<ref name="n">[https://a.example/x Title]</ref>', ("https://a.example/x",)),
        ("<REF>{{cite web | url = https://a.example/x?y=1&z=2 | title=T}}</REF >", ("https://a.example/x?y=1&z=2",)),
        ("{{Cite book|title=T|url=http://b.example/}}", ("http://b.example/",)),
        ("{{Literatur|Titel=T|Online=http://b.example/de}}", ("http://b.example/de",)),
        ("{{Infobox|url=http://home.example}}", ()),
        ('<ref name="n" /> http://a.example <ref name="n" />', ()),
        (
            "<ref>http://a.example</ref> http://b.example <ref>http://c.example</ref>",
            ("http://a.example", "http://c.example"),
        ),
        ("<ref>http://a.example</ref><ref>http://a.example</ref>", ("http://a.example",)),
        ("<ref>http://a.example https://web.archive.org/web/2001/http://a.example</ref>", ("http://a.example",)),
        ("<!-- <ref>http://a.example</ref> -->", ()),
        ("<references><ref name=a>http://a.example</ref></references>", ("http://a.example",)),
        ("<ref>http://never.closed", ()),
        ("<ref>http://</ref>", ()),
        ("<ref>https://...</ref>", ()),
        ('<ref name="n" /> <ref>http://a.example</ref>', ("http://a.example",)),
    ],
)
def test_urls_of_references_and_citation_templates_are_found(wikitext, urls):
    assert cited_urls(wikitext) == urls


def test_number_of_urls_is_bounded():
    text = "".join(f"<ref>http://a.example/{number}</ref>" for number in range(MAX_CITED_URLS + 1))
    assert len(cited_urls(text)) == MAX_CITED_URLS


@pytest.mark.parametrize("piece", ["<ref>", "<ref ", "{{cite ", "|url=", "http://", "<ref>http://a ", "<!--", "{{ "])
def test_hostile_page_takes_bounded_time(piece):
    before = time.process_time()
    cited_urls("http://" + piece * (400_000 // len(piece)))
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "template",
    [
        "cite book",
        "Cite web",
        "Citation",
        "Cita web",
        "Citar livro",
        "Citace monografie",
        "Citeer web",
        "Cytuj stronę",
        "Internetquelle",
        "Literatur",
        "Lien web",
        "Ouvrage",
        "Article",
        "Kilde www",
        "Webbref",
        "Bokref",
        "Navedi splet",
        "Cit web",
        "Ref-web",
        "Книга",
        "Статья",
        "Публикация",
        "Цитат уеб",
    ],
)
@pytest.mark.parametrize("parameter", ["url", "URL", "Online", "ссылка", "adresse"])
def test_a_citation_template_of_each_wiki_gives_its_address(template, parameter):
    assert cited_urls(f"{{{{{template} | x=1 | {parameter} = http://a.example/x }}}}") == ("http://a.example/x",)


@pytest.mark.parametrize(
    "template", ["{{Web cite|url=http://a.example}}", "{{Cite web|link=http://a.example}}", "{{Cite|http://a.example}}"]
)
def test_another_template_or_parameter_gives_none(template):
    assert cited_urls(template) == ()


@pytest.mark.parametrize(
    "archive", ["web.archive.org", "archive.is", "archive.today", "archive.ph", "www.webcitation.org"]
)
def test_an_archived_copy_is_not_what_was_cited(archive):
    assert cited_urls(f"<ref>https://{archive}/x http://a.example/archive.org</ref>") == (
        "http://a.example/archive.org",
    )


@pytest.mark.parametrize("mark", [".", ",", ";", ":", "!", "?", "'", "*", ")", "''.", ").,"])
def test_marks_behind_an_address_are_none_of_it(mark):
    assert cited_urls(f"<ref>http://a.example/x{mark} b</ref>") == ("http://a.example/x",)


@pytest.mark.parametrize("mark", ["|", "{", "}", "<b>", "[", "]", '"'])
def test_an_address_ends_before_wikitexts_own_marks(mark):
    assert cited_urls(f"<ref>http://a.example/x{mark}b</ref>") == ("http://a.example/x",)


def test_addresses_stand_in_the_order_of_the_page():
    page = "{{cite web|url=http://b.example}} <ref>http://c.example</ref> {{cite web|url=http://a.example}}"
    assert cited_urls(page) == ("http://b.example", "http://c.example", "http://a.example")
