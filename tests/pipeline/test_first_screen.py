"""`tokenmill` alone says what it is, what to try, and what there is."""

import shlex

import click
import pytest

from pipeline.cli import cli
from pipeline.first_screen import COMMANDS, first_screen
from pipeline.stage_names import STAGE_HELP

SCREEN = list(first_screen(cli.help))


def test_it_fits_on_a_screen():
    assert len(SCREEN) <= 44
    assert max(map(len, SCREEN)) <= 90


def test_the_first_three_commands_are_real():
    tried = [line.split("  ")[1] for line in SCREEN if line.startswith("  tokenmill ")]
    assert len(tried) == 3
    for _, name, *words in map(shlex.split, tried):
        cli.commands[name].make_context(name, words)


def test_each_command_is_shown_once_and_stages_in_their_order():
    shown = [name for section in COMMANDS.values() for name in section]
    assert [*shown, *STAGE_HELP] == cli.list_commands(click.Context(cli))
    assert sorted([*shown, *STAGE_HELP]) == sorted(cli.commands)
    words = " ".join(SCREEN).split()
    assert set(cli.commands) <= set(words)


def test_help_is_the_same_screen():
    assert cli.get_help(click.Context(cli)) == "\n".join(SCREEN)


@pytest.mark.parametrize("wrong, right", [("rum", "run"), ("dedupe", "dedup"), ("docter", "doctor")])
def test_a_misspelt_command_is_met_with_the_nearest(wrong, right):
    with pytest.raises(click.UsageError, match=f"no command {wrong}; did you mean {right}\\?"):
        cli.resolve_command(click.Context(cli), [wrong])
