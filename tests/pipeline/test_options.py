"""What TAB offers for what commands share."""

import click
import pytest
from click.shell_completion import ShellComplete

from pipeline.options import folder_option, json_option, recipe_argument, set_option, shipped_recipes, until_option


@click.command()
@recipe_argument
@folder_option("--output")
@set_option
@until_option("The last stage.")
@json_option
def command(**_options):
    """One that shares all of it."""


def offered(*words):
    *before, begun = words
    return [item.value for item in ShellComplete(command, {}, "x", "X").get_completions(before, begun)]


def test_a_recipe_is_one_that_ships_or_a_toml_file_or_lies_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "other.txt", ".hidden.toml"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/deeper.toml").touch()
    assert offered("") == ["demo", "llama1", "deep/", "mine.toml"]
    assert offered("m") == ["mine.toml"]
    assert offered("deep/") == ["deep/deeper.toml"]
    assert offered(".h") == [".hidden.toml"]
    assert offered("nowhere/x") == []


def test_a_key_of_the_recipe_waits_for_its_value():
    assert offered("--set", "mixture.se") == ["mixture.sequence_tokens="]
    assert offered("--set", "se") == ["seed="]


def test_the_last_stage_is_a_stage():
    assert offered("--until", "ded") == ["dedup"]


def test_a_folder_is_left_to_the_shell():
    (item,) = ShellComplete(command, {}, "x", "X").get_completions(["--output"], "ou")
    assert (item.type, item.value) == ("dir", "ou")


@pytest.mark.parametrize("name", ["demo", "llama1"])
def test_recipes_ship(name):
    assert name in shipped_recipes()
