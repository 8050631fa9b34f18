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
