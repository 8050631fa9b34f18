"""docs/add-a-source.md is complete: its blocks, put where they say, are a source that runs and passes its tests."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ledger import read_ledger
from pipeline.storage import Folder

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/add-a-source.md").read_text()
_FILE_OR_BLOCK = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|toml))`|^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks() -> Iterator[tuple[str, str, str]]:
    """(file, kind of block, text): a block belongs to the file that was named last before it."""
    file = ""
    for named, kind, text in _FILE_OR_BLOCK.findall(PAGE):
        file = named or file
        if kind in ("python", "toml", "diff"):
            yield file, kind, text


def applied(folder: Path) -> list[str]:
    """The page's blocks put into a tree; returns the new files."""
    made = []
    for file, kind, text in blocks():
        if kind == "diff":
            before, after = ("".join(line[1:] for line in text.splitlines(True) if line[0] in f" {s}\n") for s in "-+")
            found = (folder / file).read_text()
            assert found.count(before) == 1, f"{file} has not once:\n{before}"
            (folder / file).write_text(found.replace(before, after))
        else:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            assert not (folder / file).exists(), f"{file} is there already"
            (folder / file).write_text(text)
            made.append(file)
    return made


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the source tree with the page's blocks in it, and the new files."""
    folder = tmp_path_factory.mktemp("tree")
    # With what numba compiled: it knows a file by its time and size. Not with what other tests are writing meanwhile.
    written = shutil.ignore_patterns("*.tmp.*", "*.pyc*")
    for room in ("filters", "pipeline", "tokenizer", "mixtures", "trainer", "tokenmill", "tests"):
        shutil.copytree(ROOT / room, folder / room, ignore=written)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    return folder, applied(folder)


def run(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_the_page_pass_and_the_new_files_look_like_ours(tree):
    folder, made = tree
    python = [file for file in made if file.endswith(".py")]
    tests = [file for file in python if file.startswith("tests/")]
    assert len(tests) == 3
    said = run(
        folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "tests/pipeline/corpora/test_registry.py"
    )
    assert " passed" in said and "failed" not in said and "skipped" not in said
    changed = sorted({file for file, kind, _ in blocks() if kind == "diff" and file.endswith(".py")})
    run(folder, "-m", "ruff", "check", "--no-cache", *python, *changed)
    run(folder, "-m", "ruff", "format", "--no-cache", "--check", *python, *changed)


def test_the_source_goes_from_the_demos_dump_to_tokens_that_are_proven(tree):
    folder, _ = tree
    run(folder, "-m", "pipeline.cli", "demo-input", "out/demo-dumps", "--scale", "0.3")
    for command in re.findall(r"^tokenmill ((?:run|report) .*)$", PAGE, flags=re.MULTILINE):
        run(folder, "-m", "pipeline.cli", *command.split())
    entries = {entry.stage: entry for entry in read_ledger(Folder(str(folder / "out/forum")))}
    assert entries["clean"].documents_failed == 3
    assert entries["clean"].rejected == {"forum_quotes:only_quotes": {"documents": 1, "bytes": 28}}
    assert entries["dedup"].documents_kept < entries["clean"].documents_kept
    assert entries["clean"].counts["forum_quotes.quotes_dropped"] > 5
    proof = json.loads((folder / "out/forum/verify.json").read_text())
    assert proof["faults"] == [] and set(proof["sources"]) == {"forum"}
    assert "forum" in (folder / "out/forum/report.html").read_text()
