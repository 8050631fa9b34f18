"""Pages come out of an export in any chunks; a broken page costs only itself."""

import pytest

from pipeline.corpora import wikixml
from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.wikixml import Page, Site, pages

LIMIT = 10_000
HEAD = (
    '<mediawiki xml:lang="de"><siteinfo><sitename>Wikipedia</sitename><dbname>dewiki</dbname>'
    '<base>https://de.wikipedia.org/wiki/X</base><namespaces><namespace key="1">Diskussion</namespace>'
    '<namespace key="0" /></namespaces></siteinfo>'
)


def page(number, text="text", extra=""):
    revision = f"<revision><id>{number}9</id><timestamp>2022-06-0{number}T00:00:00Z</timestamp><contributor>"
    return (
        f"<page><title>T{number}</title><ns>0</ns><id>{number}</id>{extra}{revision}<username>U</username><id>77</id></contributor>"
        f"<text>{text}</text></revision></page>"
    )


def read(*chunks, limit=LIMIT):
    return list(pages([c.encode() if isinstance(c, str) else c for c in chunks], Site(), limit))


def summary(records):
    return [record.reason if isinstance(record, BadRecord) else record.id for record in records]


def test_page_has_its_fields():
    (record,) = read(HEAD + page(1, "a &lt;ref&gt; ß", "<redirect title='B' />") + "</mediawiki>")
    assert record == Page(
        title="T1",
        ns="0",
        id="1",
        timestamp="2022-06-01T00:00:00Z",
        text="a <ref> ß",
        text_bytes=10,
        redirect=True,
        number=1,
    )


def test_site_is_read():
    site = Site()
    list(pages([(HEAD + "</mediawiki>").encode()], site, LIMIT))
    assert site == Site(
        language="de",
        dbname="dewiki",
        base="https://de.wikipedia.org/wiki/X",
        sitename="Wikipedia",
        namespaces={"Diskussion": "1", "": "0"},
    )


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_chunks_may_end_anywhere(size):
    content = (HEAD + page(1, "ä" * 50) + page(2) + "</mediawiki>").encode()
    records = list(pages([content[at : at + size] for at in range(0, len(content), size)], Site(), LIMIT))
    assert [(record.id, record.text) for record in records] == [("1", "ä" * 50), ("2", "text")]


def test_latest_of_several_revisions_is_taken():
    revisions = "".join(f"<revision><text>{text}</text></revision>" for text in ("old", "new"))
    (record,) = read(f"<mediawiki><page><id>5</id>{revisions}</page></mediawiki>")
    assert (record.id, record.text) == ("5", "new")


@pytest.mark.parametrize("size, reasons", [(10, ["1"]), (11, ["page_too_large"])])
def test_size_of_a_page_is_bounded(size, reasons):
    assert summary(read(HEAD + page(1, "x" * size) + "</mediawiki>", limit=10)) == reasons


def test_page_that_is_too_large_says_how_large_and_the_next_is_read():
    large, fine = read(HEAD + page(1, "é" * 9) + page(2) + "</mediawiki>", limit=10)
    assert (large.key, large.size, large.raw) == ("1", 18, ("é" * 9).encode())
    assert fine.id == "2"


@pytest.mark.parametrize("broken", ["<b>", "a < b", "\x01", "&undefined;", "</title>"])
def test_malformed_page_costs_only_itself(broken):
    content = HEAD + page(1) + page(2, broken) + page(3) + page(4) + "</mediawiki>"
    assert summary(read(content)) == ["1", "malformed_xml", "3", "4"]


def test_reading_goes_on_where_the_next_page_lies_in_a_later_chunk():
    content = HEAD + page(1, "\x01") + "<pa"
    assert summary(read(content, "ge>" + page(2)[6:] + "</mediawiki>")) == ["malformed_xml", "2"]


def test_gap_costs_the_page_that_it_cuts():
    gap = BadRecord(key="byte:1", reason="damaged_stream")
    assert summary(read(HEAD + page(1) + page(2)[:50], gap, page(3)[60:] + page(4) + "</mediawiki>")) == [
        "1",
        "damaged_stream",
        "malformed_xml",
        "4",
    ]


def test_gap_between_pages_costs_no_page():
    gap = BadRecord(key="byte:1", reason="damaged_stream")
    assert summary(read(HEAD + page(1), gap, page(3) + "</mediawiki>")) == ["1", "damaged_stream", "3"]


def test_part_without_a_root_is_read():
    assert summary(read("  " + page(1) + page(2))) == ["1", "2"]


@pytest.mark.parametrize("end", ["", "<page><title>cut"])
def test_file_that_ends_early_is_told(end):
    assert summary(read(HEAD + page(1) + end)) == ["1", "truncated_xml"]


def test_empty_file_has_nothing_to_tell():
    assert read() == []


def test_something_else_is_malformed():
    assert summary(read("random bytes \x00\x01")) == ["malformed_xml"]


@pytest.mark.parametrize(
    "declaration",
    ['<!ENTITY a "x">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY % a "x">'],
)
def test_entities_are_refused_and_nothing_after_them_is_read(declaration):
    content = f"<!DOCTYPE m [{declaration}]><mediawiki>{page(1, '&amp;')}</mediawiki>"
    assert summary(read(content, page(2))) == ["entity_declared"]


def test_utf16_is_read():
    content = ('<?xml version="1.0" encoding="UTF-16"?>' + HEAD + page(1, "ä€") + "</mediawiki>").encode("utf-16")
    (record,) = read(content)
    assert record.text == "ä€"


@pytest.mark.parametrize("name", ["utf-9", "gb2312", "hex", "idna", "undefined", "x" * 500])
@pytest.mark.parametrize("size", [1, 100_000])
def test_an_encoding_that_no_export_has_is_told_and_the_pages_are_read(name, size):
    content = (f'<?xml version="1.0" encoding="{name}"?>' + HEAD + page(1, "ä€") + "</mediawiki>").encode()
    bad, good = read(*(content[at : at + size] for at in range(0, len(content), size)))
    assert (bad.reason, name[:40] in bad.detail, len(bad.detail) < 100) == ("malformed_xml", True, True)
    assert (good.id, good.text) == ("1", "ä€")


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "ISO-8859-1", "US-ASCII"])
def test_an_encoding_that_an_export_may_have_is_read(name):
    content = f'<?xml version="1.0" encoding="{name}"?>{HEAD}{page(1, "plain")}</mediawiki>'.encode(name)
    assert [record.text for record in read(content)] == ["plain"]


def test_latin_1_is_read_where_it_is_declared():
    content = f'<?xml version="1.0" encoding="ISO-8859-1"?>{HEAD}{page(1, "café")}</mediawiki>'
    assert [record.text for record in read(content.encode("latin-1"))] == ["café"]


def test_utf16_ends_at_a_fault_since_no_page_can_be_found_in_it():
    content = (HEAD + page(1) + page(2, "<") + page(3) + "</mediawiki>").encode("utf-16")
    assert summary(read(content)) == ["1", "malformed_xml"]


def test_tag_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(wikixml, "MAX_TOKEN_BYTES", 1000)
    chunks = [HEAD + "<page a='"] + ["x" * 400] * 10 + ["'>" + page(2) + "</mediawiki>"]
    assert summary(read(*chunks)) == ["malformed_xml", "2"]
