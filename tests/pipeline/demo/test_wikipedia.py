import bz2
from collections import Counter

import pytest
from lxml import etree

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.wikipedia import CORPUS
from pipeline.demo import wikipedia
from pipeline.section import WIKIPEDIA_LANGUAGES
from pipeline.source_sections import Wikipedia

CITED = [f"https://tool.manuals.example.org/{n}.html" for n in range(40)]


@pytest.fixture
def dumps(tmp_path, pool, rng):
    wikipedia.write(tmp_path, pool, 60_000, CITED, rng)
    return tmp_path


def dump(folder, language):
    return folder / f"{language}wiki" / f"{language}wiki-20220701-pages-articles-multistream.xml.bz2"


def read(path):
    return list(CORPUS.read(RawFile.of_bytes(f"wikipedia/{path.name}", path.read_bytes()), Wikipedia()))


def test_there_is_a_dump_for_each_language_and_one_that_is_not_wanted(dumps):
    assert sorted(path.name for path in dumps.iterdir()) == sorted(f"{x}wiki" for x in (*WIKIPEDIA_LANGUAGES, "ja"))


def test_english_cites_every_address_it_is_given(dumps):
    cited = [url for record in read(dump(dumps, "en")) for url in getattr(record, "cited_urls", None) or ()]
    assert set(CITED) <= set(cited)


def test_a_whole_dump_is_well_formed(dumps):
    tree = etree.fromstring(bz2.decompress(dump(dumps, "en").read_bytes()))
    spaces = Counter(item.text for item in tree.iterfind(".//{*}page/{*}ns"))
    assert spaces["0"] > 20
    assert spaces["1"] == spaces["10"] == spaces["14"] == 1


def test_the_index_leads_to_the_stream_of_each_page(dumps):
    path = dump(dumps, "de")
    index = bz2.decompress(path.with_name(path.name.replace(".xml", "-index.txt")).read_bytes()).decode()
    offset, number, title = index.splitlines()[-1].split(":", 2)
    stream = bz2.BZ2Decompressor().decompress(path.read_bytes()[int(offset) :]).decode()
    assert f"<title>{title}</title>\n    <ns>0</ns>\n    <id>{number}</id>" in stream


@pytest.mark.parametrize(
    "language, reason", [("sl", "truncated_stream"), ("hr", "damaged_stream"), ("nl", "malformed_xml")]
)
def test_three_dumps_have_a_fault(dumps, language, reason):
    records = read(dump(dumps, language))
    assert [record.reason for record in records if isinstance(record, BadRecord)] == [reason]


def test_articles_carry_what_the_cleaning_takes_out(dumps):
    text = bz2.decompress(dump(dumps, "fr").read_bytes()).decode()
    for markup in ("{{Infobox", "[[Fichier:", "[[Catégorie:", "{|", "__NOTOC__", "&lt;!--", "#REDIRECT", "'''"):
        assert markup in text
