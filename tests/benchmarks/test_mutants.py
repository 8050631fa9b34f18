import pytest
from click.testing import CliRunner

from benchmarks import mutants
from benchmarks.mutant_points import Mutant


def mutant(key, file="filters/gopher.py"):
    """A mutant whose digest begins and ends with the key."""
    return Mutant(file=file, line=1, where="", operator="NumberReplacer", occurrence=0, digest=key * 32)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`bench({"11": "test", …}, *options)`: the command over mutants 11 to 44, all killed; results from before."""
    pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")
    tried, held = [], []

    class Trials:
        def __init__(self, tree):
            assert (tree / "filters/gopher.py").exists()

        def warm(self):
            pass

        def outcome(self, one):
            tried.append(one.key[:2])
            return "test"

        def hold(self, files):
            held.append(files)

    monkeypatch.setattr(mutants, "Trials", Trials)
    monkeypatch.setattr(mutants, "sample", lambda tree, one_in: [mutant(key) for key in ("33", "11", "44", "22")])

    def run(before, *options):
        path = tmp_path / "results.jsonl"
        mutants.write(path, [{"key": key * 6, "outcome": outcome} for key, outcome in before.items()])
        done = CliRunner().invoke(mutants.main, ["--results", str(path), *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert len(held) == 1
        return tried, {row["key"][:2]: row["outcome"] for row in mutants.read(path)}

    return run


def test_only_mutants_without_a_result_are_tried_by_rank(bench):
    tried, results = bench({"22": "survived"})
    assert tried == ["11", "33", "44"]
    assert results == {"33": "test", "11": "test", "44": "test", "22": "survived"}


def test_survivors_are_tried_again(bench):
    assert bench({"11": "survived", "22": "test", "33": "time"}, "--again")[0] == ["11", "44"]


@pytest.mark.parametrize("part, tried", [("1/2", ["11", "33"]), ("2/2", ["22", "44"]), ("3/3", ["33"])])
def test_parts_share_the_mutants_out(bench, part, tried):
    assert bench({}, "--part", part)[0] == tried


def test_what_the_code_no_longer_has_is_dropped(bench):
    assert "99" not in bench({"99": "test"})[1]


def test_a_row_says_what_was_changed(tmp_path):
    pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")
    (tmp_path / "rule.py").write_text("LEAST = 5\nMOST = 7\n")
    row = mutants.row(tmp_path, mutant("ab", "rule.py"), "survived")
    assert (row["was"], row["now"], row["outcome"], row["key"]) == ("LEAST = 5", "LEAST = 6", "survived", "ab" * 6)


def test_a_command_without_a_task_is_refused():
    assert "name --results, --show or --table" in CliRunner().invoke(mutants.main, []).output
