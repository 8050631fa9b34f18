import dataclasses
import json

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.claims import DisagreementError, Figures, SkippedError
from benchmarks.registry import CLAIMS

FIGURES = Figures(ours=2.0, reference=1.0, reference_is="that", unit="MB/s", input_bytes=5)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command on an empty folder of dumps."""
    monkeypatch.setenv("TOKENMILL_REAL_DATA", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(main, arguments)


@pytest.fixture
def claims(monkeypatch):
    """Sets what a claim's measurement does."""

    def replace(name, measure):
        monkeypatch.setitem(CLAIMS, name, dataclasses.replace(CLAIMS[name], measure=measure))

    return replace


def fails(error):
    def measure(inputs):
        raise error

    return measure


def test_a_claim_is_one_line_of_json_on_standard_output(run, claims):
    claims("wikipedia", lambda inputs: FIGURES)
    result = run("wikipedia")
    (line,) = result.stdout.splitlines()
    assert (json.loads(line)["name"], json.loads(line)["ratio"], result.exit_code) == ("wikipedia", 2.0, 0)
    assert "2x of that" in result.stderr


def test_without_a_name_all_claims_are_measured(run, claims):
    for name in list(CLAIMS):
        claims(name, lambda inputs: FIGURES)
    assert [json.loads(line)["name"] for line in run().stdout.splitlines()] == list(CLAIMS)


def test_an_unknown_name_is_one_line_and_exit_code_2(run):
    result = run("growth", "speed")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"error: no benchmark speed; there are {', '.join(CLAIMS)}"]


def test_what_cannot_be_measured_is_skipped_with_a_word(run, claims):
    claims("train-lm", fails(SkippedError("no lmplz")))
    result = run("train-lm")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "train-lm: skipped, no lmplz" in result.stderr


def test_answers_that_differ_end_with_exit_code_1_after_the_others(run, claims):
    claims("wikipedia", fails(DisagreementError("too few words")))
    claims("growth", lambda inputs: FIGURES)
    result = run("wikipedia", "growth")
    assert result.exit_code == 1
    assert "wikipedia: no figure, too few words" in result.stderr
    assert json.loads(result.stdout)["name"] == "growth"


def test_the_list_names_every_claim(run):
    lines = run("--list").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == list(CLAIMS)


def test_lines_of_json_become_a_page(run, claims, tmp_path):
    claims("wikipedia", lambda inputs: FIGURES)
    (tmp_path / "lines").write_text(run("wikipedia").stdout)
    assert "| `wikipedia` | 2 MB/s | 1 MB/s | 2x |" in run("--table", str(tmp_path / "lines")).stdout


@pytest.mark.parametrize("option", ["--table", "--cost"])
def test_a_file_of_other_lines_is_refused(run, tmp_path, option):
    (tmp_path / "lines").write_text("words\n")
    result = run(option, str(tmp_path / "lines"))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_a_cost_without_its_claims_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "lines").write_text("")
    result = run("--cost", str(tmp_path / "lines"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: the cost of a dump follows from commoncrawl-chain, shuffle-bytes, growth-memory, which the results do"
        " not have\n"
    )
