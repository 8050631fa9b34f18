"""A package that is hidden, overwritten or missing is named, with where, whose and what to do."""

import base64
import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tokenmill import shadowed
from tokenmill.shadowed import PACKAGES, Shadowed, find_shadowed

ROOT = Path(__file__).parents[2]
REINSTALL = "pip install --force-reinstall --no-deps tokenmill"


def record_of(home, name):
    digest = base64.urlsafe_b64encode(hashlib.sha256((home / name).read_bytes()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},1\n"


def test_here_every_package_is_ours():
    assert find_shadowed() == ()


def test_a_folder_before_ours_hides_a_package(called, foreign, tmp_path):
    foreign.package(tmp_path / "mine", "trainer")
    assert called("trainer", tmp_path / "mine") == (
        2,
        "",
        f"error: Tokenmill's package trainer is hidden by {tmp_path}/mine/trainer, of no distribution: start from "
        f"another folder than {tmp_path}/mine, take it off PYTHONPATH, or give what lies there another name\n",
    )


def test_a_module_of_one_file_hides_a_package(called, tmp_path):
    (tmp_path / "filters.py").write_text("")
    code, _, said = called("tokenmill", tmp_path)
    assert (code, said.partition(",")[0]) == (
        2,
        f"error: Tokenmill's package filters is hidden by {tmp_path}/filters.py",
    )


def test_a_folder_without_code_behind_ours_hides_nothing(called, tmp_path):
    (tmp_path / "trainer").mkdir()
    assert called("tokenmill", tmp_path) == (3, "pipeline verb\n", "")


def test_a_distribution_before_ours_is_named(called, foreign, tmp_path):
    foreign.package(tmp_path / "site", "filters")
    foreign.distribution(tmp_path / "site", "sieve", top_level="filters\n")
    assert called("tokenmill", tmp_path / "site") == (
        2,
        "",
        f"error: Tokenmill's package filters is hidden by {tmp_path}/site/filters, of the distribution sieve 1.2: "
        "pip uninstall sieve, or install tokenmill into an environment of its own\n",
    )


def test_a_distribution_that_lies_elsewhere_is_not_blamed(called, foreign, tmp_path):
    foreign.package(tmp_path / "mine", "filters")
    foreign.distribution(tmp_path, "sieve", top_level="filters\n")
    assert "of no distribution" in called("tokenmill", tmp_path / "mine", after=(tmp_path,))[2]


def test_an_overwritten_package_is_told_by_its_digest(called, foreign, home):
    foreign.distribution(home, "tokenmill", record_of(home, "filters/__init__.py"))
    foreign.distribution(home, "sieve", top_level="filters\n")
    assert called("tokenmill")[0] == 3
    (home / "filters/__init__.py").write_text("")
    said = f"overwritten in {home}/filters by the distribution sieve 1.2: pip uninstall sieve, then {REINSTALL}\n"
    assert called("tokenmill") == (2, "", f"error: Tokenmill's package filters is {said}")


def test_a_package_whose_first_file_is_gone_is_installed_anew(called, home):
    (home / "filters/__init__.py").unlink()
    said = f"error: Tokenmill's package filters is overwritten in {home}/filters: {REINSTALL}\n"
    assert called("tokenmill") == (2, "", said)


def test_a_changed_checkout_is_ours(called, home):
    (home / "filters/__init__.py").write_text('"""Changed."""\n')
    assert called("tokenmill")[0] == 3


def test_the_record_of_an_installation_elsewhere_says_nothing(called, foreign, home, tmp_path):
    foreign.distribution(tmp_path, "tokenmill", "filters/__init__.py,sha256=other,1\n")
    assert called("tokenmill", after=(tmp_path,))[0] == 3


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_installed_anew(called, home, name):
    (home / name).rename(home / "gone")
    assert called("tokenmill") == (2, "", f"error: Tokenmill's package {name} is missing: {REINSTALL}\n")


def test_each_hidden_package_has_a_line(called, foreign, tmp_path):
    foreign.package(tmp_path / "mine", "filters")
    foreign.package(tmp_path / "mine", "pipeline")
    code, _, said = called("tokenmill", tmp_path / "mine")
    assert (code, [line.split()[3] for line in said.splitlines()]) == (2, ["pipeline", "filters"])


def test_the_page_about_installing_quotes_the_lines(monkeypatch):
    monkeypatch.setattr(shadowed, "distribution", lambda name: SimpleNamespace(version="1.2"))
    quoted = re.findall(r"^error: (.*)$", (ROOT / "docs/install.md").read_text(), re.MULTILINE)
    site = "/venv/lib/python3.12/site-packages/filters"
    over = Shadowed(name="filters", place=site, distributions=("filters",), is_overwritten=True)
    hidden = Shadowed(name="trainer", place="/home/me/project/trainer", distributions=())
    assert quoted == [str(over), str(hidden), str(Shadowed(name="trainer", place="", distributions=()))]
