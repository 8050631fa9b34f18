import gzip
import io
from collections import Counter
from urllib.parse import urlsplit

import pytest

from pipeline.corpora.commoncrawl import CORPUS
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.demo import chatter, commoncrawl
from pipeline.source_sections import CommonCrawl


@pytest.fixture
def crawl(tmp_path, pool, rng):
    return tmp_path, commoncrawl.write(tmp_path, pool, 16_000, rng)


def records(folder):
    for path in sorted(folder.rglob("*.wet.gz")):
        yield from CORPUS.read(RawFile.of_bytes(path.name, path.read_bytes()), CommonCrawl())


def test_the_segments_are_of_two_dumps(crawl):
    assert [path.relative_to(crawl[0]).as_posix() for path in sorted(crawl[0].rglob("*.gz"))] == [
        "CC-MAIN-2019-35/CC-MAIN-2019-35-demo-00000.warc.wet.gz",
        "CC-MAIN-2019-35/CC-MAIN-2019-35-demo-00002.warc.wet.gz",
        "CC-MAIN-2021-04/CC-MAIN-2021-04-demo-00001.warc.wet.gz",
        "CC-MAIN-2021-04/CC-MAIN-2021-04-demo-00003.warc.wet.gz",
    ]


def test_much_prose_makes_more_segments(tmp_path, pool, rng, monkeypatch):
    monkeypatch.setattr(commoncrawl, "_SEGMENTS_CHARS", 15_999)
    commoncrawl.write(tmp_path, pool, 16_000, rng)
    assert len({path.name.rpartition("-")[2] for path in tmp_path.rglob("*.gz")}) == 8


@pytest.mark.parametrize("dump, named", [("CC-MAIN-2019-35", False), ("CC-MAIN-2021-04", True)])
def test_only_the_later_layout_names_the_language(crawl, dump, named):
    for path in (crawl[0] / dump).iterdir():
        first = next(member for member in members(path) if b"conversion" in member)
        assert (b"WARC-Identified-Content-Language: " in first) == named


def members(path):
    for part in path.read_bytes().split(b"\x1f\x8b\x08\x00")[1:]:
        try:
            yield gzip.GzipFile(fileobj=io.BytesIO(b"\x1f\x8b\x08\x00" + part)).read()
        except (OSError, EOFError):
            return


def test_every_segment_begins_with_its_warcinfo(crawl):
    for path in crawl[0].rglob("*.gz"):
        assert next(members(path)).startswith(b"WARC/1.0\r\nWARC-Type: warcinfo\r\n")


def test_each_planted_fault_is_found_and_nothing_else(crawl):
    faults = Counter(record.reason for record in records(crawl[0]) if isinstance(record, BadRecord))
    kinds = ("invalid_utf8", "bad_crc", "not_gzip", "truncated_record", "not_conversion", "truncated_gzip")
    assert faults == dict.fromkeys(kinds, 1)


def test_the_good_pages_are_in_the_crawl_and_nobody_else_is_cited(crawl):
    urls = {record.url for record in records(crawl[0]) if not isinstance(record, BadRecord)}
    assert crawl[1]
    assert set(crawl[1]) <= urls
    assert {urlsplit(url).hostname for url in crawl[1]} == {"tool-kit.manuals.example.org"}


def test_there_are_pages_of_every_kind(crawl):
    hosts = " ".join(str(record.url) for record in records(crawl[0]) if not isinstance(record, BadRecord))
    for kind in ("manuals.", "http://mirror.", "forum", "/review/", "/offers/", "/404/", "/index/", ".example.ja/"):
        assert kind in hosts, kind


def test_stubs_and_indexes_are_bare_and_other_pages_are_framed(crawl):
    pages = [record for record in records(crawl[0]) if not isinstance(record, BadRecord)]
    by_kind = {kind: [page for page in pages if f"/{kind}/" in (page.url or "")] for kind in ("404", "index", "town")}
    assert all(len(page.text.split("\n")) == 1 for page in by_kind["404"])
    assert {page.text for page in by_kind["index"]} == {"\n".join((*chatter.NAVIGATION, *chatter.FOOTER))}
    assert all(page.text.split("\n")[-1] in chatter.FOOTER for page in by_kind["town"])
    assert all(by_kind.values())


def test_navigation_repeats_on_many_pages(crawl):
    pages = [record.text for record in records(crawl[0]) if not isinstance(record, BadRecord)]
    assert sum("\nHome\n" in page for page in pages) > len(pages) / 10
