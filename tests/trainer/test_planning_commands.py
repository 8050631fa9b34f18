import json
from dataclasses import asdict

import pytest

from trainer.cli import main
from trainer.config import PRESETS

SMALL = ("--preset", "tiny", "--set", "dimension=16", "--set", "heads=2", "--set", "layers=1")


@pytest.fixture
def said(capsys):
    """`said(*arguments)`: exit code, standard output, standard error."""

    def run(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_plan_is_a_table(said):
    code, out, _ = said("plan", "--preset", "7b", "--gpus", "1", "--device-memory", "139GiB")
    assert code == 0
    assert "keep-linear            4" in out
    assert out.splitlines()[-1].startswith('picked: activations = "auto", micro_batch_sequences = 2 ')


def test_a_plan_is_one_json_object_if_asked(said):
    _, out, err = said("plan", "--preset", "13b", "--gpus", "2", "--device-memory", "150e9", "--json")
    found = json.loads(out)
    assert (found["shards"], found["device_bytes"], err) == (2, 150_000_000_000, "")
    assert found["policies"]["keep-linear"]["micro_batch_sequences"] == 2


def test_settings_of_a_file_are_planned(said, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(asdict(PRESETS["1.3b"]) | {"activations": "full"}))
    _, out, _ = said("plan", "--settings", str(tmp_path / "mine.json"), "--device-memory", "79GiB", "--json")
    assert json.loads(out)["activations"] == "full"
    assert json.loads(out)["parameters"] == 1_345_423_360


def test_single_keys_are_set_over_a_preset(said):
    _, out, _ = said("plan", "--set", "activations=keep-linear", "--set", "batch_sequences=6", "--json")
    assert json.loads(out)["micro_batch_sequences"] == 3


def test_the_papers_table_comes_out(said):
    _, out, _ = said("budget", "--paper", "--json")
    rows = {row["model"]: row for row in json.loads(out)}
    assert [round(row["tonnes_co2e"]) for row in rows.values()] == [14, 23, 90, 173, 137, 183]
    assert rows["65b"]["gpu_hours"] == 1_022_362


def test_a_budget_follows_from_a_measured_speed(said):
    arguments = ["--tokens", "1T", "--gpus", "8", "--tokens-per-second", "14500", "--watts", "700", "--json"]
    code, out, err = said("budget", "--preset", "7b", *arguments)
    (row,) = json.loads(out)
    assert (code, err) == (0, "")
    assert row["gpu_hours"] == pytest.approx(1e12 / 14_500 / 3600)
    assert row["days"] == pytest.approx(99.8, abs=0.05)


def test_a_budget_without_a_speed_says_what_it_assumes(said):
    _, out, err = said("budget", "--preset", "65b", "--mfu", "0.495", "--json")
    assert err == "assumes 49.5% of the 312 TFLOP/s of NVIDIA A100-SXM4-80GB\n"
    assert json.loads(out)[0]["tokens_per_second_per_gpu"] == pytest.approx(380, abs=0.5)


def test_a_budget_is_a_table_of_one_line(said):
    _, out, _ = said("budget", "--preset", "125m", "--tokens", "2.7B", "--tokens-per-second", "1M", "--gpus", "1")
    assert out.splitlines()[1].split()[:4] == ["125m", "134.1M", "2.7B", "20.1"]


def test_a_measurement_is_one_json_object(said):
    sizes = ("--sequence-tokens", "16", "--batch-tokens", "64", "--vocabulary-size", "64", "--seconds", "0")
    code, out, err = said("bench", *SMALL, *sizes, "--device", "cpu")
    found = json.loads(out)
    assert (code, found["steps"], found["case"]["batch_sequences"]) == (0, 3, 4)
    assert found["seconds_to_first_step"] > 0
    assert "step 3:" in err


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["plan", "--preset", "13b", "--device-memory", "79GB"], "not even one sequence fits 1 GPU: 212 GiB of 74 GiB"),
        (["plan", "--gpus", "3"], "batch_sequences must be a multiple of the 3 processes"),
        (["plan", "--device-memory", "139gib"], "'139gib' is no amount above 0, as 1.4T, 300B or 139GiB"),
        (["plan", "--device-memory", "0"], "'0' is no amount above 0"),
        (["plan", "--set", "layers"], "--set must be KEY=VALUE, got 'layers'"),
        (["plan", "--set", "layer=3"], "unknown key layer; did you mean layers?"),
        (["plan", "--set", "layers=many"], "layers must be a whole number, got 'many'"),
        (["plan", "--preset", "7b", "--settings", "x.json"], "--preset and --settings: give one of the two"),
        (["plan", "--preset", "7c"], "'7c' is not one of '7b'"),
        (["budget", "--device", "NVIDIA H20"], "--device NVIDIA H20: no peak is known; known: NVIDIA A100-SXM4-40GB"),
        (["budget", "--mfu", "50"], "mfu must be above 0 and at most 1, got 50"),
        (["budget", "--pue", "0.5"], "pue must be >= 1, got 0.5"),
        (["bench", *SMALL, "--batch-tokens", "5000"], "--batch-tokens must be a multiple of --sequence-tokens = 2048"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_2(said, arguments, line):
    code, out, err = said(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and line in err
