"""A small home of packages with our names, and a Python that knows of nothing else."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import tokenmill
from tokenmill.shadowed import PACKAGES

COMMANDS = {"pipeline": "cli", "trainer": "cli"}


def package(folder: Path, name: str, text: str = '"""Another\'s."""\n') -> Path:
    """A package of one file in the folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder / name


def distribution(folder: Path, name: str, record: str = "", top_level: str = "") -> None:
    """What an installer leaves in the folder about a distribution of version 1.2."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "RECORD").write_text(record)
    (info / "top_level.txt").write_text(top_level)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with this package as it is, and the others with a command that says what it was given."""
    folder = tmp_path / "home"
    for name in PACKAGES:
        package(folder, name, f'"""Ours: {name}."""\n')
        if name in COMMANDS:
            text = f"import sys\ndef main():\n    print('{name}', *sys.argv[1:])\n    return 3\n"
            (folder / name / f"{COMMANDS[name]}.py").write_text(text)
    shutil.copytree(Path(tokenmill.__file__).parent, folder / "tokenmill", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def foreign() -> SimpleNamespace:
    """Makers of what others bring: `foreign.package(folder, name)` and `foreign.distribution(folder, name, …)`."""
    return SimpleNamespace(package=package, distribution=distribution)


Called = tuple[int, str, str]


@pytest.fixture
def called(home: Path, tmp_path: Path) -> Callable[..., Called]:
    """`called("entry point", folder, …)`: exit code and what was said, with the folders before home on the path."""

    def call(entry_point: str, *before: Path, after: tuple[Path, ...] = ()) -> Called:
        path = ":".join(map(str, (*before, home, *after)))
        text = f"from tokenmill.entry_points import {entry_point}; {entry_point}()"
        command = [sys.executable, "-S", "-P", "-c", text, "verb"]  # -S: no environment's packages, ours neither.
        done = subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return call
