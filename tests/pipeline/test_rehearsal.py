"""A job of Dataflow's is built and looked at where there is neither network nor a bucket."""

import json

import pytest
from click.testing import CliRunner
from offline_dataflow import DRY, FLAGS, IMAGE, go_offline

from pipeline.cli import cli
from pipeline.engine import Engine
from pipeline.errors import SettingError
from pipeline.recipe_file import load_recipe
from pipeline.rehearsal import _works, rehearse
from pipeline.run import Run
from pipeline.stage_names import STAGES
from pipeline.storage import Folder
from pipeline.work import FitWork, MapWork


def run_of(recipe: str, *overrides: str) -> Run:
    return Run(load_recipe(recipe, [*overrides, "inputs.root=gs://my-bucket/dumps"]), Folder("gs://my-bucket/run"))


@pytest.mark.parametrize(
    "stages, kind", [(("clean",), MapWork), (("train-language", "train-lm"), FitWork), (("dedup", "language"), list)]
)
def test_the_work_of_a_step_is_known_before_anything_is_read(stages, kind):
    assert isinstance(_works(run_of("demo"), stages), kind)


def test_what_needs_no_engine_is_no_job():
    assert _works(run_of("demo"), ("report",)) is None
    with pytest.raises(SettingError, match="--dry_run: report of this recipe starts no job"):
        rehearse(run_of("demo"), Engine(), ("report",))


def test_a_group_has_the_sources_that_have_the_stage():
    assert [work.label for work in _works(run_of("demo"), ("dedup",))] == [
        "dedup-commoncrawl",
        "dedup-c4",
        "dedup-github",
    ]


@pytest.mark.parametrize("stages, first", [(STAGES, "clean"), (("dedup", "language"), "dedup, language")])
def test_the_first_job_is_shown(tmp_path, monkeypatch, stages, first):
    go_offline(monkeypatch)
    said, job = rehearse(run_of("demo"), Engine((*FLAGS, *DRY), log=tmp_path / "log"), stages)
    assert said == first
    assert job.environments == ((IMAGE, ()),)
    assert job.steps > 5


def test_the_command_says_what_the_job_is_and_asks_nobody(monkeypatch):
    go_offline(monkeypatch)
    settings = ["--set", "inputs.root=gs://my-bucket/dumps", "--output", "gs://my-bucket/run"]
    asked = ["run", "demo", *settings, "--", *FLAGS, "--dry_run", "--no_auth"]
    said = CliRunner().invoke(cli, asked, catch_exceptions=False).output.splitlines()
    assert said[0] == "first job: clean"
    assert said[1].endswith("bytes; it is the same for any number of units")
    assert said[2] == f"environment: {IMAGE}, hints: none"
    assert said[3] == "workers: at most 100 n2-standard-4, 1 thread a process"
    assert said[4].endswith("of the 20,000,000 that the service takes")
    asked.insert(2, "--json")
    assert json.loads(CliRunner().invoke(cli, asked, catch_exceptions=False).output)["first_job"] == "clean"


def test_local_folders_are_refused_before_anything_is_built(monkeypatch):
    go_offline(monkeypatch)
    with pytest.raises(SettingError, match=r"^inputs.root out/demo-dumps lies on this machine"):
        CliRunner().invoke(
            cli, ["clean", "demo", "--output", "gs://my-bucket/run", "--", *FLAGS], catch_exceptions=False
        )
