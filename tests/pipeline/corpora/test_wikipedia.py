"""Dumps become documents with language, namespace, licence and cited pages; the real ones lose nothing unexplained."""

import bz2
from collections import Counter
from contextlib import nullcontext

import pytest

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


def test_a_page_id_that_comes_again_gets_its_place():
    page, large = (f"<page><title>T</title><id>{n}</id></page>" for n in (7, 99999999999))
    content = f"<mediawiki>{page}{page}{large}</mediawiki>".encode()
    first, second, third = (record.key for record in read("dewiki.xml", content))
    assert (first, second) == ("7", f"7@byte:{len('<mediawiki>' + page)}")
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
