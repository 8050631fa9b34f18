"""Many files side by side: each has its outcome, and one that fails fails alone."""

import threading
from dataclasses import replace

import fsspec
import pytest

from pipeline.errors import FatalError, SettingError
from pipeline.fetch.download import FAILED, FETCHED, PRESENT, Outcome
from pipeline.fetch.session import Anywhere, Session, finish, open_session, summary
from pipeline.fetch.store import Store
from pipeline.fetch.wanted import Plan
from pipeline.guards import locked
from pipeline.progress import Reporter
from pipeline.storage import Folder


@pytest.fixture
def session(site, web, patience, tmp_path) -> Session:
    transport = Anywhere(web, Store())
    stopped = threading.Event()
    return Session(
        to=tmp_path / "to",
        base_url=site.url,
        transport=transport,
        patience=patience,
        reporter=Reporter(),
        stopped=stopped,
    )


@pytest.fixture
def planned(site, wet):
    def build(*names, absent=()):
        made = Plan("commoncrawl")
        for name in names:
            made.add(name, [f"{site.url}/{name}"], gzip=True)
            if name not in absent:
                site.files[f"/{name}"] = wet
        return made

    return build


def test_files_come_side_by_side_and_are_told_in_order(session, planned, wet):
    names = [f"d/{i}.wet.gz" for i in range(12)]
    outcomes = session.fetch(planned(*names))
    assert outcomes == [Outcome(name=name, state=FETCHED, bytes=len(wet)) for name in names]
    assert all((session.to / "commoncrawl" / name).read_bytes() == wet for name in names)


def test_no_more_files_come_at_once_than_may(session, planned, site):
    most = [0, 0]
    guard = threading.Lock()

    def count(handler):
        with guard:
            most[0] += 1
            most[1] = max(most)
        threading.Event().wait(0.02)
        with guard:
            most[0] -= 1
        handler.serve(site.files[handler.path])

    made = planned(*[f"{i}.wet.gz" for i in range(9)])
    site.faults = {f"/{wanted.name}": [count] for wanted in made.wanted}
    replace(session, parallel=3).fetch(made)
    assert most[1] == 3


def test_one_file_that_fails_fails_alone(session, planned, capsys):
    made = planned("a.gz", "b.gz", "c.gz", absent=["b.gz"])
    made.refuse("../x", "unsafe")
    outcomes = session.fetch(made)
    assert [outcome.state for outcome in outcomes] == [FETCHED, FAILED, FETCHED, FAILED]
    said = capsys.readouterr().err
    assert "b.gz: failed: the server has no such file (404)" in said
    assert "../x: failed: unsafe" in said


def test_a_throttled_server_is_asked_more_slowly_and_all_comes(session, planned, site, clock):
    made = planned("a.gz", "b.gz")
    site.faults = {"/a.gz": [site.status(403), site.status(429), site.status(503, Retry_After="50")]}
    assert {outcome.state for outcome in session.fetch(made)} == {FETCHED}
    assert max(clock.waits) == 50


def test_a_second_time_there_is_nothing_to_do(session, planned, site, capsys):
    made = planned("a.gz")
    session.fetch(made)
    site.asked.clear()
    outcomes = replace(session, stopped=threading.Event()).fetch(made)
    assert (outcomes[0].state, site.asked) == (PRESENT, [])


def test_a_folder_in_which_another_fetch_is_at_work_is_refused(session, planned, tmp_path):
    with (
        locked(Folder(str(tmp_path / "to/commoncrawl")), name=".fetch/lock"),
        pytest.raises(SettingError, match=r"--to .*: another run is at work there"),
    ):
        session.fetch(planned("a.gz"))


def test_an_interrupt_of_one_ends_all(session, planned, site):
    made = planned(*[f"{i}.gz" for i in range(40)])
    session.stopped.set()
    with pytest.raises(KeyboardInterrupt):
        session.fetch(made)
    assert len(site.asked) < 40


def test_other_addresses_go_to_the_store(session, tmp_path):
    fsspec.filesystem("memory").pipe("/session/a.gz", b"123")
    made = Plan("arxiv")
    made.add("a.gz", ["memory://session/a.gz"])
    assert session.fetch(made)[0].state == FETCHED
    assert session.transport.size("memory://session/a.gz") == 3


def test_a_dry_run_may_ask_for_sizes(session, planned, site):
    made = planned("a.gz", "b.gz", absent=["b.gz"])
    made.add("c.gz", ["https://listed"], size=5)
    rows = [session.sized(wanted) for wanted in made.wanted]
    assert [row["bytes"] for row in rows] == [len(site.files["/a.gz"]), None, 5]
    assert rows[1]["reason"] == "the server has no such file (404)"
    assert {method for method, _, _ in site.asked} == {"HEAD"}


OUTCOMES = [Outcome(name="a", state=FETCHED, bytes=5), Outcome(name="b", state=PRESENT, bytes=7)]


def test_a_summary_counts_states_and_fetched_bytes():
    told = summary(Plan("books"), OUTCOMES)
    assert {key: told[key] for key in ("source", "fetched", "present", "failed", "fetched_bytes")} == {
        "source": "books",
        "fetched": 1,
        "present": 1,
        "failed": 0,
        "fetched_bytes": 5,
    }
    assert told["files"][0] == {"name": "a", "state": "fetched", "bytes": 5, "reason": ""}


def test_the_end_is_told_in_a_line(said):
    finish(Plan("books"), OUTCOMES, said.append)
    finish(Plan("books"), OUTCOMES[1:], said.append)
    assert said == ["fetch books: 1 files fetched, 1 were there", "nothing to do: all 1 files of books are there"]
    with pytest.raises(FatalError, match="fetch books: 1 of 1 files failed; the same command goes on"):
        finish(Plan("books"), [Outcome(name="a", state=FAILED, reason="x")], said.append)


def test_a_session_needs_an_address(tmp_path):
    with pytest.raises(SettingError, match="--base-url nowhere is no address"):
        open_session(to=tmp_path, base_url="nowhere", parallel=1, attempts=1, timeout_seconds=1)
