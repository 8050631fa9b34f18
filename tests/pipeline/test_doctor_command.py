"""`tokenmill doctor`: a line a finding, and an exit code that says whether a run on this machine would work."""

import json

import pytest

from pipeline import doctor
from pipeline.cli import _exit_code
from pipeline.errors import SettingError


@pytest.fixture(autouse=True)
def no_job_server(monkeypatch):
    """Nobody is asked for one on the network."""

    def find(kind):
        raise SettingError("none is built")

    monkeypatch.setattr(doctor, "find_job_server", find)


def test_where_a_run_would_work_the_exit_code_is_0_whatever_a_cluster_lacks(capsys):
    assert _exit_code(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "absent"}
    assert any(line.startswith("absent  Flink job server: ") for line in lines)


def test_where_it_would_not_the_exit_code_is_1_and_the_last_line_names_what_is_missing(capsys, tmp_path):
    recipe = ("--recipe", "demo", "--set", f"inputs.root={tmp_path}/none")
    assert _exit_code(["doctor", *recipe]) == 1
    assert capsys.readouterr().err == "error: a run on this machine would not work: raw dumps\n"


def test_json_says_the_same(capsys, tmp_path):
    code = _exit_code(["doctor", "--recipe", "demo", "--set", f"inputs.root={tmp_path}/none", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["works"]) == (1, False)
    assert [finding["name"] for finding in told["findings"] if finding["is_fault"]] == ["raw dumps"]
