"""A worker lives as long as its executor, and an executor no longer than a worker of its that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.engines import worker_boot

ROOT = Path(__file__).parents[3]
KEEP = "import sys; from pipeline.engines.worker_boot import keep; sys.exit(keep(sys.argv[1:]))"
FOUND = "import pipeline, sys; sys.exit(not hasattr(pipeline, '__path__'))"
EXECUTOR = "import subprocess, sys; subprocess.run(sys.argv[2:])"


def keeper(*command, executor=()):
    """A keeper of a command, as the child of a program that calls itself an executor if that is asked for."""
    kept = [sys.executable, "-c", KEEP, *command]
    return subprocess.Popen([*executor, *kept], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def ends(process, seconds=20):
    deadline = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(process)


def test_a_keeper_of_a_worker_loads_nothing_that_the_worker_will():
    heavy = "import sys, pipeline.engines.worker_boot; sys.exit('numpy' in sys.modules or 'grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, check=True)


def as_executor(name):
    return (sys.executable, "-c", EXECUTOR, f"org.apache.spark.executor.{name}")


def test_the_keeper_ends_with_its_worker_and_its_code():
    with keeper("sh", "-c", "exit 3") as process:
        assert process.wait(20) == 3


def python_of(command):
    return command[: command.index("-m")]


def test_a_worker_is_ours_wherever_its_executor_stands(tmp_path, monkeypatch):
    (tmp_path / "pipeline.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(worker_boot, "keep", lambda command: subprocess.call([*python_of(command), "-c", FOUND]))
    with pytest.raises(SystemExit, match="0"):
        worker_boot.main(["--id=1", "--provision_endpoint=localhost:1"])


def test_a_worker_ends_when_its_keeper_is_told_to():
    with keeper("sh", "-c", "echo $$; exec sleep 60") as process:
        worker = int(process.stdout.readline())
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGKILL
        assert ends(worker)


@pytest.mark.parametrize("name, code", [("CoarseGrainedExecutorBackend", -signal.SIGTERM), ("JobServer", 0)])
def test_an_executor_goes_when_its_worker_was_killed_but_no_other_program(name, code):
    with keeper("sh", "-c", "sleep 0.2; kill -9 $$", executor=as_executor(name)) as process:
        assert process.wait(20) == code


def test_an_executor_stays_when_its_worker_ends_by_itself():
    with keeper("sh", "-c", "exit 1", executor=as_executor("CoarseGrainedExecutorBackend")) as process:
        assert process.wait(20) == 0


def test_a_worker_ends_with_its_executor():
    with keeper("sh", "-c", "echo $$; exec sleep 60", executor=as_executor("JobServer")) as process:
        worker = int(process.stdout.readline())
        process.kill()
        assert ends(worker)


def test_without_a_task_the_program_says_how_it_is_called(capsys):
    with pytest.raises(SystemExit):
        worker_boot.main([])
    assert "give --pool=PORT; or let an executor" in capsys.readouterr().err
