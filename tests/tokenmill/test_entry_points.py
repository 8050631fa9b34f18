"""Each installed command leads to the program of its name."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tokenmill import entry_points

ROOT = Path(__file__).parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("entry_point, package", [("tokenmill", "pipeline"), ("trainer", "trainer")])
def test_a_command_gets_its_words_and_gives_its_exit_code(called, entry_point, package):
    assert called(entry_point) == (3, f"{package} verb\n", "")


def test_each_command_that_is_installed_has_a_program(monkeypatch):
    started = []
    monkeypatch.setattr(entry_points, "_start", started.append)
    for target in SCRIPTS.values():
        module, _, name = target.partition(":")
        getattr(import_module(module), name)()
    assert started == ["pipeline.cli", "trainer.cli", "pipeline.engines.java_boot", "pipeline.engines.worker_boot"]
    assert all(callable(import_module(module).main) for module in started)
