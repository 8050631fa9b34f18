"""A job server ends with the command that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.engines.java_boot import launcher_path

STARTS = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'from pipeline.engines.java_boot import main; "
    "main()', '60']); sys.stdin.read()"
)


@pytest.fixture
def java(tmp_path, monkeypatch):
    """A program of that name, which writes down its process and what it is given, and then takes its time."""
    program = tmp_path / "java"
    program.write_text(f'#!/bin/sh\necho $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/process; exec sleep "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "process"


def wait_for(happened):
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells a process that its parent is gone")
def test_java_ends_when_the_command_is_killed(java):
    with subprocess.Popen([sys.executable, "-c", STARTS], stdin=subprocess.PIPE) as command:
        wait_for(java.exists)
        started = Path("/proc", java.read_text().strip())
        assert (started / "exe").exists()
        command.send_signal(signal.SIGKILL)
    wait_for(lambda: not (started / "exe").exists())


def test_the_program_lies_beside_python():
    assert launcher_path().parent == Path(sys.executable).parent
