"""Each command says what it does; a wrong word is one line, exit code 2, and nothing written."""

import json
import random
from dataclasses import replace

import pytest

from pipeline import cli, training
from pipeline.cli import _exit_code
from pipeline.guards import locked
from pipeline.section import SOURCES
from pipeline.stage_names import STAGES
from pipeline.storage import Folder


def called(capsys, *arguments):
    code = _exit_code([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("command", cli.cli.commands)
def test_each_command_has_help_with_an_example(capsys, command):
    code, out, _ = called(capsys, command, "--help")
    assert code == 0
    assert f"Example: tokenmill {command}" in out


def test_there_is_a_command_for_each_stage_in_their_order():
    stages = [name for name in cli.cli.commands if name in STAGES]
    assert sorted(stages) == sorted(STAGES)


def test_a_run_may_end_at_any_stage(capsys, tmp_path):
    code, _, err = called(capsys, "run", "demo", "--output", tmp_path / "out", "--until", "nowhere")
    assert code == 2 and "no stage nowhere; known: index-evals, clean" in err


def test_without_a_command_the_help_is_shown(capsys):
    code, _, err = called(capsys)
    assert code == 2
    assert "doctor" in err


WRONG = [
    ("no-such-recipe", (), "recipe no-such-recipe is neither a file nor one that ships"),
    ("demo", ("--set", "mixtur.total_tokens=1"), "demo: unknown key mixtur; did you mean mixture?"),
    ("demo", ("--set", "seed=-1"), "demo: seed must be at least 0, got -1"),
    ("demo", ("--set", "seed"), "--set seed: write key=value"),
    ("demo", ("--worker", "2"), "No such option"),
    ("demo", ("--workers", "0"), "Invalid value for '--workers'"),
    ("demo", ("--", "--runer=SparkRunner"), "unknown Beam flag --runer=SparkRunner; did you mean --runner?"),
    ("demo", ("--set", "inputs.root=/nowhere"), "inputs.root = /nowhere: no such folder"),
    ("demo", ("--set", "inputs.root=s9://bucket"), "inputs.root s9://bucket: Protocol not known: s9"),
    ("demo", ("--set", "language.model=/nowhere/lid.bin"), "language: no model at /nowhere/lid.bin"),
]


@pytest.mark.parametrize("recipe, extra, message", WRONG)
def test_a_wrong_word_is_one_line_and_nothing_is_written(capsys, tmp_path, recipe, extra, message):
    code, out, err = called(capsys, "clean", recipe, "--output", tmp_path / "out", *extra)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_is_left_and_writes_nothing(capsys, small_run, tmp_path):
    fresh = replace(small_run, output=tmp_path / "out")
    code, out, _ = called(capsys, "run", *fresh.arguments(), "--dry-run")
    assert code == 0
    assert "clean c4: 4 of 4 units to do" in out.splitlines()
    assert not fresh.output.exists()


def test_a_dry_run_as_json_is_one_object(capsys, small_run):
    code, out, err = called(capsys, "run", *small_run.arguments(), "--dry-run", "--json")
    plan = json.loads(out)
    assert (code, err, set(plan), set(plan["inputs"])) == (
        0,
        "",
        {"recipe", "beam_flags", "inputs", "stages", "stream"},
        set(SOURCES),
    )
    assert plan["stream"]["sources"]["c4"]["readings"]
    assert {row["units_to_do"] for row in plan["stages"]} == {0}


def test_with_json_one_object_is_on_standard_output_and_nothing_on_standard_error(capfd, copied_run):
    code, out, err = called(capfd, "clean", *copied_run.arguments(), "--json")
    told = json.loads(out)
    assert (code, told["did"], told["limits_passed"]) == (0, [], [])
    assert set(told["stages"]["clean"]) == set(SOURCES)
    assert err == ""


def test_past_a_limit_the_exit_code_is_1_with_one_line(capsys, copied_run):
    limit = ("--set", "limits.max_failed_fraction=0.0")
    code, out, err = called(capsys, "dedup", *copied_run.arguments(), *limit)
    assert (code, out) == (0, "")
    code, _, err = called(capsys, "clean", *copied_run.arguments(), *limit)
    assert code == 1
    assert [line for line in err.splitlines() if line.startswith("error: clean/")] == err.splitlines()[-1:]


def test_a_folder_in_which_another_run_is_at_work_is_refused(capsys, copied_run):
    with locked(Folder(str(copied_run.output))):
        code, _, err = called(capsys, "clean", *copied_run.arguments())
    assert (code, err) == (2, f"error: --output {copied_run.output}: another run is at work there\n")


def test_training_without_torch_is_refused_before_any_work(capsys, small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    code, _, err = called(capsys, "run", *replace(small_run, output=tmp_path / "out").arguments())
    assert (code, err) == (2, "error: train needs PyTorch: pip install 'tokenmill[train]'\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error, code", [(KeyboardInterrupt(), 130), (OSError("No space left on device"), 1)])
def test_an_interrupt_and_a_full_disk_are_one_line(capsys, monkeypatch, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cli, "shipped_recipes", fail)
    found, _, err = called(capsys, "recipes")
    assert (found, len(err.strip().splitlines())) == (code, 1)


def test_random_bytes_of_every_source_are_quarantined_with_reasons(capsys, small_run, tmp_path):
    chance = random.Random(5)
    for path in small_run.dumps.rglob("*"):
        if path.is_file():
            target = tmp_path / "dumps" / path.relative_to(small_run.dumps)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(chance.randbytes(500))
    noise = replace(small_run, dumps=tmp_path / "dumps", output=tmp_path / "out")
    code, _, err = called(capsys, "clean", *noise.arguments())
    assert code == 1
    assert "Traceback" not in err
    assert {path.parent.name for path in noise.output.glob("quarantine/clean/*/*.parquet")} == set(SOURCES)
    code, _, err = called(capsys, "train-language", *noise.arguments())
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith("error: language identification needs Wikipedias of two languages or more")


def test_recipes_that_ship_are_listed(capsys):
    assert called(capsys, "recipes") == (0, "demo\nllama1\n", "")
