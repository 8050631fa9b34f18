"""A change of the rules is a change of what follows from them."""

import sys

import pytest

from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.version import RULES, VERSION, code_digest
from tokenmill.shadowed import PACKAGES


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that can be changed."""
    folder = tmp_path / "changing"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "rule.py").write_text("bound = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    sys.modules.pop("changing", None)
    code_digest.cache_clear()


def changed(folder, name, text):
    before = code_digest(("changing",))
    (folder / name).write_text(text)
    code_digest.cache_clear()
    return code_digest(("changing",)) != before


def test_another_line_of_code_is_another_digest(package):
    assert changed(package, "rule.py", "bound = 2\n")


def test_another_file_is_another_digest(package):
    assert changed(package, "other.py", "")


def test_what_is_no_code_changes_nothing(package):
    assert not changed(package, "notes.txt", "x")


def test_a_key_follows_from_the_rules(monkeypatch, tmp_path):
    run = Run(Recipe(name="x"), Folder(str(tmp_path)))
    before = run.key("clean", "c4", "u", 1, {})
    monkeypatch.setattr("pipeline.run.code_digest", lambda packages: "changed" if packages == RULES else "")
    assert run.key("clean", "c4", "u", 1, {}) != before


def test_the_rules_are_a_part_of_the_code():
    assert {name.partition(".")[0] for name in RULES} < set(PACKAGES)
    assert code_digest(RULES) != code_digest()
    assert VERSION.count(".") == 2
