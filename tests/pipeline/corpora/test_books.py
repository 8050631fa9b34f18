"""Books come out of any encoding and out of zips; every real edition starts and ends where its book does."""

import io
import time
import zipfile
from pathlib import Path

import pytest
from archives import zip_of

from filters.books import PUBLIC_DOMAIN
from filters.gutenberg import unwrap
from pipeline.corpora import books
from pipeline.corpora.book_archive import MAX_EXPANSION
from pipeline.corpora.books import BAD_REASONS, COPYRIGHTED, CORPUS, book
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile
from pipeline.source_sections import Books

HEADER = """The Project Gutenberg EBook of Candide, by Voltaire

Title: Candide
       ou l'optimisme

Author: Voltaire

Release Date: November 27, 2006 [EBook #19942]

Language: French

Character set encoding: {charset}

*** START OF THIS PROJECT GUTENBERG EBOOK CANDIDE ***
"""
FRENCH = "Il y avait en Westphalie un jeune garçon à qui la nature avait donné les mœurs les plus douces. « Été »\n" * 5


def read(name, content, **settings):
    return list(CORPUS.read(RawFile.of_bytes(name, content), Books(**settings)))


def test_book_has_everything_that_its_header_says():
    text = HEADER.format(charset="UTF-8") + FRENCH
    (record,) = read("books/19942-0.txt", text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert record == RawDocument(
        key="book",
        text=text,
        title="Candide ou l'optimisme",
        license=PUBLIC_DOMAIN,
        url="https://www.gutenberg.org/ebooks/19942",
        date="2006-11-27",
        language="fr",
    )


@pytest.mark.parametrize(
    "first, title, date",
    [
        ("**The Project Gutenberg Etext of Frankenstein by Mary Shelley**", "Frankenstein", None),
        ("Project Gutenberg's Ontboezemingen, by Gabriel\n\nRelease Date: February, 2004", "Ontboezemingen", "2004-02"),
        ("This is the Project Gutenberg Etext of Through the Looking-Glass", "Through the Looking-Glass", None),
        ("A book of its own\n\nRelease Date: 2004", None, None),
    ],
)
def test_old_headers_tell_the_title_in_their_first_line(first, title, date):
    record = book("book", f"{first}\n\ntext".encode())
    assert (record.title, record.date, record.language, record.url) == (title, date, None, None)


@pytest.mark.parametrize(
    "line, date, number",
    [
        ("April, 1994  [Etext #120]", "1994-04", "120"),
        ("***This Edition Is Being Officially Released On March 8, 1994***", "1994-03-08", None),
        ("Official release date October 31, 1993", "1993-10-31", None),
        ("[Originally released February/March, 1991 as Etext #12]", None, "12"),
        ("Maytime, 1994  [Etext #120]", None, "120"),
        ("It was in April, 1994, that Etext #120 came", None, None),
        ("May, 1990 [Etext #7]\nRelease Date: June 17, 2008 [EBook #84]", "2008-06-17", "7"),
    ],
)
def test_old_headers_tell_date_and_number_in_their_own_ways(line, date, number):
    record = book("book", f"The Project Gutenberg Etext of X\n{line}\n\ntext".encode())
    assert (record.date, record.url) == (date, number and f"https://www.gutenberg.org/ebooks/{number}")


@pytest.mark.parametrize(
    "line, license", [("** This is a COPYRIGHTED Project Gutenberg eBook **", COPYRIGHTED), ("", PUBLIC_DOMAIN)]
)
def test_copyrighted_book_says_so(line, license):
    assert book("book", f"The Project Gutenberg EBook of X\n{line}\n".encode()).license == license


@pytest.mark.parametrize("content, text", [(b"a\r\nb\rc\nd", "a\nb\nc\nd"), (b"", "")])
def test_line_ends_become_line_feeds(content, text):
    assert book("book", content).text == text


@pytest.mark.parametrize(
    "content, reason",
    [(b"\x7fELF\x00\x00", "binary"), (b"\xff\xfea\xd8", "undecodable"), (b"\xff\xfeabc", "undecodable")],
)
def test_what_is_no_text_is_a_bad_record(content, reason):
    (record,) = read("x.txt", content)
    assert (record.reason, record.size, record.raw) == (reason, len(content), content)


@pytest.mark.parametrize("size, good", [(100, True), (101, False)])
def test_size_of_a_book_is_bounded(size, good):
    (record,) = read("x.txt", b"x" * size, max_book_bytes=100)
    assert isinstance(record, RawDocument) is good
    assert good or (record.reason, record.size) == ("book_too_large", 101)


def zipped(**members):
    return zip_of({name.replace("_", "."): text for name, text in members.items()})


def test_a_book_of_another_origin_has_unknown_rights():
    record = book("book", b"A TITLE\n\nIt was a dark night.")
    assert (record.text, record.license, record.title) == ("A TITLE\n\nIt was a dark night.", None, None)


@pytest.mark.parametrize(
    "masthead, license",
    [
        ("* A Project Gutenberg of Australia eBook *", "Public domain in Australia"),
        ("* A Project Gutenberg Canada Ebook *", "Public domain in Canada"),
    ],
)
def test_sister_projects_speak_for_their_own_country(masthead, license):
    assert book("book", f"Title: X\n{masthead}\n\ntext".encode()).license == license


HTML = "<html lang='en'><head><title>Emma</title></head><body><p>It was a\ndark night.</p></body></html>"
TEI = "<TEI><teiHeader/><text xml:lang='fr'><body><p>Il était une fois.</p></body></text></TEI>"


@pytest.mark.parametrize(
    "name, content, text, title, language",
    [
        ("a.htm", HTML, "It was a dark night.", "Emma", "en"),
        ("a.html", "<p>no root", "no root", None, None),
        ("a.xml", TEI, "Il était une fois.", None, "fr"),
        ("a.txt", f"<?xml version='1.0'?>{TEI}", "Il était une fois.", None, "fr"),
        ("a.txt", "<<THIS>>\n", "<<THIS>>\n", None, None),
        ("a.txt", "<!-- a note -->\nwords", "<!-- a note -->\nwords", None, None),
        ("a.txt", "words\x1a", "words", None, None),
    ],
)
def test_books_in_markup_are_read_as_text(name, content, text, title, language):
    (record,) = read(name, content.encode())
    assert (record.text, record.title, record.language, record.license) == (text, title, language, None)


def test_gutenbergs_pages_say_what_its_texts_say():
    paragraphs = "".join(f"<p>{line}</p>" for line in HEADER.format(charset="UTF-8").split("\n"))
    (record,) = read("19942-h.htm", f"<html><body>{paragraphs}<p>{FRENCH}</p></body></html>".encode())
    assert (record.date, record.language, record.license) == ("2006-11-27", "fr", PUBLIC_DOMAIN)
    assert unwrap(record.text).text == " ".join(FRENCH.split())


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("a.xml", "<book><p>x</p></book>", "unknown_markup"),
        ("a.xml", "words", "unknown_markup"),
        ("a.xml", "<TEI><p>", "malformed_markup"),
        ("a.xml", "<!DOCTYPE TEI [<!ENTITY a 'b'>]><TEI/>", "declares_entities"),
        ("a.xml", "<TEI>" + "<p>" * 1000, "nested_too_deeply"),
        ("a.htm", "<html>" + "<div>" * 1000, "nested_too_deeply"),
    ],
)
def test_markup_that_cannot_be_read_is_a_bad_record(name, content, reason):
    (record,) = read(name, content.encode())
    assert (record.key, record.reason, record.size) == ("book", reason, len(content))


def epub(**members):
    package = (
        '<package><metadata><title>Emma</title><rights>CC0</rights></metadata><manifest><item id="a" href="a.xhtml"'
        ' media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    container = '<container><rootfile full-path="p.opf"/></container>'
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in ({"META-INF/container.xml": container, "p.opf": package, "a.xhtml": HTML} | members).items():
            archive.writestr(name, text)
    return content.getvalue()


def test_an_epub_is_one_book():
    (record,) = read("emma.epub", epub())
    assert (record.key, record.text, record.title, record.license) == (
        "book",
        "It was a dark night.",
        "Emma",
        "CC0-1.0",
    )


def test_an_epub_that_cannot_be_read_is_a_bad_record():
    content = epub(**{"META-INF/rights.xml": "<rights/>"})
    (record,) = read("emma.epub", content)
    assert (record.key, record.reason, record.size) == ("book", "encrypted_book", len(content))


def test_a_zip_without_texts_gives_its_books_in_markup():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in {"11-h/11-h.htm": HTML, "11-h/a.jpg": "x", "b.epub": epub(), "c.epub": b"PK"}.items():
            archive.writestr(name, text)
    one, two, bad = read("11-h.zip", content.getvalue())
    assert [(one.key, one.text), (two.key, two.text)] == [
        ("11-h/11-h.htm", "It was a dark night."),
        ("b.epub", "It was a dark night."),
    ]
    assert (bad.key, bad.reason) == ("c.epub", "broken_archive")


def test_texts_of_a_zip_come_before_its_pages():
    assert [record.key for record in read("11.zip", zipped(a_txt="one", b_htm=HTML))] == ["a.txt"]


def test_a_line_of_a_hundred_megabytes_takes_bounded_time():
    before = time.process_time()
    (record,) = read("a.txt", b"word " * (20 << 20), max_book_bytes=1 << 30)
    assert len(unwrap(record.text).text) == 100 << 20
    (record,) = read("a.txt", b"word " * (20 << 20))
    assert record.reason == "book_too_large"
    assert time.process_time() - before < 20


def test_zip_holds_a_book_a_text_member():
    records = read("11.zip", zipped(a_txt="one", b_TXT="two", c_jpg="three"))
    assert [(record.key, record.text) for record in records] == [("a.txt", "one"), ("b.TXT", "two")]


@pytest.mark.parametrize(
    "text, limit, reason",
    [("x" * 1001, 1000, "book_too_large"), ("x" * 1_000_000, 1 << 30, "expands_too_much"), ("a\x00b", 1000, "binary")],
)
def test_bad_member_of_a_zip_is_a_bad_record(text, limit, reason):
    assert MAX_EXPANSION * 1000 < 1_000_000
    bad, good = read("11.zip", zipped(a_txt=text, b_txt="two"), max_book_bytes=limit)
    assert (bad.key, bad.reason, good.text) == ("a.txt", reason, "two")


@pytest.mark.parametrize("cut", [slice(0, -30), slice(0, 20)])
def test_damaged_zip_is_a_bad_record(cut):
    (record,) = read("11.zip", zipped(a_txt="one" * 100)[cut])
    assert (record.key, record.reason) == ("zip", "broken_archive")


def test_damaged_member_costs_only_itself():
    content = bytearray(zipped(a_txt="one two three four", b_txt="two"))
    content[38] ^= 0xFF
    bad, good = read("11.zip", bytes(content))
    assert (bad.reason, good.text) == ("broken_archive", "two")


@pytest.mark.parametrize("value", [0, 1, 9, 14, 93, 255])
def test_a_wrong_byte_anywhere_in_a_zip_has_a_reason(value):
    content = zipped(a_txt="one two three four", b_txt="two")
    for at in range(4, len(content)):
        records = read("11.zip", content[:at] + bytes([value]) + content[at + 1 :])
        assert records
        assert {record.reason for record in records if isinstance(record, BadRecord)} <= set(BAD_REASONS)


@pytest.mark.parametrize("size, good", [(100, True), (101, False)])
def test_size_of_a_book_in_a_zip_is_bounded(size, good):
    (record,) = read("11.zip", zipped(a_txt="x y z " * 16 + "x" * (size - 96)), max_book_bytes=100)
    assert isinstance(record, RawDocument) is good
    assert good or record.reason == "book_too_large"


def test_a_zip_without_a_book_is_told():
    content = zipped(a_jpg="three")
    (record,) = read("11.zip", content)
    assert (record.key, record.reason, record.size) == ("zip", "no_book", len(content))


@pytest.mark.parametrize("bound, reasons", [(2, []), (1, ["too_many_members"])])
def test_books_above_the_number_that_is_read_are_told(monkeypatch, bound, reasons):
    monkeypatch.setattr(books, "MAX_MEMBERS", bound)
    records = read("11.zip", zipped(a_txt="one", b_txt="two", c_jpg="three"))
    assert [record.text for record in records if isinstance(record, RawDocument)] == ["one", "two"][:bound]
    assert [record.reason for record in records if isinstance(record, BadRecord)] == reasons


def test_a_member_packed_in_a_damaged_way_costs_only_itself():
    content = bytearray(zipped(a_txt="one two three four", b_txt="two"))
    content[content.index(b"PK\1\2") + 10] = zipfile.ZIP_LZMA
    content[35 : 35 + 9] = b"\x09\x04\x05\x00" + b"\xff" * 5
    bad, good = read("11.zip", bytes(content))
    assert (bad.key, bad.reason, good.text) == ("a.txt", "broken_archive", "two")


def test_the_faithful_mode_takes_off_wrappers_alone():
    assert [rule.name for rule in CORPUS.filters(Books(mode="faithful"))] == ["books_wrapper"]
    assert [rule.name for rule in CORPUS.filters(Books())] == ["books_public_domain", "books_wrapper", "min_chars"]


@pytest.mark.real
def test_every_real_edition_starts_and_ends_with_its_book(real_data):
    """Each book's first and last line are as tests/golden/books/real-editions.tsv says."""
    table = Path(__file__).parents[2] / "golden/books/real-editions.tsv"
    expected, edges = {tuple(line.split("\t")) for line in table.read_text().splitlines()}, set()
    for path in (real_data / "books").rglob("*.txt"):
        record = book("book", path.read_bytes())
        assert not isinstance(record, BadRecord)
        lines = [line.strip() for line in unwrap(record.text).text.split("\n") if line.strip()]
        edges.add((path.name, lines[0], lines[-1]))
    assert edges == expected
