"""Every command of docs/gpu.md that needs no GPU runs, and does what the page says."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer.cli import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/gpu.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("tokenmill-trainer ")]


MEASURING = next(command for command in COMMANDS if " bench " in command)
PLANNING = [command for command in COMMANDS if command != MEASURING]


@pytest.mark.parametrize("command", PLANNING)
def test_a_command_of_the_page_runs(command, capsys):
    assert main(shlex.split(command)[1:]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) if "--json" in command else out.count("\n") >= 2


def test_the_page_shows_all_verbs_that_plan_and_measure():
    assert {shlex.split(command)[1] for command in COMMANDS} == {"plan", "budget", "bench"}
    assert len(COMMANDS) == 7


def test_the_table_on_the_page_is_what_the_first_command_prints(capsys):
    main(shlex.split(COMMANDS[0])[1:])
    table = next(block for block in BLOCKS if block.startswith("activations"))
    assert table in capsys.readouterr().out


def test_what_the_page_says_is_refused_is_refused(capsys):
    command, line = next(block for block in BLOCKS if block.startswith("$ ")).splitlines()
    assert main(shlex.split(command)[2:]) == 2
    assert capsys.readouterr().err == line + "\n"


@pytest.mark.parametrize("options", [["--list"], ["--table"]])
def test_the_parts_are_listed_and_shown_without_a_gpu(options):
    assert f"python -m benchmarks.gpu {options[0]}" in PAGE
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu", *options], cwd=ROOT, capture_output=True, check=True)
    assert b"6.7b" in done.stdout


def test_make_runs_the_command_of_the_page():
    assert "make gpu-bench" in PAGE
    asked = ["make", "-n", "--no-print-directory", "gpu-bench", "PYTHON=py", "PARTS=1.3b 6.7b"]
    asked += ["FORCE=1", "RESULTS=out"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == "py -m benchmarks.gpu 1.3b 6.7b --force --results out".split()


def test_every_figure_of_the_measurement_is_explained(capsys):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert main(shlex.split(MEASURING)[1:]) == 0
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    told_by_name = {"device", "versions", "case", "computed_in", "loss", "skipped_steps", "step_seconds"}
    found = json.loads(capsys.readouterr().out).keys() - told_by_name
    assert not {key for key in found if f"`{key}`" not in PAGE}
