from pathlib import Path

import pytest

from benchmarks import mutant_trial
from benchmarks.mutant_trial import Trials, frozen

pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")

RULE = """\
def keeps(words):
    while words > 9:
        words -= 10
    return words
"""
TEST = "from filters.rule import keeps\n\n\ndef test_tens_go():\n    assert keeps(15) == 5\n"


@pytest.fixture
def tree(tmp_path) -> Path:
    """A small tree: a rule with its test, what uses it, and what uses that."""
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
        "filters/__init__.py": "",
        "filters/rule.py": RULE,
        "filters/user.py": "from filters.rule import keeps\n",
        "filters/far.py": "import filters.user\n",
        "tests/filters/test_rule.py": TEST,
        "tests/filters/test_a_user.py": "from filters import user\n\n\ndef test_it():\n    assert user.keeps(5) == 5\n",
        "tests/filters/test_a_direct.py": "from filters.rule import keeps\n",
        "tests/filters/test_far.py": "import filters.far\n",
        "tests/filters/test_other.py": "import json\n",
    }
    for name, text in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tree"


@pytest.fixture
def outcome(tree, monkeypatch):
    """`outcome("line")`: what becomes of the first line of the rule's that is changed to this one."""
    monkeypatch.setattr(mutant_trial, "PRELOADED", ())
    monkeypatch.setattr(mutant_trial, "CPU_SECONDS", 2)
    trials = Trials(tree)

    class Written:
        file = "filters/rule.py"

        def __init__(self, code):
            self._code = code

        def code(self, source):
            assert source == RULE
            return self._code

    return lambda was, now: trials.outcome(Written(RULE.replace(was, now)))


@pytest.mark.parametrize(
    "was, now, ended",
    [
        ("> 9", ">= 9", "survived"),
        ("> 9", "> 5", "survived"),
        ("> 9", "> 4", "test"),
        ("words -= 10", "words -= 0", "time"),
        ("def keeps", "raise OSError\ndef keeps", "test"),
        ("return words", "import os; os.abort()", "crash"),
        ("> 9", "> > 9", "syntax"),
    ],
)
def test_a_mutant_is_killed_or_survives(outcome, was, now, ended):
    assert outcome(was, now) == ended


def test_a_trial_leaves_the_tree_as_it_was(outcome, tree):
    outcome("> 9", "> 4")
    assert (tree / "filters/rule.py").read_text() == RULE
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


def test_a_files_own_test_comes_first_then_those_near_it(tree):
    near = ["tests/filters/test_rule.py", "tests/filters/test_a_direct.py", "tests/filters/test_a_user.py"]
    assert Trials(tree).tests("filters/rule.py") == near


def test_tests_that_fail_without_a_mutant_are_an_error(tree, monkeypatch):
    monkeypatch.setattr(mutant_trial, "PRELOADED", ())
    trials = Trials(tree)
    trials.hold({"filters/rule.py"})
    (tree / "filters/rule.py").write_text(RULE.replace("10", "100"))
    with pytest.raises(RuntimeError, match="test_tens_go"):
        trials.hold({"filters/rule.py"})


def test_a_frozen_tree_is_a_copy_of_what_git_knows_or_would_add():
    root = Path(mutant_trial.__file__).parents[1]
    with frozen(root) as copy:
        assert (copy / "filters/gopher.py").read_bytes() == (root / "filters/gopher.py").read_bytes()
        assert not (copy / ".git").exists()
    assert not copy.exists()
