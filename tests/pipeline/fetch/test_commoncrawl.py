"""A slice of wet.paths.gz becomes files below the dump's name."""

import gzip

import pytest

from pipeline.corpora.commoncrawl import _dump
from pipeline.errors import SettingError
from pipeline.fetch.commoncrawl import plan
from pipeline.fetch.listing import Listings

DUMP = "CC-MAIN-2019-18"
PATH = f"crawl-data/{DUMP}/segments/1555578517558.8/wet/CC-MAIN-20190418101320-00001.warc.wet.gz"


@pytest.fixture
def listed(site, web, patience):
    def build(*lines, part=slice(0, None), dump=DUMP):
        site.files[f"/crawl-data/{DUMP}/wet.paths.gz"] = gzip.compress("\n".join(lines).encode())
        return plan(Listings(web, patience), site.url, dump, part)

    return build


def test_a_line_becomes_a_file_below_the_dumps_name(listed, site):
    [wanted] = listed(PATH).wanted
    assert wanted.name == PATH.removeprefix("crawl-data/")
    assert (wanted.urls, wanted.gzip, wanted.size) == ((f"{site.url}/{PATH}",), True, None)
    assert _dump(f"commoncrawl/{wanted.name}") == DUMP


def test_the_slice_is_the_listings(listed):
    lines = [PATH.replace("00001", f"{i:05}") for i in range(9)]
    assert [w.name[-14:-12] for w in listed(*lines, part=slice(3, 5)).wanted] == ["03", "04"]


@pytest.mark.parametrize(
    "line",
    [
        f"crawl-data/{DUMP}/../../../etc/cron.d/a.wet.gz",
        f"/crawl-data/{DUMP}/a.wet.gz",
        "crawl-data/CC-MAIN-2020-05/a.wet.gz",
        f"file:///{PATH}",
        f"https://elsewhere/{PATH}",
        f"crawl-data/{DUMP}/.fetch/a.wet.gz",
        f"crawl-data/{DUMP}/a.exe",
        f"crawl-data/{DUMP}//a.wet.gz",
        f"crawl-data/{DUMP}/a\\..\\b.wet.gz",
        "",
    ],
)
def test_a_hostile_line_is_left_out_and_said(listed, line):
    made = listed(line, PATH)
    assert [wanted.name for wanted in made.wanted] == [PATH.removeprefix("crawl-data/")]
    assert len(made.refused) == 1


@pytest.mark.parametrize("dump", ["", "2019-18", "CC-MAIN-2019-1", "CC-MAIN-2019-18/../x", "cc-main-2019-18"])
def test_a_dumps_name_has_one_form(listed, dump):
    with pytest.raises(SettingError, match="write it as CC-MAIN-2019-18"):
        listed(PATH, dump=dump)


def test_a_dump_that_is_not_there_is_a_wrong_setting(listed):
    with pytest.raises(SettingError, match="--dump CC-MAIN-2031-18: the server has no such file"):
        listed(PATH, dump="CC-MAIN-2031-18")


def test_a_slice_behind_the_listings_end_is_a_wrong_setting(listed):
    with pytest.raises(SettingError, match="--files 5:9: there are 1 files"):
        listed(PATH, part=slice(5, 9))
