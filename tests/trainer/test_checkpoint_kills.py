"""Runs that are killed, as by `kill -9`, before each thing that they do to the disk and at moments drawn by chance."""

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from saved_models import same_tensors
from torch import Tensor
from worlds import in_processes

from trainer.checkpoint import Checkpoints, check_files, checkpoint_folders, load_checkpoint, read_checkpoint

RUN = {"stream": "digest"}
STEPS, KEEP, EVERY = 5, 1, 2


def state_at(step: int, size: int) -> dict[str, Tensor]:
    return {name: torch.arange(size) * 10.0 + step for name in ("weights.a", "first.a", "second.a")}


def train(folder: Path, size: int, saved: Callable[[int], object]) -> None:
    """What the loop does: goes on from the newest checkpoint and saves after each step."""
    with Checkpoints(folder, keep=KEEP, keep_every_steps=EVERY, say=lambda line: None) as checkpoints:
        found = checkpoints.newest_good(lambda sequences: RUN, max_step=STEPS)
        for step in range(1 + (found.step if found else 0), STEPS + 1):
            checkpoints.save(step, step, RUN, state_at(step, size))
            checkpoints.wait()
            saved(step)


def retained(step: int) -> set[int]:
    """What stays after a step, as the class says it."""
    return {old for old in range(1, step + 1) if old > step - KEEP or old % EVERY == 0}


def in_a_fork(work: Callable[[Callable[[int], object]], None], kill_after: float | None = None) -> tuple[int, int]:
    """How `work` ended, 0 or minus the signal, and the last step that it called saved."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(lambda step: os.write(writer, bytes([step])))
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    os.close(writer)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        steps = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), (steps[-1] if steps else 0)


def kill_before(moment: int) -> None:
    """From here on, this process dies before it does the so many-th thing to files."""
    count = itertools.count()
    os.fsync = lambda file: sys.audit("os.fsync")  # A kill takes nothing from what the system has.

    def hook(event: str, _: Any) -> None:
        is_of_files = event in {"open", "os.fsync", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
        if is_of_files and next(count) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def wrong_in(folder: Path, size: int, saved: int) -> list[str]:
    """What a run that was killed after it had called `saved` saved has lost, and what its next start leaves lying."""
    said: list[str] = []
    with Checkpoints(folder, keep=KEEP, say=said.append) as checkpoints:
        there = {int(path.name[5:]) for path in checkpoint_folders(folder)}
        found = checkpoints.newest_good(lambda sequences: RUN, max_step=STEPS)
        step = found.step if found else 0
        said += [f"{step} is newest"] * (step not in (saved, saved + 1))
        said += [f"{old} is lost" for old in retained(saved) & retained(max(step, saved)) if old not in there]
    for old in there:
        tensors = {name: torch.zeros(size) for name in state_at(old, size)}
        whole = read_checkpoint(folder / f"step-{old:08d}")
        check_files(whole)
        load_checkpoint(whole, tensors)
        said += [f"{old} is not as saved"] * (not same_tensors(tensors, state_at(old, size)))
    return said + [f"{path.name} is left" for path in folder.glob("*") if path.suffix]


def killed_before_each_thing(folder: Path) -> tuple[int, list[str]]:
    """How many things a run does to files, and what was wrong after a kill before one of them."""
    wrong: list[str] = []
    for moment in itertools.count():
        place = folder / str(moment)

        def work(saved: Callable[[int], object], moment: int = moment, place: Path = place) -> None:
            kill_before(moment)
            train(place, 8, saved)

        code, saved = in_a_fork(work)
        if code == 0:
            return moment, wrong
        wrong += [f"before {moment}: {text}" for text in wrong_in(place, 8, saved)]
        wrong += [f"before {moment}: exit code {code}"] * (code != -signal.SIGKILL)
    raise AssertionError


def killed_by_chance(folder: Path, seed: int) -> tuple[int, list[str]]:
    """How often a run that writes megabytes was killed until it was through, and what was wrong in between."""
    chance, size, wrong, kills = random.Random(seed), 300_000, [], 0
    while True:
        _, saved = in_a_fork(lambda saved: train(folder, size, saved), chance.uniform(0, 0.02 * (kills + 1)))
        newest = max((int(path.name[5:]) for path in checkpoint_folders(folder)), default=0)
        wrong += [f"kill {kills}: {text}" for text in wrong_in(folder, size, saved or newest)]
        kills += 1
        if newest == STEPS or kills == 100:
            return kills, wrong


def test_a_kill_before_any_thing_done_to_the_disk_loses_no_retained_checkpoint(tmp_path):
    ((things, wrong),) = in_processes(1, killed_before_each_thing, tmp_path)
    assert things >= STEPS * 12
    assert wrong == []


def test_a_kill_at_any_time_loses_no_retained_checkpoint(tmp_path):
    ((kills, wrong),) = in_processes(1, killed_by_chance, tmp_path, 1)
    assert 3 <= kills < 100
    assert wrong == []
