"""The template's parameters are our command line's: described, checked at launch, and run by one step."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from offline_dataflow import DRY, FLAGS, IMAGE, go_offline

from pipeline.cli import cli
from pipeline.engines import dataflow, flex_template
from pipeline.engines.flex_template import drive, launch, main, parameters
from pipeline.errors import FatalError, SettingError
from pipeline.stage_names import STAGE_HELP

TEMPLATE = Path(__file__).parents[3] / "flex-template"
DESCRIBED = {item["name"]: item for item in json.loads((TEMPLATE / "metadata.json").read_text())["parameters"]}
GIVEN = (
    "--recipe=demo",
    "--inputs=gs://my-bucket/dumps",
    "--output=gs://my-bucket/run",
    FLAGS[-1],
)
LAUNCHER = (
    *FLAGS[:-1],
    "--template_location=gs://my-bucket/staging/template_launches/1/job_object",
    "--job_name=dump",
)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(dataflow, "_check_installed", lambda: None)


def test_what_is_described_is_what_is_taken():
    taken = {action.dest: action for action in parameters()._actions}
    assert set(taken) == set(DESCRIBED) - {"sdk_container_image"}  # That one is Beam's own.
    for name, action in taken.items():
        assert action.required != DESCRIBED[name].get("isOptional", False), name


@pytest.mark.parametrize("name", ["command", "until"])
def test_each_verb_is_described_and_exists(name):
    verbs = re.fullmatch(r"\^\((.+)\)\$", DESCRIBED[name]["regexes"][0])[1].split("|")
    assert set(verbs) <= set(cli.commands)
    assert set(STAGE_HELP) - set(verbs) == {"train"}


@pytest.mark.parametrize(
    "name, good, bad",
    [
        ("recipe", ["llama1", "demo.toml", "gs://b/mine.toml"], ["", "gs://b/mine.json", "a b"]),
        ("inputs", ["gs://my-bucket/dumps", "gs://my-bucket"], ["gs://ab/x", "s3://my-bucket", "dumps"]),
        ("output", ["gs://my-bucket/run/1"], ["gs://My-Bucket/run"]),
        ("sdk_container_image", [IMAGE, f"a/b@sha256:{'0' * 64}"], ["tokenmill", "a/b:1 2"]),
        ("set", ["seed=3", "seed=3 tokens.shard_bytes=268435456"], ["seed", "seed=3  x=1", "--set seed=3"]),
        ("beam_flags", ["--max_num_workers=200 --enable_hot_key_logging"], ["max_num_workers=200", "-x"]),
    ],
)
def test_a_parameters_expression_lets_through_what_is_right(name, good, bad):
    (expression,) = DESCRIBED[name]["regexes"]
    for value, is_right in [*((value, 0) for value in good), *((value, 1) for value in bad)]:
        # The service's own dialect, that of egrep.
        found = subprocess.run(["grep", "-qE", expression], input=value or "\n", text=True, check=False)
        assert found.returncode == is_right, value


def test_parameters_become_our_command_line_and_the_launchers_flags_those_of_the_jobs():
    found = launch([*GIVEN, *LAUNCHER, "--set=seed=3 name=mine", "--beam_flags=--max_num_workers=9", "--labels", "a=b"])
    assert found.arguments == (
        *("run", "demo", "--output", "gs://my-bucket/run", "--until", "verify"),
        *("--set", "inputs.root=gs://my-bucket/dumps", "--set", "seed=3", "--set", "name=mine"),
        *("--", "--runner=DataflowRunner", GIVEN[3], *LAUNCHER[1:4], "--labels=a=b", "--max_num_workers=9"),
    )
    assert "--max_num_workers=1" in found.driver
    assert LAUNCHER[4] in found.driver


def test_a_stage_of_its_own_has_no_end():
    assert launch([*GIVEN, *LAUNCHER, "--command=clean"]).arguments[:4] == ("clean", "demo", "--output", GIVEN[2][9:])


@pytest.mark.parametrize(
    "change, said",
    [
        ("--output=out/demo", "--output out/demo lies on this machine"),
        ("--inputs=/dumps", "inputs /dumps lies on this machine"),
        ("--recipe=lama1", "recipe lama1 is neither a file"),
        ("--set=sed=3", "unknown key sed; did you mean seed?"),
        ("--region=europe-west1-b", "is no region"),
    ],
)
def test_what_a_run_would_refuse_is_refused_at_launch(change, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        launch([*GIVEN, *LAUNCHER, change])


def test_a_wrong_setting_ends_the_launcher_with_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main([*GIVEN, *LAUNCHER, "--recipe=https://me:hunter22@host/mine.toml#lama"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "hunter22" not in said


def test_the_step_runs_the_command_line_and_logs_what_it_says(caplog, tmp_path, monkeypatch):
    said = tmp_path / "python"
    said.write_text('#!/bin/sh\necho "$@"\n')
    said.chmod(0o755)
    monkeypatch.setattr(flex_template.sys, "executable", str(said))
    with caplog.at_level("INFO"):
        drive(["clean", "demo"])
    assert caplog.messages == ["-m pipeline.cli clean demo"]


def test_the_step_fails_with_the_command_lines_last_line():
    with pytest.raises(FatalError, match=r"^recipe lama1 is neither a file nor one that ships"):
        drive(["clean", "lama1", "--output", "x"])


def test_the_job_of_a_launch_is_one_step(monkeypatch):
    go_offline(monkeypatch)
    held = []
    build = flex_template.build
    monkeypatch.setattr(flex_template, "build", lambda *given: (held.append(given[0]), build(*given)))
    main([*GIVEN, *LAUNCHER, *DRY])
    found = dataflow.figures(held[0].result.job)
    assert found.max_workers == 1
    assert found.environments == ((IMAGE, ()),)


def test_the_launchers_file_does_nothing_but_start_it():
    assert (TEMPLATE / "launch.py").read_text().splitlines()[2:] == [
        "from pipeline.engines.flex_template import main",
        "",
        "main()",
    ]
