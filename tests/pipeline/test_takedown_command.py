"""`tokenmill takedown` as people and programs meet it."""

import json

import pytest
from click.testing import CliRunner
from provenance_run import marker, url, words_below

from pipeline.cli import cli
from pipeline.errors import SettingError


@pytest.fixture
def command(provenance_run, monkeypatch, tmp_path):
    """`command("https://…", options=["--json"])`: what the command prints for a list of these lines."""
    monkeypatch.setattr("pipeline.recipe_file.load_recipe", lambda name, overrides: provenance_run.recipe)

    def called(*lines, options=()):
        (tmp_path / "list.txt").write_text("\n".join(lines))
        arguments = ["t", "--output", provenance_run.output.url, "--list", str(tmp_path / "list.txt"), *options]
        found = CliRunner().invoke(cli, ["takedown", *arguments], catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.output

    return called


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(command, provenance_run):
    before = {name: provenance_run.output.digest(name) for name in provenance_run.output.walk("")}
    said = json.loads(command(url("a", 1), options=["--dry-run", "--json"]))
    assert {name: provenance_run.output.digest(name) for name in provenance_run.output.walk("")} == before
    assert (said["did"], said["report"], len(said["documents"])) == (False, None, 1)
    assert said["tokens_masked"] > 0 and said["positions"]


def test_a_takedown_tells_people_what_was_removed(command, provenance_run, vocabulary_path):
    said = command(url("a", 1), "nobody", "# a comment")
    assert f"{url('a', 1)}: " in said and "nobody: no such document" in said
    assert " tokens masked, c4/c4-train.a.json.gz-00000:" in said and "report: takedown/00001.json" in said
    assert "3 training steps are done: " in said and "caution: models/tokenizer was trained on" in said
    assert marker("a", 1) not in said + words_below(provenance_run, vocabulary_path)


def test_the_same_again_says_that_nothing_is_to_do(command):
    command(url("a", 1))
    assert "nothing to do: no document that has not been taken down before" in command(url("a", 1))


def test_an_empty_list_is_refused_before_anything_is_read(command):
    with pytest.raises(SettingError, match="names no document"):
        command("# nobody")
