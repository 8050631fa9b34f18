"""The raw record of a document, where the dump still is."""

import gzip
from dataclasses import replace

import pytest
from provenance_run import document, marker, recipe

from pipeline.corpora.registry import CORPORA
from pipeline.explain_raw import SHOWN, raw_record


def test_a_record_is_shown_as_its_reader_gives_it(finished_provenance_run):
    origin = document(finished_provenance_run, "a", 4)["origin"]
    told = raw_record(finished_provenance_run, "c4", origin)
    assert (told["file"], told["key"]) == tuple(origin.split("#"))
    assert told["begins"].startswith(marker("a", 4))
    assert len(told["begins"]) <= SHOWN


def test_an_offset_leads_to_the_bytes_themselves(finished_provenance_run, tmp_path):
    first, second = (gzip.compress(text, mtime=0) for text in (b"one", b"WARC/1.0 two" * 99))
    (tmp_path / "dumps/commoncrawl").mkdir(parents=True)
    (tmp_path / "dumps/commoncrawl/x.warc.wet.gz").write_bytes(first + second)
    run = replace(finished_provenance_run, recipe=recipe(tmp_path))
    told = raw_record(run, "commoncrawl", f"commoncrawl/x.warc.wet.gz#{len(first)}")
    assert (told["offset"], told["begins"]) == (len(first), ("WARC/1.0 two" * 99)[:SHOWN])
    assert "missing" in raw_record(run, "commoncrawl", "commoncrawl/x.warc.wet.gz#1")


def test_a_number_that_is_no_offset_of_a_member_is_looked_for_by_the_reader(finished_provenance_run, tmp_path):
    pages = b"".join(b"WARC/1.0\r\nWARC-Target-URI: http://a.b/%d\r\n\r\npage %d\r\n" % (i, i) for i in range(3))
    (tmp_path / "dumps/c4").mkdir(parents=True)
    (tmp_path / "dumps/c4/x.warc.wet.gz").write_bytes(gzip.compress(pages, mtime=0))
    faithful = recipe(tmp_path, c4={"form": "wet", "mode": "faithful"})
    run = replace(finished_provenance_run, recipe=faithful)
    keys = [record.key for record in CORPORA["c4"].read(run.inputs.file("c4/x.warc.wet.gz"), faithful.c4)]
    assert keys[-1].isdigit()
    assert raw_record(run, "c4", f"c4/x.warc.wet.gz#{keys[-1]}") == {
        "file": "c4/x.warc.wet.gz",
        "key": keys[-1],
        "begins": "page 2",
    }


@pytest.mark.parametrize(
    "origin, said",
    [("c4/gone.json.gz#line 1", "no such file below"), ("c4/c4-train.a.json.gz#line 999", "holds no such record now")],
)
def test_what_is_gone_is_said(finished_provenance_run, origin, said):
    assert said in raw_record(finished_provenance_run, "c4", origin)["missing"]


def test_a_folder_is_called_by_the_archive_that_it_is_read_as(finished_provenance_run, tmp_path):
    (tmp_path / "dumps/github/project").mkdir(parents=True)
    (tmp_path / "dumps/github/project/a.py").write_text("print('zebra')\n")
    run = replace(finished_provenance_run, recipe=recipe(tmp_path))
    told = raw_record(run, "github", "github/project.tar#project/a.py")
    assert told["begins"] == "print('zebra')\n"
