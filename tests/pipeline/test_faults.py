"""What the machine refuses is one line that says what happened, where, and what mends it."""

import errno
import os
import pickle
import signal
import sqlite3

import pytest

from pipeline.faults import GO_ON, ended, is_about_a_place, is_fault, said, writing


def refused(number, path=None):
    return OSError(number, os.strerror(number), *([path] if path else []))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (refused(errno.ENOSPC, "/out/x"), f"no space is left on the device (/out/x): free some, {GO_ON}"),
        (refused(errno.EACCES, b"/out/x"), f"permission denied (/out/x): give this user access, {GO_ON}"),
        (refused(errno.EROFS), f"the file system is read-only: mount it for writing, {GO_ON}"),
        (MemoryError(), f"out of memory: use fewer --workers or a machine with more, {GO_ON}"),
        (refused(errno.ENOTCONN, "/nfs"), f"transport endpoint is not connected (/nfs): mend that, {GO_ON}"),
        (ValueError("bad\nand more"), "ValueError: bad"),
        (KeyError(), "KeyError"),
    ],
)
def test_an_error_is_one_line(error, line):
    assert said(error) == line
    assert said(error, "clean of c4/a") == f"clean of c4/a: {line}"


def test_a_temporary_database_that_finds_no_room_is_a_full_disk():
    with pytest.raises(sqlite3.OperationalError) as raised:
        database = sqlite3.connect(":memory:")
        database.execute("PRAGMA max_page_count = 2")
        database.executescript("CREATE TABLE a (b); CREATE TABLE c (d); CREATE TABLE e (f)")
    assert said(raised.value).startswith("no space is left on the device: free some")
    assert is_about_a_place(raised.value)


@pytest.mark.parametrize(
    ("error", "fault", "everywhere"),
    [
        (refused(errno.ENOSPC), True, True),
        (refused(errno.EIO), True, False),
        (MemoryError(), True, False),
        (refused(errno.ENOENT), False, False),
        (OSError("not a gzipped file"), False, False),
        (ValueError(), False, False),
    ],
)
def test_a_fault_of_the_machine_is_told_from_bad_data_and_from_one_that_every_piece_meets(error, fault, everywhere):
    assert (is_fault(error), is_about_a_place(error)) == (fault, everywhere)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (3, "ended with exit code 3: logs/run.log has its last words"),
        (-signal.SIGSEGV, "was ended by SIGSEGV: logs/run.log has its last words"),
        (
            -signal.SIGKILL,
            f"was killed (SIGKILL); most often by the system, for want of memory: use fewer --workers, {GO_ON}",
        ),
    ],
)
def test_how_a_worker_ended_is_told_by_its_signal(code, told):
    assert ended(code) == told


@pytest.mark.parametrize(("number", "path"), [(errno.ENOSPC, "/out/x"), (errno.EIO, None)])
def test_a_write_that_fails_names_the_file_and_a_read_is_not_taken_for_one(number, path):
    with pytest.raises(OSError, match=r"^\[Errno") as raised, writing("/out/x"):
        raise refused(number)
    assert raised.value.filename == path
    assert pickle.loads(pickle.dumps(raised.value)).filename == path


def test_a_name_that_an_error_has_is_kept():
    with pytest.raises(OSError, match="/other"), writing("/out/x"):
        raise refused(errno.ENOSPC, "/other")
