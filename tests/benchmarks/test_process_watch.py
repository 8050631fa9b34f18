import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.process_watch import JVM, PARENT, WORKER, peak_bytes, watched

GROWS = "import time; held = bytearray(200_000_000); held[::4096] = b'x' * len(held[::4096]); time.sleep(1.6)"
STARTS = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {GROWS!r}]); print('done')"
BURNS = "import time; end = time.process_time() + 0.7\nwhile time.process_time() < end: pass\ntime.sleep(1.6)"


def python(code, folder):
    return watched([sys.executable, "-c", code], os.environ, folder / "said.txt")


def test_a_worker_is_told_from_its_parent(tmp_path):
    taken = python(STARTS, tmp_path)
    assert (taken.code, taken.said) == (0, "done\n")
    assert 0 < taken.peak_mb[PARENT] < 100 < 200 < taken.peak_mb[WORKER] < 400
    assert taken.wall_seconds > 1.6


def test_a_starter_that_becomes_java_is_java(tmp_path):
    java = str(shutil.copy(shutil.which("sleep"), tmp_path / "java"))
    becomes = f"import os, time; time.sleep(0.8); os.execv({java!r}, ['java', '2.4'])"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {becomes!r}])"
    assert set(python(starts, tmp_path).peak_mb) == {PARENT, JVM}


def test_processor_seconds_are_those_of_all_processes(tmp_path):
    twice = f"import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, '-c', {BURNS!r}])"
    assert 1.4 <= python(twice, tmp_path).cpu_seconds < 4


def test_what_ran_before_is_no_part_of_the_command(tmp_path):
    with subprocess.Popen([sys.executable, "-c", GROWS + "; time.sleep(3)"]) as bystander:
        taken = python("import time; time.sleep(0.7)", tmp_path)
        bystander.kill()
    assert WORKER not in taken.peak_mb


def test_an_exit_code_is_passed_on(tmp_path):
    assert python("raise SystemExit(3)", tmp_path).code == 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_peak_does_not_fall(tmp_path):
    held = bytearray(64 << 20)
    before = peak_bytes(psutil.Process())
    del held
    assert peak_bytes(psutil.Process()) >= 0.99 * before > 64 << 20  # Linux counts a few pages late.
