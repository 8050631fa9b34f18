"""Every example of a command's help works: it is taken out of the help and run on a small demo, word for word."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from pipeline.cli import _exit_code, cli
from pipeline.new_recipe import recipe_text
from pipeline.section import SOURCES
from trainer.cli import cli as trainer_cli
from trainer.cli import main as trainer_main

READ_ONLY = {
    "tokenmill drill": "kills commands for minutes, some on a cluster; tests/test_drill.py runs it",
    "tokenmill fetch": "asks the sites of dumps; tests/pipeline/fetch/test_command.py runs each against one of its own",
    "tokenmill init web.toml": "asks a bucket",
    "tokenmill plan": "takes a sample through all stages, for minutes; tests/pipeline/planning/test_plan.py runs it",
    "tokenmill doctor": "asks whether job servers can be downloaded; tests/pipeline/test_doctor_command.py runs it",
    "tokenmill-trainer bench": "a billion parameters need a GPU; tests/trainer/test_bench.py runs it on fewer",
    "tokenmill-trainer choices": "needs evaluation sets; tests/trainer/test_evaluation_commands.py makes one",
}
"""Examples that are not run but read, options and all, and why."""


def commands(group, called):
    for name, command in group.commands.items():
        yield f"{called} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{called} {name}")


COMMANDS = dict([*commands(cli, "tokenmill"), *commands(trainer_cli, "tokenmill-trainer")])


def examples(command):
    """The lines of the help that are commands, without the remark behind three blanks."""
    for line in command.help.splitlines():
        if found := re.match(r"\s*(?:Example: |\s{6,})(tokenmill.*?)(?:\s{3,}.*)?$", line):
            yield found[1]


EXAMPLES = list(dict.fromkeys(example for command in COMMANDS.values() for example in examples(command)))


def why_not_run(example):
    return next((why for begins, why in READ_ONLY.items() if example.startswith(begins)), None)


@pytest.fixture(scope="module")
def place(small_run, tmp_path_factory):
    """A folder as someone has it who made the demo and read on: examples follow each other in it."""
    folder = tmp_path_factory.mktemp("examples")
    made = small_run.copied_to(folder)
    (folder / "out").rename(folder / "demo-output")
    (folder / "out").mkdir()
    (folder / "demo-output").rename(folder / "out/demo")
    # A file of that name goes before the recipe that ships: the demo, as small as it was made here.
    recipe = made.run().recipe
    (folder / "demo").write_text(recipe_text(recipe, SOURCES, name="demo", root=str(small_run.dumps)))
    shutil.copytree(small_run.dumps, folder / "out/demo-dumps")
    steps = folder / "out/demo/training/checkpoints"
    (steps / "step-00000400").symlink_to(steps / "step-00000020")
    shutil.copy(folder / "out/demo/models/tokenizer/tokenizer.model", folder / "mine.model")
    shutil.copy(folder / "out/demo/logs/train-settings.json", folder / "settings.json")
    (folder / "urls.txt").write_text("https://example.org/nowhere\n")
    (folder / "prompts.txt").write_text("The coffee\n")
    return folder


def words_of(example):
    """The words as a shell gives them."""
    words = shlex.split(example)[1:]
    return [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_of_itself(name):
    assert any(example.startswith(f"{name} ") or example == name for example in examples(COMMANDS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("example", [example for example in EXAMPLES if why_not_run(example) is None])
def test_an_example_runs(place, monkeypatch, capfd, example):
    monkeypatch.chdir(place)
    run = trainer_main if example.startswith("tokenmill-trainer") else _exit_code
    code = run(words_of(example))
    said = capfd.readouterr()
    assert (code, "Traceback" in said.err) == (0, False), said.err


@pytest.mark.parametrize("example", [example for example in EXAMPLES if why_not_run(example) is not None])
def test_an_example_that_is_not_run_is_read_with_all_its_options(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.txt").touch()
    words = words_of(example)
    command = COMMANDS[f"{shlex.split(example)[0]} {words[0]}"]
    words = words[1:]
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    assert command.make_context(command.name, words).params


def test_each_exception_is_of_an_example_that_there_is():
    assert [begins for begins in READ_ONLY if not any(example.startswith(begins) for example in EXAMPLES)] == []
