"""Pages come out of an export in any chunks; a broken page costs only itself."""

import pytest

from pipeline.corpora import wikixml
from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.wikidump import Chunk, PartEnd
from pipeline.corpora.wikipage import Page, Site
from pipeline.corpora.wikixml import Head, pages, read_head

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
    return list(pages(pieces(chunks), Site(), limit))


def pieces(chunks):
    """Text, bytes and whatever else a dump may give, as a dump gives it."""
    at = 0
    for chunk in chunks:
        if isinstance(chunk, (str, bytes)):
            data = chunk.encode() if isinstance(chunk, str) else chunk
            yield Chunk(None, at, data)
            at += len(data)
        else:
            yield chunk


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
        place=f"byte:{len(HEAD)}",
    )


def test_site_is_read():
    site = Site()
    list(pages(pieces([HEAD + "</mediawiki>"]), site, LIMIT))
    assert site == Site(
        language="de",
        dbname="dewiki",
        base="https://de.wikipedia.org/wiki/X",
        namespaces={"Diskussion": "1", "": "0"},
    )


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_chunks_may_end_anywhere(size):
    content = (HEAD + page(1, "ä" * 50) + page(2) + "</mediawiki>").encode()
    records = read(*(content[at : at + size] for at in range(0, len(content), size)))
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
        "malformed_xml",
        "damaged_stream",
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
    assert summary(read(content, page(2))) == ["declares_entities"]


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


@pytest.mark.parametrize("split", [0, 1, 3, 6])
def test_a_page_that_begins_within_another_costs_only_that(split):
    content = HEAD + page(1)[:-7] + page(2) + "</mediawiki>"
    at = content.index("<page><title>T2") + split
    cut, good = read(content[:at], content[at:])
    assert (cut.key, cut.reason, cut.detail) == ("1", "malformed_xml", "a page begins within it")
    assert (good.id, good.place) == ("2", f"byte:{at - split}")


def test_what_lies_behind_a_part_is_read_up_to_the_next_page():
    own, behind = HEAD + page(1) + page(2)[:40], page(2)[40:] + "\n" + page(3)
    assert summary(read(own, PartEnd(), behind)) == ["1", "2"]
    assert summary(read(own, PartEnd(), behind[:60], behind[60:])) == ["1", "2"]


def test_nothing_behind_a_part_is_read_where_no_page_is_open():
    def never():
        yield Chunk(None, 0, b"</page> nothing begins here")
        yield PartEnd()
        pytest.fail("more was asked for")

    assert list(pages(never(), Site(), LIMIT, Head())) == []


@pytest.mark.parametrize("split", range(7))
def test_a_page_whose_mark_is_cut_belongs_to_the_part_where_it_begins(split):
    content = page(1) + page(2)
    at = len(page(1)) + split
    first, second = content[:at], content[at:]
    before = read(HEAD, first, PartEnd(), second, "</mediawiki>")
    after = list(pages(pieces([second, "</mediawiki>"]), Site(), LIMIT, Head()))
    assert (summary(before), summary(after)) == ((["1"], ["2"]) if split == 0 else (["1", "2"], []))


def test_damage_behind_a_part_costs_its_open_page_and_is_told_by_the_next_part():
    gap = BadRecord(key="byte:1", reason="damaged_stream")
    assert summary(read(HEAD + page(1)[:40], PartEnd(), gap, page(2))) == ["malformed_xml"]


def test_a_head_says_what_a_later_part_must_know():
    site = Site()
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    assert read_head(pieces([declared + HEAD[:50], HEAD[50:] + page(1)]), site) == Head(encoding="ISO-8859-1")
    assert (site.dbname, site.namespaces["Diskussion"], site.begun.total()) == ("dewiki", "1", 0)


@pytest.mark.parametrize(
    ("content", "head"),
    [
        (b"", Head(empty=True)),
        (HEAD + "</mediawiki>", Head(empty=True)),
        (page(1), Head(rootless=True)),
        ((HEAD + page(1)).encode("utf-16"), Head(splittable=False, empty=True)),
        ('<!DOCTYPE m [<!ENTITY a "x">]>' + HEAD + page(1), Head(splittable=False)),
    ],
)
def test_a_head_says_whether_pages_can_be_looked_for(content, head):
    assert read_head(pieces([content]), Site()) == head


def test_no_more_of_a_head_is_held_than_a_limit(monkeypatch):
    monkeypatch.setattr(wikixml, "MAX_HEAD_BYTES", 100)
    taken = iter([Chunk(None, 0, b"x" * 60), Chunk(None, 60, b"x" * 60), Chunk(None, 120, b"x" * 60)])
    assert read_head(taken, Site()) == Head()
    assert len(list(taken)) == 1


def test_a_part_is_read_in_the_encoding_that_the_head_declares():
    (record,) = pages(
        pieces([page(1, "café").encode("latin-1")]), Site(), LIMIT, Head(encoding="ISO-8859-1", rootless=True)
    )
    assert record.text == "café"


def test_pages_are_counted_by_the_stream_in_which_they_begin():
    site, content = Site(), (HEAD + page(1) + page(2)).encode()
    cut = content.index(b"<page><title>T2") + 3
    list(pages([Chunk(0, 0, content[:cut]), Chunk(500, 0, content[cut:] + b"</mediawiki>")], site, LIMIT))
    assert site.begun == {0: 2}
