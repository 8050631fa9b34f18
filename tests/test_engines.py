"""One golden digest: what a run over dumps written by us makes is the same on every engine, and stays the same."""

import json

import pytest
from golden_run import CONTENTS, SETTINGS, contents, page, write_dumps

from benchmarks.claims import SkippedError
from benchmarks.engine_places import ALL, place
from benchmarks.engines import made
from pipeline.engines import job_server
from pipeline.storage import Folder

KEPT = json.loads(CONTENTS.read_text())
AT_ONCE = ("embedded-2", "spark-local")
"""Engines of `make test`; `make test-system` has the others."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine", [name if name in AT_ONCE else pytest.param(name, marks=pytest.mark.system) for name in ALL]
)
def test_every_engine_makes_what_was_made_before(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(job_server, "_ask", lambda _: "not asked")  # Tests look for no jar on the network.
    write_dumps(tmp_path / "dumps")
    (tmp_path / "work").mkdir()
    try:
        with place(engine)(tmp_path / "dumps", tmp_path / "work") as opened:
            made(engine, opened, tmp_path / "dumps", "demo", SETTINGS, "verify", tmp_path / "listing.json")
            assert contents(Folder(opened.output)) == KEPT
    except SkippedError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("made_by", ["clean", "dedup", "near-dedup"])
def test_the_golden_run_has_documents_that_each_stage_keeps_and_rejects(made_by):
    assert all(any(name.startswith(f"{kind}/{made_by}/") for name in KEPT) for kind in ("documents", "rejected"))


def test_the_golden_run_goes_as_far_as_the_stream():
    assert len([name for name in KEPT if name.startswith("stream/")]) == 4
    assert {name.split("/")[1] for name in KEPT if name.startswith("tokens/")} == {
        *("c4", "books", "wikipedia", "github", "arxiv", "stackexchange")
    }


def test_the_words_of_a_golden_page_hang_on_its_name_alone():
    assert page(0).startswith("Every gutenberg and the day else for the dog wind not whole. The whole allowed")
    assert len({page(number) for number in range(50)}) == 50
