"""One run at a time in a folder elsewhere, whoever dies and however clocks jump."""

import itertools
import json
import subprocess
import sys
import threading
import time

import fsspec
import pytest

from pipeline import lease
from pipeline.errors import FatalError, SettingError
from pipeline.guards import interruptible
from pipeline.lease import Lease, leased
from pipeline.remote import RemotePath

ADDRESS = "memory://run/logs/lock"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "RENEWED_SECONDS", 0.02)
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 0.01)
    yield
    fs = fsspec.filesystem("memory")
    fs.rm("/run", recursive=True) if fs.exists("/run") else None


def left_behind(**changes):
    """The file of a run that is gone."""
    said = lease._this_process() | {"machine": "another", "renewals": 7, "host": "node-3", "process": 12} | changes
    RemotePath(f"{ADDRESS}/dead.json").write(json.dumps(said).encode())


def names():
    return list(RemotePath(ADDRESS).listing())


def test_a_second_run_is_refused_and_told_who_is_there():
    with leased(ADDRESS, "--output", lambda _: None):
        with pytest.raises(
            SettingError, match=rf"another run is at work there: process \d+ on {lease.socket.gethostname()} "
        ):
            Lease(ADDRESS).take(lambda _: None)
        assert len(names()) == 1
    assert names() == []


def test_a_run_that_is_silent_for_long_is_taken_over_and_people_are_told(capsys):
    left_behind()
    said = []
    with leased(ADDRESS, "--output", said.append):
        assert names() != ["dead.json"]
        assert len(names()) == 1
    assert said[0].startswith(f"  {ADDRESS}: process 12 on node-3 (last heard of at ")


def test_a_run_killed_on_this_machine_is_taken_over_at_once(monkeypatch):
    monkeypatch.setattr(lease, "STALE_SECONDS", 1000)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        born = lease._born(process.pid)
    left_behind(machine=lease._machine(), process=process.pid, born=born)
    with leased(ADDRESS, "--output", pytest.fail):
        pass


def test_a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it():
    alive = lease._this_process()
    assert not lease._is_dead(alive)
    assert lease._is_dead(alive | {"born": "1"})
    assert not lease._is_dead(alive | {"born": "1", "machine": "another"})


def test_who_was_held_up_looks_as_often_before_the_other_is_taken_for_dead(monkeypatch):
    left_behind(renewals=7)
    hours, looks = itertools.count(step=3600), []

    def held_up(_):
        looks.append(next(hours))
        left_behind(renewals=7 + len(looks) // 2)

    monkeypatch.setattr(lease.time, "sleep", held_up)
    monkeypatch.setattr(lease.time, "monotonic", lambda: float(next(hours)))
    with pytest.raises(SettingError, match="another run is at work"):
        Lease(ADDRESS).take(lambda _: None)
    assert len(looks) == 2


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps_changes_nothing(monkeypatch, jump):
    with leased(ADDRESS, "--output", pytest.fail):
        monkeypatch.setattr(lease.time, "time", lambda: jump)
        monkeypatch.setattr(lease.time, "strftime", lambda *_: "1970")
        time.sleep(0.1)
        with pytest.raises(SettingError, match="another run is at work"):
            Lease(ADDRESS).take(lambda _: None)


def test_of_many_that_come_at_once_one_gets_in():
    inside, refused, barrier, all_refused = [], [], threading.Barrier(4), threading.Event()

    def come():
        barrier.wait()
        try:
            with leased(ADDRESS, "--output", lambda _: None):
                inside.append(1)
                all_refused.wait(60)
        except SettingError:
            refused.append(1)
            if len(refused) == 3:
                all_refused.set()

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(refused)) == (1, 3)


def test_a_run_that_was_taken_for_dead_ends_in_one_line():
    told = pytest.raises(FatalError, match=r"node-3 .* took this run for dead, and works there now; this one ends")
    with told, interruptible(), leased(ADDRESS, "--output", lambda _: None):
        (name,) = names()
        left_behind(over=[name.removesuffix(".json")])
        time.sleep(60)


def test_a_run_whose_file_was_removed_ends():
    told = pytest.raises(FatalError, match=r"another run took this run for dead")
    with told, interruptible(), leased(ADDRESS, "--output", lambda _: None):
        RemotePath(f"{ADDRESS}/{names()[0]}").remove()
        time.sleep(60)


def test_a_store_that_is_down_for_a_while_does_not_end_the_run(monkeypatch):
    def down(_):
        raise FatalError("down")

    with leased(ADDRESS, "--output", lambda _: None):
        with monkeypatch.context() as patch:
            patch.setattr(Lease, "_successor", down)
            time.sleep(0.2)
        time.sleep(0.1)


def test_what_is_not_a_whole_file_counts_as_a_run_until_it_is_stale():
    RemotePath(f"{ADDRESS}/dead.json").write(b"{")
    said = []
    with leased(ADDRESS, "--output", said.append):
        assert len(said) == 1
