"""`tokenmill drill` as people and programs meet it."""

import json

import pytest
from click.testing import CliRunner

from pipeline.cli import cli
from pipeline.drill.command import _store
from pipeline.drill.drill import Drill
from pipeline.errors import SettingError
from pipeline.storage import Folder


@pytest.fixture
def done(monkeypatch):
    """`done("--kills", "3")`: what the command prints, and the drills that it did."""
    drills = []

    def do(self):
        drills.append(self)
        return {"output": self.output.url, "runs": 2, "starts": 4, "kills": [{}, {}], "files": 7, "digest": "d"}

    monkeypatch.setattr(Drill, "do", do)

    def called(*arguments):
        found = CliRunner().invoke(cli, ["drill", "demo", *arguments], catch_exceptions=False)
        return found, drills

    return called


def test_all_that_the_runs_are_told_is_passed_on(done, tmp_path):
    options = ["--set", "seed=3", "--workers", "2", "--until", "mix", "--kills", "7", "--seed", "4"]
    _, (made,) = done("--output", str(tmp_path), *options, "--", "--runner=SparkRunner")
    assert made.words == (
        ("demo", "--set", "seed=3", "--workers", "2", "--until", "mix"),
        ("--", "--runner=SparkRunner"),
    )
    assert (made.recipe.seed, made.until, made.kills, made.seed) == (3, "mix", 7, 4)
    assert (made.kinds, made.reference, made.pattern, made.store) == (("workers", "driver"), None, None, None)


def test_a_store_a_pattern_and_a_reference_are_taken_up(done, tmp_path):
    given = ["--what", "store,driver", "--store-start", "serve", "--victims", "Executor.*7077", "--reference", "before"]
    _, (made,) = done("--output", str(tmp_path), *given)
    assert (made.kinds, made.store.command, made.pattern.pattern) == (("store", "driver"), "serve", "Executor.*7077")
    assert made.reference.url.endswith("/before")
    assert made.store.answers()


def test_a_store_that_is_not_there_does_not_answer():
    assert not _store("serve", Folder("no-such-protocol://bucket")).answers()


def test_figures_are_one_json_object_alone_or_a_line_for_people(done, tmp_path):
    found, _ = done("--output", str(tmp_path), "--json")
    assert (json.loads(found.stdout)["kills"], found.stderr) == ([{}, {}], "")
    found, _ = done("--output", str(tmp_path))
    assert found.stderr == "2 kills in 2 runs, 4 starts: the same bytes in 7 files\n"


@pytest.mark.parametrize(
    "given, said",
    [
        (["--what", "workers,disk"], "--what is a list of workers, driver, store, got 'disk'"),
        (["--what", "store"], "--what store needs --store-start: the command that starts it anew"),
        (["--victims", "("], r"--victims \(: missing \)"),
        (["--set", "sed=1"], "unknown key sed"),
        (["--set", "inputs.root=s9://bucket"], "inputs.root s9://bucket: Protocol not known: s9"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_run(done, tmp_path, given, said):
    with pytest.raises(SettingError, match=said):
        done("--output", str(tmp_path / "out"), *given)
    assert not (tmp_path / "out").exists()
