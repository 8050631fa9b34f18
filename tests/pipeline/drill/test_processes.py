"""Processes are found by their parents, their mark or a pattern, and what a driver says is read as it comes."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pipeline.drill.processes import MARK, Store, end_all, marked, told, victims, wait_until
from pipeline.errors import FatalError


def ended(driver):
    assert wait_until(lambda: driver.look() is not None, 20)
    return driver.look()


def began(driver, label):
    assert wait_until(lambda: driver.look() is None and label in dict(driver.begun), 20)


def test_workers_are_what_the_driver_has_started_and_what_that_has(start):
    driver = start("""
sleeps = "import time; time.sleep(30)"
starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{sleeps}'])"
subprocess.Popen([sys.executable, "-c", starts]); begins("a"); time.sleep(30)""")
    began(driver, "a")
    assert wait_until(lambda: len(victims(driver.process.pid, None)) == 2, 20)
    assert driver.process.pid not in [victim.pid for victim in victims(driver.process.pid, None)]


def test_a_pattern_names_processes_that_others_have_started_and_never_ourselves(start, tmp_path):
    driver = start("begins('a'); time.sleep(30)")
    began(driver, "a")
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(30)']) # {tmp_path}"
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | {MARK: str(tmp_path)}) as cluster:
        pattern = re.compile(re.escape(str(tmp_path)))
        assert wait_until(lambda: len(victims(driver.process.pid, pattern)) == 2, 20)
        found = {victim.pid for victim in victims(driver.process.pid, re.compile("."))}
        assert cluster.pid in found and not found & {os.getpid(), os.getppid(), driver.process.pid}
        end_all(psutil.Process(cluster.pid).children())


def test_what_outlives_its_parent_is_found_by_its_mark(start, tmp_path):
    driver = start("worker(); begins('a'); time.sleep(30)")
    began(driver, "a")
    driver.process.kill()
    driver.process.wait()
    orphans = marked(str(tmp_path))
    assert [orphan.ppid() == driver.process.pid for orphan in orphans] == [False]
    end_all(orphans)
    assert marked(str(tmp_path)) == [] and not orphans[0].is_running()


def test_a_worker_that_is_dead_is_no_victim_though_nobody_has_reaped_it(start):
    driver = start("worker(0); begins('a'); time.sleep(30)")
    began(driver, "a")
    held = psutil.Process(driver.process.pid)
    assert wait_until(lambda: [child.status() for child in held.children()] == [psutil.STATUS_ZOMBIE], 20)
    assert victims(driver.process.pid, None) == []


def test_pythons_own_tracker_of_processes_is_no_victim(start):
    driver = start("from multiprocessing import resource_tracker as t; t.ensure_running(); begins('a'); time.sleep(30)")
    began(driver, "a")
    assert len(psutil.Process(driver.process.pid).children()) == 1
    assert victims(driver.process.pid, None) == []


def test_a_process_that_is_gone_has_only_a_number():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        found = psutil.Process(process.pid)
        process.wait()
    assert told(found) == f"process {process.pid}"
    assert told(psutil.Process()).startswith("py") and told(psutil.Process()).endswith(f", process {os.getpid()}")
    end_all([found])


def test_stages_are_known_as_they_begin_and_the_last_line_is_kept(start):
    driver = start("begins('a'); begins('a'); print('a: 0:01'); begins('b, c'); print('error: x\\n\\nhalf', end='')")
    assert ended(driver) == 0
    assert [label for label, _ in driver.begun] == ["a", "b, c"]
    assert driver.last_line == "error: x"


def test_a_driver_that_was_killed_says_so(start):
    driver = start("time.sleep(30)")
    assert driver.look() is None
    driver.process.kill()
    assert ended(driver) == -signal.SIGKILL


def test_a_store_is_started_killed_with_all_its_processes_and_started_anew(tmp_path):
    sign = tmp_path / "up"
    code = f"import pathlib, time; pathlib.Path('{sign}').touch(); time.sleep(30)"
    store = Store(f'{sys.executable} -c "{code}"; true', sign.exists, tmp_path / "log")
    for _ in range(2):
        store.start()
        sign.unlink()
        ours = psutil.Process().children(recursive=True)
        assert len(ours) >= 2
        store.kill()
        assert not any(process.is_running() for process in ours)


def test_a_store_that_never_answers_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.drill.processes.wait_until", lambda holds, seconds: holds())
    store = Store("true", lambda: False, tmp_path / "log")
    with pytest.raises(FatalError, match="the store that --store-start true starts does not answer within a minute"):
        store.start()
    store.kill()


def test_waiting_ends_at_its_bound():
    before = time.monotonic()
    assert not wait_until(lambda: False, 0.2)
    assert 0.2 <= time.monotonic() - before < 5
