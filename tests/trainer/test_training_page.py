"""What docs/training.md says can be done without a GPU is done here, in its order."""

import json
import re
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline.recipe_file import load_recipe
from trainer.checkpoint import FREE_SETTINGS
from trainer.cli import cli, main
from trainer.step_parts import PARTS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/training.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path, stream_folder, tiny, monkeypatch):
    """Where the page's commands run, with a small stream and settings for six steps of it."""
    (tmp_path / "out/demo").mkdir(parents=True)
    (tmp_path / "out/demo/stream").symlink_to(stream_folder)
    (tmp_path / "settings.json").write_text(json.dumps(asdict(tiny(steps=6))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_command_that_needs_no_gpu_runs(folder):
    pytest.importorskip("tensorboard")
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert [main([*command[1:], "--device", "cpu"]) for command in commands] == [0] * 4
    skipped = [line["step"] for line in lines(folder / "out/less/metrics.jsonl") if line["skipped"]]
    assert skipped == [3, 4, 6]
    assert {path.name for path in (folder / "out/trace").iterdir()} == {"trace-3-4.json.gz", "kernels-3-4.txt"}
    assert list((folder / "out/events").iterdir())
    written = {*lines(folder / "out/mine/metrics.jsonl")[0], *lines(folder / "out/logs/train.jsonl")[0]}
    assert {name for name in written if f"`{name}`" not in PAGE} == set()


def test_every_option_that_the_page_names_is_one():
    options = {name for parameter in cli.commands["train"].params for name in parameter.opts}
    others = {"--standalone", "--nproc-per-node", "--nnodes", "--rdzv-backend", "--rdzv-endpoint", "--set", "--step"}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) - others <= options


def test_the_recipe_of_the_page_is_one(tmp_path):
    (block,) = blocks("toml")
    (tmp_path / "mine.toml").write_text(f'name = "mine"\n{block}')
    trainer = load_recipe(str(tmp_path / "mine.toml")).trainer
    assert (trainer.dimension, trainer.layers, trainer.steps, trainer.tensorboard) == (2048, 24, 20_000, True)


@pytest.mark.parametrize("key", sorted(FREE_SETTINGS))
def test_every_setting_that_may_change_is_in_the_table_of_what_may(key):
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "| it goes on" in line]
    assert any(f"`{key}`" in row for row in rows)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_step_is_explained(part):
    assert f"`{part}_ms`" in PAGE
