"""Dumps become documents with language, namespace, licence and cited pages; the real ones lose nothing unexplained."""

import bz2
import gzip
import lzma
import random
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import pytest

from pipeline.corpora import wikidump
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile, document_batches
from pipeline.corpora.wikipage import Site
from pipeline.corpora.wikipedia import BAD_REASONS, CORPUS, SeenIds, check_wikipedia, dump_language
from pipeline.errors import SettingError
from pipeline.source_sections import Wikipedia

PAGE = (
    "<page><title>Zoë's page</title>{ns}<id>12</id><revision><timestamp>{time}</timestamp>"
    "<text>'''Zoë'''&lt;ref&gt;http://a.example&lt;/ref&gt;</text></revision></page>"
)


def dump(ns="<ns>0</ns>", time="2022-06-01T10:00:00Z", site=""):
    return f"<mediawiki>{site}{PAGE.format(ns=ns, time=time)}</mediawiki>".encode()


def read(name, content):
    return list(CORPUS.read(RawFile.of_bytes(name, content), Wikipedia()))


@pytest.mark.parametrize("content", [b"", bz2.compress(b""), b"<mediawiki></mediawiki>"])
def test_a_dump_without_a_page_is_told(content):
    (record,) = read("wikipedia/dewiki.xml", content)
    assert (record.key, record.reason, record.size) == ("0", "no_pages", len(content))


def test_document_has_everything_that_the_dump_says():
    (record,) = read("wikipedia/dewiki-20220620-pages-articles.xml.bz2", bz2.compress(dump()))
    assert record == RawDocument(
        key="12",
        text="'''Zoë'''<ref>http://a.example</ref>",
        title="Zoë's page",
        license="CC-BY-SA-3.0",
        url="https://de.wikipedia.org/wiki/Zo%C3%AB%27s_page",
        date="2022-06-01T10:00:00Z",
        dump="dewiki-20220620",
        path="0",
        language="de",
        cited_urls=("http://a.example",),
    )


@pytest.mark.parametrize(
    "name, time, license",
    [
        ("enwiki-20230601-x.xml", "2022-06-01T00:00:00Z", "CC-BY-SA-3.0"),
        ("enwiki-20230620-x.xml", "2022-06-01T00:00:00Z", "CC-BY-SA-4.0"),
        ("enwiki.xml", "2023-06-06T00:00:00Z", "CC-BY-SA-3.0"),
        ("enwiki.xml", "2023-06-07T00:00:00Z", "CC-BY-SA-4.0"),
    ],
)
def test_licence_is_the_one_of_the_dumps_day(name, time, license):
    assert read(name, dump(time=time))[0].license == license


@pytest.mark.parametrize(
    "name, site, language",
    [
        ("a/frwiki-minidump.xml.bz2", Site(language="en", dbname="enwiki"), "fr"),
        ("zh_yuewiki-20220601.xml", Site(), "zh-yue"),
        ("smallwiki-latest.xml", Site(language="ltg", dbname="ltgwiki"), "ltg"),
        ("tinywiki.xml", Site(dbname="tmp-wp", base="https://ltg.wikipedia.org/wiki/X"), "ltg"),
        ("export.xml", Site(language="sv"), "sv"),
        ("dewiktionary-20220601.xml", Site(dbname="dewiktionary"), "und"),
        ("export.xml", Site(), "und"),
    ],
)
def test_language_is_the_file_names_else_the_sites(name, site, language):
    assert dump_language(name, site) == language


def test_an_export_whose_name_says_nothing_is_dated_by_its_pages():
    (record,) = read(
        "export.xml", dump(time="2023-06-07T10:00:00Z", site="<siteinfo><dbname>svwiki</dbname></siteinfo>")
    )
    assert (record.language, record.dump, record.license) == ("sv", "svwiki", "CC-BY-SA-4.0")
    assert record.url == "https://sv.wikipedia.org/wiki/Zo%C3%AB%27s_page"


def test_namespace_of_an_old_export_follows_from_the_title():
    site = '<siteinfo><namespaces><namespace key="1">Talk</namespace></namespaces></siteinfo>'
    content = dump(ns="", site=site).replace(b"<title>", b"<title>Talk:")
    (record,) = read("enwiki.xml", content)
    assert (record.path, record.cited_urls) == ("1", None)


def test_redirect_element_is_told_in_the_path():
    (record,) = read("enwiki.xml", dump(ns='<ns>0</ns><redirect title="B" />'))
    assert record.path == "0/redirect"


def test_all_bad_reasons_are_declared():
    broken = dump().replace(b"<text>", b"<text><")
    reasons = {record.reason for record in read("enwiki.xml", broken) if isinstance(record, BadRecord)}
    assert reasons == {"malformed_xml"} <= set(BAD_REASONS)


def test_rules_of_the_recipe_reach_the_filters():
    (rule, *_) = CORPUS.filters(Wikipedia(languages=("sv",)))
    assert rule.languages == ("sv",)


def in_parts(name, content, parts, beside=None, **settings):
    """Records of each part of a dump, with files that lie beside it."""
    files = {other: RawFile.of_bytes(other, data) for other, data in (beside or {}).items()}
    whole = replace(RawFile.of_bytes(name, content), beside=files.get, parts=parts)
    return [list(CORPUS.read(replace(whole, part=n), Wikipedia(**settings))) for n in range(1, parts + 1)]


HEADER = (
    '{declared}<mediawiki xml:lang="de"><siteinfo><dbname>dewiki</dbname><namespaces>'
    '<namespace key="1">Diskussion</namespace></namespaces></siteinfo>\n'
)
PAGES = (
    "<page><title>Diskussion:T{n}</title><id>{n}</id><revision><text>text {n}</text></revision></page>\n",
    "<page><title>T{n}</title><revision><text>no id, {n} ä</text></revision></page>\n",
    "<page><title>T{n}</title><id>{n}</id><revision><text>&bad;</text></revision></page>",
    "<page><title>T{n}</title><id>{n}</id><revision><text>" + "large " * 50 + "</text></revision></page>",
    "<page><title>T{n}</title><id>{n}</id><revision><text>cut",
    "<!-- between -->",
)


def random_dump(chance, *, packed):
    """A dump with pages of all kinds, good and bad; packed into streams that are cut anywhere, or at pages."""
    declared = chance.choice(["", '<?xml version="1.0" encoding="ISO-8859-1"?>', '<?xml version="1.0"?>'])
    kinds = chance.choice([PAGES[:1], PAGES[:2], PAGES])
    pieces = [HEADER.format(declared=declared)] + [
        chance.choice(kinds).format(n=n) for n in range(chance.randrange(30))
    ]
    pieces += ["</mediawiki>"] * chance.choice([1, 1, 0])
    if not packed:
        return "".join(pieces).encode()
    if chance.random() < 0.5:
        text = "".join(pieces)
        cuts = sorted(chance.randrange(len(text)) for _ in range(10))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    content = bytearray(b"".join(bz2.compress(piece.encode()) for piece in pieces))
    for _ in range(chance.choice([0, 0, 1, 3])):
        content[chance.randrange(10, len(content))] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_the_parts_together_give_what_the_whole_gives(seed, packed):
    chance = random.Random(seed)
    content = random_dump(chance, packed=packed)
    whole = in_parts("dewiki.xml", content, 1, max_page_bytes=200)[0]
    for parts in (2, 3, chance.randrange(4, 40)):
        found = [record for part in in_parts("dewiki.xml", content, parts, max_page_bytes=200) for record in part]
        assert found == whole


@pytest.mark.parametrize("size", [1, 3, 7, 50])
@pytest.mark.parametrize("seed", range(6))
def test_it_does_not_matter_in_what_pieces_a_part_is_read(seed, size, monkeypatch):
    content = random_dump(random.Random(seed), packed=seed % 2 == 0)
    monkeypatch.setattr(wikidump, "CHUNK_BYTES", size)
    whole = in_parts("dewiki.xml", content, 1)[0]
    assert [record for part in in_parts("dewiki.xml", content, 5) for record in part] == whole


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(dump()),
        lzma.compress(dump()),
        f'<?xml version="1.0" encoding="UTF-16"?>{dump().decode()}'.encode("utf-16"),
        b'<!DOCTYPE m [<!ENTITY a "x">]>' + dump(),
        b"7z\xbc\xaf\x27\x1c",
    ],
)
def test_what_cannot_be_split_is_read_by_the_first_part(content):
    first, *others = in_parts("dewiki.xml", content, 3)
    assert (len(first), others) == (1, [[], []])


@pytest.mark.parametrize("parts", [1, 3])
def test_a_dump_without_a_page_is_told_once(parts):
    content = f"<mediawiki>{' ' * 1000}</mediawiki>".encode()
    found = [record.reason for part in in_parts("dewiki.xml", content, parts) for record in part]
    assert found == ["no_pages"]


@pytest.mark.parametrize(
    ("name", "size", "units"),
    [
        ("enwiki-20220720-pages-articles-multistream.xml.bz2", 1000, 10),
        ("enwiki-20220720-pages-articles1.xml-p1p41242.bz2", 1001, 11),
        ("enwiki-20220720-pages-articles1.xml-p1p41242", 200, 2),
        ("enwiki.xml", 100, 1),
        ("enwiki.xml", 0, 1),
        ("enwiki.xml.gz", 1000, 1),
        ("enwiki.xml.xz", 1000, 1),
        ("enwiki.xml.7z", 1000, 1),
    ],
)
def test_how_many_parts_a_dump_has_follows_from_its_name_and_size(name, size, units):
    assert CORPUS.parts(name, size, Wikipedia(part_bytes=100)) == units


def multistream(*texts, listed=None):
    """A dump of a stream each, and its index, which lists what it should or `listed`."""
    streams = [bz2.compress(HEADER.format(declared="").encode())]
    lines = []
    for n, text in enumerate(texts, 1):
        lines.append(f"{sum(map(len, streams))}:{n}:T{n}\n")
        streams.append(bz2.compress(PAGES[0].format(n=n).replace("text", text).encode()))
    streams.append(bz2.compress(b"</mediawiki>"))
    return b"".join(streams), "".join(lines if listed is None else listed(lines))


MULTISTREAM = "dewiki-20220720-pages-articles-multistream.xml.bz2"
INDEX = "dewiki-20220720-pages-articles-multistream-index.txt"


@pytest.mark.parametrize("ending", ["", ".bz2"])
def test_an_index_that_is_right_says_nothing(ending):
    content, lines = multistream(*"abcdefgh")
    index = bz2.compress(lines.encode()) if ending else lines.encode()
    for parts in (1, 4):
        found = in_parts(MULTISTREAM, content, parts, {INDEX + ending: index})
        assert [record.key for part in found for record in part] == [str(n) for n in range(1, 9)]


@pytest.mark.parametrize(
    ("listed", "reason", "detail"),
    [
        (lambda lines: lines[:-2], "index_differs", "2 of 8 streams differ"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "index_differs", "1 of 8 streams differ"),
        (lambda lines: [*lines[:3], f"{int(lines[2].split(':')[0]) + 5}:7:T\n", *lines[3:]], "index_differs", "1 of 9"),
        (lambda lines: [*lines, "99999999:7:T\n"], "index_unusable", "byte 99999999 after"),
        (lambda lines: lines[::-1], "index_unusable", "after byte"),
        (lambda lines: ["-5:1:T\n", *lines], "index_unusable", "no offset:page:title"),
        (lambda lines: lines[:1] * 1_000_000, "index_differs", "8 of 8 streams differ"),
        (lambda lines: [], "index_unusable", "it lists nothing"),
        (lambda lines: ["x" * 100_000], "index_unusable", "a line of more than"),
    ],
)
def test_an_index_that_is_wrong_is_told_and_every_page_is_read(listed, reason, detail):
    content, lines = multistream(*"abcdefgh", listed=listed)
    for parts in (1, 4):
        records = [r for part in in_parts(MULTISTREAM, content, parts, {INDEX: lines.encode()}) for r in part]
        pages = [record.key for record in records if isinstance(record, RawDocument)]
        bad = [record for record in records if isinstance(record, BadRecord)]
        assert pages == [str(n) for n in range(1, 9)]
        assert {record.reason for record in bad} == {reason}
        assert parts > 1 or detail in bad[0].detail


def test_a_damaged_stream_says_how_many_pages_it_cost_and_the_index_is_not_blamed():
    content, lines = multistream(*"abcdefgh")
    spoiled = bytearray(content)
    spoiled[int(lines.splitlines()[4].split(":")[0]) + 30] ^= 0xFF
    (records,) = in_parts(MULTISTREAM, bytes(spoiled), 1, {INDEX: lines.encode()})
    (bad,) = [record for record in records if isinstance(record, BadRecord)]
    assert (len(records), bad.reason) == (8, "damaged_stream")
    assert bad.detail.endswith("1 pages by the index")


def test_a_page_id_that_comes_again_gets_its_place():
    content = f"<mediawiki>{PAGES[0].format(n=7) * 2}{PAGES[0].format(n=99999999999)}</mediawiki>".encode()
    first, second, third = (record.key for record in read("dewiki.xml", content))
    assert (first, second) == ("7", f"7@byte:{len('<mediawiki>') + len(PAGES[0].format(n=7))}")
    assert third.startswith("99999999999@byte:")


@pytest.mark.parametrize("page_id", ["1073741824", "x", "-3", "²", "0" * 5000])
def test_an_id_that_no_wiki_reaches_takes_no_memory(page_id):
    seen = SeenIds()
    assert seen.key(page_id, "byte:5") == f"{page_id[:40]}@byte:5"
    assert seen.key("", "byte:5") == "byte:5"
    assert len(seen._bits) == 0


@pytest.mark.parametrize(
    "mode, by_text, last", [("intended", True, "wikipedia_wikitext"), ("faithful", False, "wikipedia_huggingface")]
)
def test_the_mode_chooses_the_rules(mode, by_text, last):
    rules = CORPUS.filters(Wikipedia(mode=mode))
    assert [rule.name for rule in rules] == ["wikipedia_language", "wikipedia_namespace", "wikipedia_redirect", last]
    assert rules[2].by_text is by_text


@pytest.mark.parametrize(
    "mode, sources, stages, told",
    [
        ("faithful", ("wikipedia",), ("clean",), True),
        ("faithful", ("books",), ("clean",), False),
        ("faithful", ("wikipedia",), ("tokenize",), False),
        ("intended", ("wikipedia",), ("clean",), False),
    ],
)
def test_a_library_that_is_not_there_is_told_before_any_work(monkeypatch, mode, sources, stages, told):
    monkeypatch.setattr("pipeline.corpora.wikipedia.find_spec", lambda name: None)
    message = r'wikipedia.mode = "faithful" needs .*: install tokenmill\[mwparserfromhell\]'
    with pytest.raises(SettingError, match=message) if told else nullcontext():
        check_wikipedia(Wikipedia(mode=mode), sources, stages)


def test_a_library_that_is_there_is_enough():
    pytest.importorskip("mwparserfromhell", reason="mwparserfromhell is not installed")
    check_wikipedia(Wikipedia(mode="faithful"), ("wikipedia",), ("clean",))


def clean(path, name, mode="intended"):
    file = RawFile(name=name, size=path.stat().st_size, opener=lambda: path.open("rb"))
    records = list(CORPUS.read(file, Wikipedia()))
    good = [record for record in records if isinstance(record, RawDocument)]
    tally, kept = Counter(record.reason for record in records if isinstance(record, BadRecord)), []
    for raw in document_batches("wikipedia", file, good):
        batch = raw
        for rule in CORPUS.filters(Wikipedia(mode=mode)):
            result = rule.apply(batch)
            tally.update(reason for reason in result.reason.to_pylist() if reason)
            batch = result.batch.filter(result.reason.is_null())
        kept += batch.to_pylist()
    return kept, tally


@pytest.mark.real
@pytest.mark.parametrize(
    "path, kept, rejected",
    [
        ("enwiki-simplewiki-wikidump/enwiki-10k.xml", 68, {"redirect": 85, "not_an_article": 43}),
        ("enwiki-simplewiki-wikidump/simplewiki.xml.bz2", 0, {"language_not_kept": 7}),
        ("ltgwiki-full/smallwiki-latest-pages-articles.xml", 0, {"language_not_kept": 2004}),
        ("pywikibot-xml/article-pear.xml", 1, {}),
        ("pywikibot-xml/article-pyrus-utf16.xml.bz2", 0, {"redirect": 1}),
        ("pywikibot-xml/article-pyrus.xml.7z", 0, {"unsupported_compression": 1}),
        ("pywikibot-xml/article-pyrus.xml_invalid.7z", 0, {"malformed_xml": 1}),
    ],
)
def test_real_dump_is_accounted_for(real_data, path, kept, rejected):
    documents, tally = clean(real_data / "wikipedia" / path, path)
    assert (len(documents), dict(tally)) == (kept, rejected)


@pytest.mark.real
def test_faithful_leaves_the_marks_that_the_script_leaves(real_data):
    name = "hrwiki-minidump.xml.bz2"
    path = real_data / "wikipedia" / "dbpedia-minidumps" / name
    intended, faithful = (clean(path, name, mode)[0][0]["text"] for mode in ("intended", "faithful"))
    marks = ("Berlin () je", "\n\nIzvori\n\nVanjske", "\nNjemačke pokrajine\n")  # A hole, a heading, a category.
    assert [mark in faithful for mark in marks] == [True, True, True]
    assert [mark in intended for mark in marks] == [False, False, False]


@pytest.mark.real
@pytest.mark.parametrize("language", Wikipedia().languages)
def test_real_article_is_free_of_markup(real_data, language):
    name = f"{language}wiki-minidump.xml.bz2"
    documents, _ = clean(real_data / "wikipedia" / "dbpedia-minidumps" / name, name)
    for document in documents:
        marks = [mark for mark in ("{{", "[[", "<ref", "|thumb", "( ,", "()", "''") if mark in document["text"]]
        assert (document["language"], marks) == (language, []) or document["title"] == "Kerala Agricultural University"
    assert documents
