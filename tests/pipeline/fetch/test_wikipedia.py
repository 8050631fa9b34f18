"""Each wiki's dumpstatus.json is believed for checksums, and for nothing else."""

import json

import pytest

from pipeline.errors import SettingError
from pipeline.fetch.listing import Listings
from pipeline.fetch.wikipedia import plan

WHOLE = "dewiki-20220820-pages-articles-multistream.xml.bz2"
INDEX = "dewiki-20220820-pages-articles-multistream-index.txt.bz2"
PARTS = [f"enwiki-20220820-pages-articles-multistream{i}.xml-p{i}p{i}9.bz2" for i in (1, 2)]
KNOWN = {"size": 7, "sha1": "a" * 40, "md5": "b" * 32, "url": "https://elsewhere/../../x"}


def status(files, state="done"):
    return {"jobs": {"articlesmultistreamdump": {"status": state, "files": dict.fromkeys(files, KNOWN)}}}


@pytest.fixture
def listed(site, web, patience):
    def build(languages=("de",), date="20220820", **wikis):
        for wiki, held in wikis.items():
            data = held if isinstance(held, bytes) else json.dumps(held).encode()
            site.files[f"/{wiki}/20220820/dumpstatus.json"] = data
        return plan(Listings(web, patience), site.url, date, languages)

    return build


def test_a_whole_dump_is_one_file_with_its_checksums(listed, site):
    made = listed(dewiki=status([WHOLE, INDEX]))
    [wanted] = made.wanted
    assert (wanted.name, wanted.urls) == (f"20220820/{WHOLE}", (f"{site.url}/dewiki/20220820/{WHOLE}",))
    assert (wanted.size, wanted.sha1, wanted.md5, made.refused) == (7, "a" * 40, "b" * 32, [])


def test_a_split_dump_is_its_parts(listed):
    made = listed(["en"], enwiki=status([*PARTS, WHOLE.replace("de", "en"), INDEX]))
    assert [wanted.name for wanted in made.wanted] == [f"20220820/{name}" for name in PARTS]


def test_wikis_are_named_by_their_language(listed):
    made = listed(["zh-min-nan"], zh_min_nanwiki=status([WHOLE.replace("dewiki", "zh_min_nanwiki")]))
    assert len(made.wanted) == 1


@pytest.mark.parametrize(
    "held, reason",
    [
        (status([WHOLE], "in-progress"), "its status is 'in-progress'"),
        (status([INDEX]), "it lists no file of articles"),
        (status(["dewiki-20220820-pages-articles-multistream1.xml-p1p2.bz2/../../x"]), "it lists no file"),
        ({"jobs": {}}, "articlesmultistreamdump"),
        ({"jobs": []}, ""),
        ([], ""),
        (b"", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
        ({"jobs": {"articlesmultistreamdump": {"status": "done", "files": {WHOLE: 5}}}}, ""),
        ({"jobs": {"articlesmultistreamdump": {"status": "done", "files": 5}}}, ""),
    ],
)
def test_a_status_that_names_no_finished_dump_is_said(listed, held, reason):
    made = listed(["de", "en"], dewiki=held, enwiki=status(PARTS))
    [(name, why)] = made.refused
    assert name == "dewiki/20220820"
    assert reason in why
    assert len(made.wanted) == 2


def test_a_wiki_without_a_dump_that_day_is_said(listed):
    assert listed(["fr"]).refused == [("frwiki/20220820", "the server has no such file (404)")]


@pytest.mark.parametrize("date", ["latest", "2022-08-20", "", "../20220820"])
def test_a_day_has_one_form(listed, date):
    with pytest.raises(SettingError, match="--date"):
        listed(date=date)


@pytest.mark.parametrize("language", ["", "d", "DE", "../de", "de/", "d" * 21])
def test_a_language_is_a_code(listed, language):
    with pytest.raises(SettingError, match="--languages"):
        listed([language])
