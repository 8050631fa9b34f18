"""The training loop over several processes: as one process trains, and whatever happens to them, it goes on."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from worlds import in_processes

from trainer import step, train
from trainer.cli import main

STEPS = 10
SETTINGS = {"steps": STEPS, "checkpoint_steps": 4, "micro_batch_sequences": 1}


@pytest.fixture
def command(tmp_path, stream_folder, tiny):
    """`command("out", tensor_parallel=2)`: arguments of a run in a folder of its own name."""

    def build(output: str, **settings: Any) -> list[str]:
        path = tmp_path / f"{output}.json"
        path.write_text(json.dumps(asdict(tiny(**SETTINGS | settings))))
        return [
            "train",
            f"--stream={stream_folder}",
            f"--output={tmp_path / output}",
            f"--settings={path}",
            "--device=cpu",
        ]

    return build


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def run(arguments: list[str], killed_before: int = 0) -> tuple[int, list[str]]:
    """In one of several processes: the exit code, and what was said. The last is killed before a step."""
    genuine = step.train_step

    def killed(state: Any, *others: Any) -> Any:
        if state.step + 1 == killed_before and os.environ["RANK"] != "0":
            os.kill(os.getpid(), signal.SIGKILL)
        return genuine(state, *others)

    train.train_step = killed
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(arguments)
    return code, said.getvalue().splitlines()


def assert_same_training(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """The same steps and tokens, and losses that differ by rounding alone."""
    for one, other in zip(found, expected, strict=True):
        assert one.pop("source_losses") == pytest.approx(other["source_losses"], rel=1e-5)
        assert one == pytest.approx({name: value for name, value in other.items() if name != "source_losses"}, rel=1e-5)


def test_a_run_of_two_that_loses_one_goes_on_with_both_sharing_each_product(command, tmp_path):
    assert main(command("alone")) == 0
    left, lost = in_processes(2, run, command("out"), 7, may_die=True)
    assert left[0] == 1 and lost is None
    assert left[1][-1].startswith("error: the processes have lost each other: ")
    assert len(metrics(tmp_path / "out")) in (5, 6)
    first, second = in_processes(2, run, command("out", tensor_parallel=2))
    assert (first[0], second) == (0, (0, [])) and "resumes after step 4" in first[1]
    assert_same_training(metrics(tmp_path / "out"), metrics(tmp_path / "alone"))


def test_settings_that_do_not_fit_two_processes_are_exit_2_and_a_line_of_each(command, tmp_path):
    first, second = in_processes(2, run, command("out", replicas=3))
    line = "replicas * tensor_parallel must divide the number of processes = 2, got 3 * 1 = 3"
    assert (first, second) == ((2, [f"error: {line}"]), (2, [f"error in process 1: {line}"]))
    assert not (tmp_path / "out").exists()


def torchrun(arguments: list[str]) -> subprocess.Popen[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"]
    return subprocess.Popen([*launcher, *arguments], stderr=subprocess.PIPE, text=True)


def wait_for_steps(process: subprocess.Popen[str], path: Path, steps: int) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < steps:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_run_that_torchrun_started_and_stops_goes_on_alone(command, tmp_path, capsys):
    """Its steps are long enough to be hit; one process trains it to the end, as if alone from the start."""
    larger = {"dimension": 128, "batch_sequences": 8, "steps": 50, "checkpoint_steps": 5, "learning_rate": 1e-4}
    with torchrun(command("out", **larger)) as process:
        wait_for_steps(process, tmp_path / "out" / "metrics.jsonl", 6)
        process.terminate()
        said = process.communicate()[1]
    assert process.returncode != 0 and said.count("interrupted: run the same command again") == 1
    assert said.count("step 1/50") == 1 and "trainer/cli.py" not in said  # One speaks, and without a traceback.
    assert 6 <= len(metrics(tmp_path / "out")) < 50
    assert main(command("out", **larger)) == 0 and "resumes after step" in capsys.readouterr().err
    assert main(command("alone", **larger)) == 0
    assert_same_training(metrics(tmp_path / "out"), metrics(tmp_path / "alone"))
