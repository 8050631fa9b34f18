"""The command's settings, and the exit code of each wrong one."""

import json

import pytest
from click.testing import CliRunner

from pipeline.cli import cli, main
from pipeline.planning import plan as planning

FIGURES = {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.fixture
def asked(monkeypatch):
    found = []

    def plan_run(run, fraction, workers, output):
        found.append((run.recipe.name, fraction, workers, output and output.url))
        return {"seconds": 1}

    monkeypatch.setattr(planning, "plan_run", plan_run)
    return found


def test_what_is_asked_for_is_planned(asked, tmp_path):
    arguments = ["plan", "demo", "--output", str(tmp_path), "--fraction", "0.01", "--workers", "2", "--workers", "64"]
    found = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(found.stdout) == {"seconds": 1}
    assert asked == [("demo", 0.01, (2, 64), str(tmp_path))]


def test_without_more_a_thousandth_is_read_and_nothing_is_kept(asked):
    CliRunner().invoke(cli, ["plan", "demo", "--json"], catch_exceptions=False)
    assert asked == [("demo", 0.001, (), None)]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--fraction", "0.5"], "0.001<=x<=0.01"),
        (["--fraction", "0"], "0.001<=x<=0.01"),
        (["--workers", "0"], "x>=1"),
        (["--set", "prices.vcpu_hour=-1.0"], "prices.vcpu_hour must be at least 0.0, got -1.0"),
        (["--set", "language.model=gone.bin"], "no model at gone.bin"),
        (["--set", "inputs.root=/gone"], "inputs.root = /gone: no such folder"),
    ],
)
def test_a_wrong_setting_ends_it_before_any_work(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plan", "demo", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
