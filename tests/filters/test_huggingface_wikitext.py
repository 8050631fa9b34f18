"""Hugging Face's script, bug for bug: each quirk is pinned, and no page takes longer than it may."""

import time

import pytest

from filters.batch import Filter
from filters.huggingface_wikitext import (
    CATEGORY_PREFIXES,
    FILE_PREFIXES,
    HuggingFaceWikitext,
    clean_wikicode,
    parser_steps,
)
from filters.namespaces import FILE_NAMES

mwparserfromhell = pytest.importorskip("mwparserfromhell", reason="mwparserfromhell is not installed")

OTHER_LANGUAGES = set(FILE_NAMES) - {"en"}


@pytest.mark.parametrize(
    "wikitext, text",
    [
        ("", ""),
        ("'''a''' [[b]] [[c|d]] <!-- e -->", "a b d"),
        ("a<ref>b</ref>", "a"),
        ("a\n{|\n| b\n|}", "a"),
        ("a <table><tr><td>b</td></tr></table>", "a"),
        ("[[File:a.jpg|thumb|b [[c]]]] d", "d"),
        ("a [http://b c]", "a c"),
        ("a&nbsp;b &amp; c", "a\xa0b & c"),
        ("a __NOTOC__", "a "),
    ],
)
def test_a_page_becomes_text_as_the_script_has_it(wikitext, text):
    assert clean_wikicode(wikitext, "en") == text


@pytest.mark.parametrize(
    "quirk, wikitext, text",
    [
        ("headings of emptied sections stay", "a\n== B ==\n{{t}}\n== C ==\nd", "a\n\nB\n\nC \nd"),
        ("a page without a lead begins with blank lines", "== A ==\nb", "\n\nA \nb"),
        ("a page of headings alone is not empty", "{{t}}\n== A ==", "\n\nA"),
        ("category names stay", "a\n[[Category:Towns]]", "a\nTowns"),
        ("a category's sort key stays in its place", "a\n[[Category:Towns|key]]", "a\nkey"),
        ("templates leave holes", "Paris ({{lang|fr|x}}, {{t}}) is {{convert|5|km}} wide", "Paris (, ) is  wide"),
        ("formulas are lost", "a <math>x^2</math> b", "a  b"),
        ("superscripts fall flat", "10<sup>9</sup>", "109"),
        ("words at a line break are glued", "a<br>b", "ab"),
        ("marks of lists are lost", "* a\n** b\n# c", "a\n b\n c"),
        ("a blank before a file's prefix lets its caption leak", "[[ File:x.jpg|thumb|b]] a", "thumb|b a"),
        ("a reference in capitals stays", "a<REF>b</REF>", "ab"),
        ("underscores in a row go", "a____b", "ab"),
        ("links to other languages stay", "a\n[[de:Paris]]", "a\nde:Paris"),
        ("a redirect's words stay", "#WEITERLEITUNG [[A]]", "WEITERLEITUNG A"),
    ],
)
def test_quirks_are_kept(quirk, wikitext, text):
    assert clean_wikicode(wikitext, "en") == text, quirk


@pytest.mark.parametrize("table", [FILE_PREFIXES, CATEGORY_PREFIXES])
def test_the_tables_have_the_twenty_languages_but_english(table):
    assert set(table) == OTHER_LANGUAGES


@pytest.mark.parametrize("language", sorted(OTHER_LANGUAGES))
def test_prefixes_are_those_of_the_scripts_tables(language):
    for prefix in FILE_PREFIXES[language].split():
        assert clean_wikicode(f"[[{prefix.lower()}:x.jpg|mini|b]] a", language) == "a"
    for prefix in CATEGORY_PREFIXES[language].split():
        assert clean_wikicode(f"[[{prefix}:Towns]]", language) == "Towns"


@pytest.mark.parametrize("language, prefix", [("cs", "Obrázek"), ("da", "Media_"), ("en", "Datei"), (None, "Bild")])
def test_captions_leak_under_a_name_that_is_not_in_the_table(language, prefix):
    assert clean_wikicode(f"[[{prefix}:x.jpg|mini|b]] a", language) == "mini|b a"


def test_a_page_is_kept_or_dropped_as_the_script_does(documents):
    result = HuggingFaceWikitext().apply(documents("'''a'''", "{{t}}", "", language="en"))
    assert result.batch.column("text").to_pylist() == ["a", "", ""]
    assert (result.reason.to_pylist(), result.counts) == ([None, "empty_text", "empty_text"], {})


@pytest.mark.parametrize(
    "error, reason",
    [(mwparserfromhell.parser.ParserError("x"), "parser_error"), (RecursionError("deep"), "recursion")],
)
def test_what_the_parser_raises_is_a_reason(documents, monkeypatch, error, reason):
    def raises(text):
        raise error

    monkeypatch.setattr(mwparserfromhell, "parse", raises)
    assert HuggingFaceWikitext().apply(documents("a", language="en")).reason.to_pylist() == [reason]


def test_plain_text_is_read_once():
    assert parser_steps("plain " * 2) == 12


@pytest.mark.parametrize("max_steps, reason", [(12, None), (11, "too_many_steps")])
def test_a_page_of_too_many_steps_is_not_parsed(documents, max_steps, reason):
    result = HuggingFaceWikitext(max_steps=max_steps).apply(documents("plain " * 2, language="en"))
    assert result.reason.to_pylist() == [reason]


@pytest.mark.parametrize(
    "shorter, longer",
    [
        ("{{a}}" * 1000, "{{a|" * 1000),
        ("[[a]]" * 1000, "[[a|" * 1000),
        ("<b></b>" * 1000, "<b>" * 1000),
        ("<b/>" * 1000, "<b " * 1000),
        ("<br>" * 1000, "<i>" * 1000),
        ("[http://a]" * 1000, "[http://a " * 1000),
        ("<!---->" * 1000, "<!--" * 1000),
        ("{{a|[[b]]}}" * 1000, "{{a|[[b}}]]" * 1000),
        ("{{a}}" * 1000, "{{a|" * 1000 + "}}" * 1000),
    ],
)
def test_what_never_closes_costs_more_than_what_does(shorter, longer):
    assert parser_steps(longer) > 3 * parser_steps(shorter)


@pytest.mark.parametrize("text", ["\n* a", "\n| a", "''a''", "&amp;", "\n=a=", "http://a"])
def test_what_becomes_a_node_costs_more_than_its_characters(text):
    assert parser_steps(text * 100) > 10 * len(text * 100)


@pytest.mark.parametrize(
    "piece",
    [
        "{{",
        "{{{",
        "[[a|",
        "{{a|",
        "{|\n",
        "\n|-\n|a",
        "<b>",
        "<b ",
        "<a x='",
        "[http://x ",
        "\n*",
        "*",
        "<!--",
        "{{t|[[b|}}]]",
    ],
)
def test_a_hostile_page_is_refused_in_linear_time(documents, piece):
    batch = documents(piece * (1_000_000 // len(piece)), language="en")
    before = time.process_time()
    assert HuggingFaceWikitext().apply(batch).reason.to_pylist() == ["too_many_steps"]
    assert time.process_time() - before < 5


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
        HuggingFaceWikitext(max_steps=0)


def test_it_is_a_filter_and_takes_an_empty_batch(documents):
    assert isinstance(HuggingFaceWikitext(), Filter)
    assert len(HuggingFaceWikitext().apply(documents()).reason) == 0
