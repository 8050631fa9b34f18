"""`tokenmill explain` as people and programs meet it."""

import json

import pytest
from click.testing import CliRunner
from provenance_run import TWIN, marker, url

from pipeline.cli import cli
from pipeline.errors import SettingError


@pytest.fixture
def ask(finished_provenance_run, monkeypatch):
    """`ask("--position", "3")`: what the command prints."""
    run = finished_provenance_run
    monkeypatch.setattr("pipeline.recipe_file.load_recipe", lambda name, overrides: run.recipe)

    def asked(*arguments):
        found = CliRunner().invoke(
            cli, ["explain", "t", "--output", run.output.url, *map(str, arguments)], catch_exceptions=False
        )
        assert found.exit_code == 0, found.output
        return found.output

    return asked


def test_a_token_is_told_with_document_record_and_positions(ask):
    said = ask("--position", 0, "--token", 1)
    assert "position 0 (step 1, sequence 0, done)" in said
    assert "raw record: " in said and "its tokens are " in said and "»" in said


def test_a_step_and_a_sequence_are_a_position(ask):
    said = [
        json.loads(ask("--step", 2, "--sequence", 1, "--token", 3, "--json")),
        json.loads(ask("--position", 5, "--token", 3, "--json")),
    ]
    assert said[0] == said[1]


def test_a_range_of_steps_tells_every_sequence(ask):
    assert ask("--step", "1:2").count("position ") == 8
    assert [answer["position"] for answer in json.loads(ask("--step", "2", "--json"))["answers"]] == [4, 5, 6, 7]


def test_a_document_is_told_stage_by_stage(ask):
    said = ask("--document", f" {url('a', 2)} ")
    assert "  clean: kept\n  dedup: kept\n" in said and marker("a", 2) in said and "epoch 0: " in said
    assert "  dedup: rejected by " in ask("--document", url("b", TWIN))


def test_a_token_of_a_shard_has_no_position(ask):
    assert "books/u-00000:5" in ask("--shard-token", "books/u-00000:5")


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "give one of --position, --step, --shard-token, --document, got none"),
        (["--position", 1, "--step", 1], "got --position and --step"),
        (["--position", 1, "--sequence", 1], "give --step as well"),
        (["--step", "x"], "--step must be STEP or FIRST:LAST, got 'x'"),
        (["--step", "0", "--sequence", 0], "--step must be at least 1, got 0"),
        (["--step", "1:2", "--token", 1], "give one --step, and --sequence"),
        (["--step", "1", "--sequence", 4], "below trainer.batch_sequences = 4, got 4"),
        (["--shard-token", "c4:1"], "must be SOURCE/SHARD:TOKEN, got 'c4:1'"),
        (["--document", "nobody"], "no document has the doc_id, origin or address 'nobody'"),
    ],
)
def test_a_question_that_has_no_answer_is_one_line(ask, arguments, said):
    with pytest.raises(SettingError, match=said.replace(".", r"\.")):
        ask(*arguments)
