"""Commands that stand for runs: they announce stages, start workers, and end when they are told to."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.drill.processes import MARK, Driver, end_all, marked, start_driver

Start = Callable[..., Driver]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("code")`: Python code as a driver, with `begins("stage")` and `worker()` at hand."""
    mark = tmp_path.as_posix()
    at_hand = """
import pathlib, subprocess, sys, time
def begins(stage): print(stage, "begins", flush=True)
def worker(seconds=30): return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
"""

    drivers = []

    def started(code: str) -> Driver:
        drivers.append(start_driver([sys.executable, "-c", at_hand + code], tmp_path / "said.log", {MARK: mark}))
        return drivers[-1]

    yield started
    end_all(marked(mark))
    for driver in drivers:
        driver.process.wait()
