"""One run at a time in a folder, a log apart from the terminal, and Ctrl-C that ends a run."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from pipeline.errors import SettingError
from pipeline.guards import INTERRUPTED, Interrupt, exit_code, interruptible, locked, log_path, logged
from pipeline.storage import Folder


def test_a_second_run_in_the_folder_is_refused_until_the_first_ends(tmp_path):
    folder = Folder(str(tmp_path / "out"))
    with locked(folder), pytest.raises(SettingError, match="out: another run is at work there"), locked(folder):
        pass
    with locked(folder):
        pass


def test_a_folder_that_cannot_be_written_to_is_a_wrong_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingError, match="file cannot be written to: Not a directory"),
        locked(Folder(str(tmp_path / "file"))),
    ):
        pass


def test_a_lock_is_told_by_the_option_that_names_its_folder(tmp_path):
    folder = Folder(str(tmp_path))
    with locked(folder, name=".x/lock", option="--to"), pytest.raises(SettingError, match=r"--to .*: another run"):
        assert (tmp_path / ".x/lock").exists()
        with locked(folder, name=".x/lock", option="--to"):
            pass


def test_elsewhere_a_lease_stands_in_for_the_lock():
    with locked(Folder("memory://out")):
        assert [name.endswith(".json") for name in Folder("memory://out").list("logs/lock")] == [True]
    assert Folder("memory://out").list("logs/lock") == []


def test_the_log_lies_with_the_output_or_on_this_machine(tmp_path):
    assert log_path(Folder(str(tmp_path))) == tmp_path / "logs/run.log"
    assert log_path(Folder("memory://out")).name == "run.log"
    assert log_path(Folder("memory://out")) != log_path(Folder("memory://other"))


def test_what_libraries_log_goes_to_the_file_and_then_no_more(tmp_path):
    held = logging.getLogger().handlers[:]
    with logged(tmp_path / "logs/run.log"):
        logging.getLogger("beam").warning("inside")
    assert logging.getLogger().handlers == held
    logging.getLogger("beam").debug("outside")
    assert (tmp_path / "logs/run.log").read_text().endswith("WARNING beam: inside\n")


def test_a_log_that_finds_no_room_leaves_the_run_alone(tmp_path, capfd):
    (tmp_path / "run.log").symlink_to("/dev/full")
    with logged(tmp_path / "run.log"):
        logging.getLogger("beam").warning("inside")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_to_end_is_a_keyboard_interrupt_and_the_handler_is_put_back(number, code):
    held = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as raised, interruptible():
        os.kill(os.getpid(), number)
    assert exit_code(raised.value) == code
    assert signal.getsignal(number) is held
    assert all(t.finished.is_set() for t in threading.enumerate() if isinstance(t, threading.Timer))


def test_a_keyboard_interrupt_without_a_signal_is_that_of_ctrl_c():
    assert (exit_code(KeyboardInterrupt()), str(Interrupt(signal.SIGHUP))) == (130, "SIGHUP")


def test_under_nohup_a_hang_up_is_ignored():
    held = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, held)


def test_a_thread_other_than_the_main_one_leaves_signals_alone():
    held = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interruptible():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [held]


STUCK = """
import os, signal, sys, threading, pipeline.guards as guards
guards._GRACE_SECONDS = float(sys.argv[1])
number = int(sys.argv[2])
with guards.interruptible():
    try:
        os.kill(os.getpid(), number)
    finally:
        timer = threading.Timer(float(sys.argv[3]), os.kill, [os.getpid(), number])
        timer.daemon = True
        timer.start()
        threading.Event().wait(60)
"""


@pytest.mark.parametrize(
    ("grace", "number", "again", "code"), [(0.2, signal.SIGINT, 99, 130), (99, signal.SIGTERM, 0.2, 143)], ids=str
)
def test_a_run_that_does_not_end_when_interrupted_is_ended_later_or_by_a_second_signal(grace, number, again, code):
    command = [sys.executable, "-c", STUCK, str(grace), str(int(number)), str(again)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (code, f"error: {INTERRUPTED}\n")


@pytest.mark.parametrize("whole_group", [True, False])
def test_an_interrupted_run_says_how_to_go_on_and_leaves_whole_files(small_run, tmp_path, whole_group):
    started = replace(small_run, output=tmp_path / "out")
    with started.start("clean") as process:
        while process.poll() is None and not list(started.output.glob("documents/clean/*/*.parquet")):
            time.sleep(0.05)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines().count(f"error: {INTERRUPTED}") == 1
    assert "Traceback" not in said
    for path in started.output.glob("ledger/clean/*/*.json"):
        entry = json.loads(path.read_text())
        assert all(started.run().output.digest(name) == o["digest"] for name, o in entry["outputs"].items())
