"""TEI editions become their text: notes, readings, page numbers and slips go, and the header tells of the book."""

import time

import pytest

from pipeline.corpora.marked_book import BookError
from pipeline.corpora.tei import is_tei, read_tei

HEADER = """<teiHeader><fileDesc>
<titleStmt><title>La <hi>Chute</hi>\n d'un ange</title><title type="sub">x</title></titleStmt>
<publicationStmt><idno type="URI">https://x.org/1</idno><date when="2012-03-01">then</date>
<availability><p>Free.</p><licence target="https://creativecommons.org/licenses/by-sa/4.0/">see</licence></availability>
</publicationStmt>
<sourceDesc><biblFull><titleStmt><title>Another</title></titleStmt>
<publicationStmt><date when="1838"/></publicationStmt></biblFull></sourceDesc>
</fileDesc><profileDesc><langUsage><language ident="fr">French</language></langUsage></profileDesc></teiHeader>"""


def tei(body, header="", attributes=""):
    return f'<TEI xmlns="http://www.tei-c.org/ns/1.0"{attributes}>{header}<text><body>{body}</body></text></TEI>'


def test_the_header_tells_of_the_book():
    book = read_tei(tei("<p>words</p>", HEADER, ' xml:lang="en"'))
    assert (book.title, book.language, book.date, book.url) == (
        "La Chute d'un ange",
        "fr",
        "2012-03-01",
        "https://x.org/1",
    )
    assert (book.rights, book.text) == ("https://creativecommons.org/licenses/by-sa/4.0/", "words")


def test_a_book_without_a_header_has_but_its_text():
    book = read_tei(tei("<p>words</p>"))
    assert (book.title, book.language, book.rights, book.date, book.url, book.text) == (None,) * 5 + ("words",)


@pytest.mark.parametrize(
    "header, text, root, language",
    [
        ("", "", ' xml:lang="en"', "en"),
        ("", ' xml:lang="grc"', ' xml:lang="en"', "grc"),
        ("<langUsage><language id='la'/></langUsage>", "", ' xml:lang="en"', "la"),
    ],
)
def test_the_language_of_the_text_counts_before_its_encoders(header, text, root, language):
    header = f"<teiHeader><profileDesc>{header}</profileDesc></teiHeader>"
    assert read_tei(f"<TEI{root}>{header}<text{text}><p>x</p></text></TEI>").language == language


def test_project_gutenbergs_p4_has_a_number_and_a_statement():
    header = """<teiHeader><fileDesc><titleStmt><title>Alice</title></titleStmt><publicationStmt>
    <idno type="etext-no">11</idno><date>June 2008</date><availability><p>Public domain in the USA.</p></availability>
    </publicationStmt></fileDesc></teiHeader>"""
    book = read_tei(
        f"<!DOCTYPE TEI.2 SYSTEM 'x.dtd'><TEI.2>{header}<text><body><p>caf&eacute;</p></body></text></TEI.2>"
    )
    assert (book.url, book.date, book.rights) == (
        "https://www.gutenberg.org/ebooks/11",
        "2008",
        "Public domain in the USA.",
    )
    assert book.text == "café"


@pytest.mark.parametrize(
    "body, text",
    [
        ("<head>Chapter <lb/>I</head><p>It was\n  a dark</p><p>night.</p>", "Chapter I\n\nIt was a dark\n\nnight."),
        ("<lg><l>One</l><l>Two</l></lg><lg><l>Three</l></lg>", "One\nTwo\n\nThree"),
        ("<sp><speaker>A.</speaker><l>To be</l><l>or not</l></sp><sp><speaker>B.</speaker><p>No.</p></sp>",
         "A.\nTo be\nor not\n\nB.\nNo."),
        ("<list><head>H</head><item>a</item><item>b</item></list>", "H\n\na\nb"),
        ("<table><row><cell>1</cell><cell>2</cell></row><row><cell>3</cell></row></table>", "1 | 2\n3"),
        ("<p>he said <quote>no <bibl>Job 3</bibl></quote> twice</p>", "he said no Job 3 twice"),
        ("<quote><p>One</p><p>Two</p></quote>", "One\n\nTwo"),
        ("<docTitle><titlePart>T</titlePart></docTitle><byline>by <docAuthor>A</docAuthor></byline>", "T\n\nby A"),
        ("<p>exam<lb break='no'/>ple and<pb n='3'/>more<cb/>text</p>", "example and more text"),
        ("<p>a <hi rend='italic'>b</hi> <foreign>c</foreign> <supplied>d</supplied></p>", "a b c d"),
        ("<p>before</p><figure><head>A ship</head><figDesc>seen</figDesc></figure>", "before\n\nA ship"),
        ("<p>exam<g ref='char:EOLhyphen'/>ple <seg rend='decorInit'>I</seg>n</p>", "example In"),
        ("loose words", "loose words"),
        ("", ""),
    ],
)  # fmt: skip
def test_text_is_laid_out_in_paragraphs(body, text):
    assert read_tei(tei(body)).text == text


@pytest.mark.parametrize(
    "inside",
    [
        "<note n='1'>A <p>note</p>.</note>",
        "<fw type='header'>RUNNING HEAD</fw>",
        "<app><lem></lem><rdg wit='B'>other</rdg></app>",
        "<del>struck</del>",
        "<gap reason='illegible'><desc>〈◊〉</desc></gap>",
        "<choice><sic>teh</sic></choice>",
        "<ref type='noteAnchor' target='#n1'>1</ref>",
        "<index><term>x</term></index>",
        "<!-- x --><?y z?>",
    ],
)
def test_what_an_editor_laid_over_the_text_goes(inside):
    assert read_tei(tei(f"<p>one {inside}two</p>")).text == "one two"


@pytest.mark.parametrize("kind", ["contents", "toc", "Index", "notes", "footnotes"])
def test_tables_of_contents_and_indexes_go(kind):
    assert read_tei(tei(f"<div1 type='{kind}'><list><item>I 1</item></list></div1><p>x</p>")).text == "x"


@pytest.mark.parametrize(
    "choice, text",
    [
        ("<choice> <sic>teh</sic> <corr>the</corr> </choice>", "the"),
        ("<choice><orig>vp</orig><reg>up</reg></choice>", "up"),
        ("<choice><abbr>Mr</abbr><expan>Mister</expan></choice>", "Mister"),
        ("<sic>teh</sic>", "teh"),
        ("<app><lem>the</lem><rdg>a</rdg></app>", "the"),
        ("<ref target='x'>see there</ref>", "see there"),
    ],
)
def test_of_two_readings_one_stays(choice, text):
    assert read_tei(tei(f"<p>{choice}</p>")).text == text


def test_headers_within_a_corpus_are_not_text():
    member = f"<TEI>{HEADER}<text><p>one</p></text></TEI>"
    assert read_tei(f"<teiCorpus>{HEADER}{member}{member}</teiCorpus>").text == "one\n\none"


@pytest.mark.parametrize(
    "text, reason",
    [
        ("<book><p>x</p></book>", "unknown_markup"),
        ("<TEI><p>x</TEI>", "malformed_markup"),
        ('<!DOCTYPE TEI [<!ENTITY a "b">]><TEI><p>&a;</p></TEI>', "declares_entities"),
        ("<TEI>" + "<div>" * 300, "nested_too_deeply"),
    ],
)
def test_what_cannot_be_read_has_a_reason(text, reason):
    with pytest.raises(BookError) as caught:
        read_tei(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text, answer",
    [
        ("<TEI xmlns='x'>", True),
        ("<?xml version='1.0'?>\n<!DOCTYPE TEI.2>\n<TEI.2>", True),
        ("<tei:TEI xmlns:tei='x'>", True),
        ("<teiCorpus>", True),
        ("<html>", False),
        ("<TEIL>", False),
        ("a text on TEI", False),
    ],
)
def test_tei_is_known_by_its_root(text, answer):
    assert is_tei(text) is answer


@pytest.mark.parametrize(
    "piece", ["<p>x</p>", "<l>", "x ", "<lb/>", "<note>x</note>", "<cell>x</cell>", "<title>x</title>"]
)
def test_hostile_editions_take_bounded_time(piece):
    before = time.process_time()
    try:
        read_tei(tei(piece * (300_000 // len(piece))))
    except BookError as error:
        assert error.reason in ("nested_too_deeply", "malformed_markup")
    assert time.process_time() - before < 10
