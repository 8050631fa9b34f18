"""What a claim is, and how its two sides are measured: in one run, on one core, in turns."""

import gc
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeVar

from benchmarks.inputs import Inputs

MIN_ROUNDS, MAX_ROUNDS = 3, 15

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")


class DisagreementError(Exception):
    """Ours and the reference do not give the same answer, so their speeds say nothing."""


class SkippedError(Exception):
    """What the claim needs is not on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured. For a `unit` of memory less is better, for all others more."""

    ours: float
    reference: float
    reference_is: str
    unit: str
    input_bytes: int

    @property
    def ratio(self) -> float:
        """How many times better ours is than the reference."""
        return self.reference / self.ours if self.unit == "MB" else self.ours / self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence about speed or memory, and the function that puts it to the test.

    `goal` is what `goal_of` should at least be: the ratio, or our own figure. It is an aim, not a promise.
    """

    name: str
    compares: str
    goal: float
    measure: Callable[[Inputs], Figures]
    goal_of: Literal["ratio", "ours"] = "ratio"

    def line(self, figures: Figures, inputs: Inputs) -> dict[str, Any]:
        """The claim's line of JSON."""
        return {
            "name": self.name,
            "ours": round_off(figures.ours),
            "reference": round_off(figures.reference),
            "reference_is": figures.reference_is,
            "unit": figures.unit,
            "ratio": round_off(figures.ratio),
            "goal": self.goal,
            "goal_of": self.goal_of,
            "input": inputs.described,
            "input_bytes": figures.input_bytes,
            "machine": machine(),
        }


def race(
    ours: Callable[[], Ours],
    reference: Callable[[], Theirs],
    *,
    seconds: float,
    agree: Callable[[Ours, Theirs], None],
) -> tuple[float, float]:
    """Median seconds of both sides, called in turns on one core for about so many seconds, three times at least.

    The first call of each warms up; `agree` raises DisagreementError where the two answers are not the same.
    """
    with one_core(), quiet_collector():
        start = time.perf_counter()
        answers = ours(), reference()
        once = time.perf_counter() - start
        agree(*answers)
        del answers
        times = [(_timed(ours), _timed(reference)) for _ in range(rounds(once, seconds))]
    return median(first for first, _ in times), median(second for _, second in times)


def rounds(once: float, seconds: float) -> int:
    """How often a pair of calls that takes `once` fits, within bounds; odd, so that a median was measured."""
    return min(MAX_ROUNDS, max(MIN_ROUNDS, int(seconds / max(once, 1e-9)))) // 2 * 2 + 1


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = call()
    elapsed = time.perf_counter() - start
    del result  # What it takes to free an answer is not timed.
    return elapsed


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process, and what it starts, to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keeps Python's collector from looking through the inputs again and again while others are timed."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def megabytes_a_second(size: int, seconds: tuple[float, float], reference_is: str) -> Figures:
    """Both sides' speed over an input of `size` bytes, from the seconds that `race` found."""
    ours, reference = (size / 1e6 / side for side in seconds)
    return Figures(ours=ours, reference=reference, reference_is=reference_is, unit="MB/s", input_bytes=size)


def round_off(value: float) -> float:
    """Three digits: no more was measured."""
    return float(f"{value:.3g}")


@cache
def machine() -> str:
    """Processor, cores and Python."""
    try:
        known = Path("/proc/cpuinfo").read_text()
    except OSError:
        known = ""
    models = [line.partition(":")[2].strip() for line in known.splitlines() if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
