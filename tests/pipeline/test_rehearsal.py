"""A job of Dataflow's is built and looked at where there is neither network nor a bucket."""

import pytest
from offline_dataflow import DRY, FLAGS, IMAGE, go_offline

from pipeline.context import Run
from pipeline.engine import Engine
from pipeline.errors import SettingError
from pipeline.recipe_file import load_recipe
from pipeline.rehearsal import _works, rehearse
from pipeline.run import STAGES
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
    said = rehearse(run_of("demo"), Engine((*FLAGS, *DRY), log=tmp_path / "log"), stages)
    assert said[0] == f"first job: {first}"
    assert said[1].startswith("job graph: ")
    assert said[2] == f"environment: {IMAGE}, hints: none"
    assert said[-1].endswith("of the 20,000,000 that the service takes")
