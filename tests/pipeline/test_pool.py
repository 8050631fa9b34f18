"""Worker processes share pieces; one that dies is replaced, and its piece done again."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest
import work_of_letters as letters

from pipeline.errors import FatalError, PieceError
from pipeline.pool import MOST_FAILED, Pool, failure_of
from pipeline.tasks import Do


@pytest.fixture
def pool(tmp_path):
    with Pool(2, tmp_path / "log", tmp_path / "scratch") as found:
        yield found


def do(pool, folder, troubles):
    """The pieces that were done, after all pieces of these troubles were handed out."""
    work = letters.Trouble(str(folder), len(troubles), troubles=troubles)
    list(pool.each(Do(work), range(len(troubles))))
    return done(folder)


def done(folder):
    return {int(path.name) for path in Path(folder).iterdir() if path.name.isdigit()}


def tried(folder, piece):
    return len(Path(folder, f"tried-{piece}").read_text())


def test_the_largest_piece_is_taken_first_and_a_long_one_holds_up_nobody(pool, tmp_path):
    assert do(pool, tmp_path, "...w") == {0, 1, 2, 3}
    assert [tried(tmp_path, piece) for piece in range(4)] == [1] * 4
    long, *others = (Path(tmp_path, str(piece)).read_text() for piece in (3, 2, 1, 0))
    assert long not in others
    assert len(set(others)) == 1


def test_workers_are_forked_from_another_process_when_theirs_is_killed_meanwhile(pool, tmp_path):
    forkserver.ensure_running()
    theirs = forkserver._forkserver._forkserver_pid
    os.kill(theirs, signal.SIGSTOP)  # A worker that is wanted now has to wait for it.
    threading.Timer(0.5, os.kill, (theirs, signal.SIGKILL)).start()
    assert do(pool, tmp_path, "..") == {0, 1}
    assert forkserver._forkserver._forkserver_pid != theirs


@pytest.mark.parametrize("letter", "ksrm")
def test_what_goes_wrong_once_goes_well_the_second_time(pool, tmp_path, letter):
    assert do(pool, tmp_path, f".{letter}.") == {0, 1, 2}
    assert [tried(tmp_path, piece) for piece in range(3)] == [1, 2, 1]


@pytest.mark.parametrize(
    "letter, said",
    [
        ("K", "letter 1: its worker process was killed (SIGKILL); most often by the system, for want of memory"),
        ("S", "letter 1: its worker process was ended by SIGSEGV"),
        ("R", "letter 1: ValueError: no such letter"),
        ("M", "letter 1: out of memory: use fewer --workers"),
    ],
)
def test_what_always_goes_wrong_is_one_line_after_all_others_are_done(pool, tmp_path, letter, said):
    with pytest.raises(FatalError) as error:
        do(pool, tmp_path, f".{letter}.")
    assert str(error.value).startswith(said)
    assert (done(tmp_path), tried(tmp_path, 1)) == ({0, 2}, 3)


def test_several_failures_are_counted(pool, tmp_path):
    with pytest.raises(FatalError, match=r"^letter . *: .*\(1 more pieces failed; logs/run.log has all\)$"):
        do(pool, tmp_path, "R.R")


def test_a_full_disk_ends_the_run_at_once(pool, tmp_path):
    with pytest.raises(FatalError, match=r"^letter 3: no space is left on the device"):
        do(pool, tmp_path, "...D")
    assert tried(tmp_path, 3) == 1


def test_what_fails_everywhere_is_not_tried_everywhere(pool, tmp_path):
    with pytest.raises(FatalError, match=r"more pieces failed"):
        do(pool, tmp_path, "R" * (4 * MOST_FAILED))
    assert len(list(tmp_path.glob("tried-*"))) <= 4 * MOST_FAILED


def test_traces_are_in_the_log(tmp_path, caplog):
    with Pool(1, tmp_path / "log", tmp_path / "scratch") as pool:
        do(pool, tmp_path, "r")
    assert "attempt 1 of 3: letter 0: ValueError: no such letter" in caplog.text
    assert "in trouble" in caplog.text


def test_no_worker_is_left_when_the_block_ends_early(tmp_path):
    with pytest.raises(KeyboardInterrupt), Pool(2, tmp_path / "log", tmp_path / "scratch") as pool:
        for _ in pool.each(Do(letters.Trouble(str(tmp_path), 2, troubles="w.")), range(2)):
            raise KeyboardInterrupt
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_told_to_leave_leaves_no_half_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), Pool(2, tmp_path / "log", tmp_path / "scratch") as pool:
        do_half = pool.each(Do(letters.HalfWritten(str(tmp_path))), [0])
        threading.Thread(target=lambda: list(do_half), daemon=True).start()
        wait_for(lambda: done(tmp_path))
        assert list(tmp_path.glob(".whole*"))
        raise KeyboardInterrupt
    assert list(tmp_path.glob("*whole*")) == list(tmp_path.glob(".whole*")) == []


def test_workers_end_with_their_parent(tmp_path):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import work_of_letters as w; from pathlib import Path\n"
        f"from pipeline.pool import Pool; from pipeline.tasks import Do; f = Path({str(tmp_path)!r})\n"
        "with Pool(1, f / 'log', f / 's') as p: list(p.each(Do(w.Trouble(str(f), 20, troubles='W' * 20)), range(20)))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        wait_for(lambda: done(tmp_path))
        worker = int((tmp_path / str(max(done(tmp_path)))).read_text())
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{worker}/exe").exists())


def wait_for(happened, seconds=30):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_workers_see_the_environment_of_now_and_the_pools_temporary_folder(pool, tmp_path, monkeypatch):
    monkeypatch.setenv("SOMETHING_NEW", "here")
    work = letters.Surroundings(str(tmp_path))
    list(pool.each(Do(work), [0]))
    assert (tmp_path / "surroundings").read_text() == f"here {tmp_path / 'scratch'}"


@pytest.mark.parametrize(
    "error, is_final",
    [(PieceError("a"), False), (FatalError("a"), True)],
)
def test_what_the_run_cannot_go_on_with_is_final(error, is_final):
    assert failure_of(error).is_final == is_final


def test_the_workers_are_no_children_of_this_process(pool, tmp_path):
    do(pool, tmp_path, "..")
    assert str(os.getpid()) not in {Path(tmp_path, str(piece)).read_text() for piece in range(2)}
