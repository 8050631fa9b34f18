"""A training ends with the run that started it."""

import os
import subprocess
import sys

import pytest

from trainer.starter import ENDS_WITH_INPUT

WORK = "from trainer.starter import end_with_starter; import time; end_with_starter(); print('at work', flush=True); "


@pytest.fixture
def started():
    """`started(seconds, **environment)`: a process that works so long unless it is ended, after it has begun."""
    begun = []

    def start(seconds, **environment):
        command = [sys.executable, "-c", f"{WORK}time.sleep({seconds})"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        begun.append(subprocess.Popen(command, env=os.environ | environment, **pipes))
        assert begun[-1].stdout.readline() == b"at work\n"
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_it_ends_when_its_input_is_closed(started):
    process = started(60, **{ENDS_WITH_INPUT: "1"})
    process.stdin.close()
    assert process.wait(10) == 1


def test_it_works_on_as_long_as_its_input_is_held(started):
    process = started(1, **{ENDS_WITH_INPUT: "1"})
    process.stdin.write(b"a word\n")
    process.stdin.flush()
    assert process.wait(10) == 0


def test_by_hand_it_does_not_care(started):
    process = started(1)
    process.stdin.close()
    assert process.wait(10) == 0
