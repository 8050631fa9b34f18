import json
import sys

import pytest
from click.testing import CliRunner

from benchmarks import gpu
from benchmarks.gpu import has_result, main, run
from benchmarks.gpu_parts import PARTS, Part

SMALL = Part(name="small", what="a trial", module="scripted_part", options=())


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """`scripted(code)`: a part whose process runs the lines; the folder is that of its module."""

    def make(code):
        (tmp_path / "scripted_part.py").write_text(code)
        monkeypatch.setattr(gpu, "ROOT", tmp_path)
        return SMALL

    return make


@pytest.fixture
def found_gpu(monkeypatch):
    monkeypatch.setattr(gpu, "device_name", lambda: "NVIDIA H200")


@pytest.mark.parametrize(
    "code, outcome",
    [
        ("print('loading'); print('{\"steps\": 3}')", {"status": "measured", "found": {"steps": 3}}),
        ('print(\'{"skipped": "no liger"}\')', {"status": "skipped", "reason": "no liger"}),
        (
            "import sys; sys.stderr.write('a line\\nerror: 113 GiB of 79 GiB\\n'); sys.exit(2)",
            {"status": "refused", "reason": "113 GiB of 79 GiB"},
        ),
        ("import sys; sys.exit(2)", {"status": "refused", "reason": "exit code 2"}),
    ],
)
def test_a_part_is_measured_skipped_or_refused(scripted, code, outcome):
    assert run(scripted(code)) == outcome


@pytest.mark.parametrize(
    "code, reason",
    [
        ("raise SystemExit(1)", "exit code 1, no figures"),
        ("print('{\"failed\": 2}'); raise SystemExit(1)", "exit code 1, with figures"),
        ("print('no JSON')", "exit code 0, no figures"),
        ("print('[1]')", "exit code 0, no figures"),
        ("", "exit code 0, no figures"),
    ],
)
def test_a_part_without_a_result_has_failed(scripted, code, reason):
    outcome = run(scripted(code))
    assert (outcome["status"], outcome["reason"]) == ("failed", reason)


def test_what_a_failed_part_said_last_is_kept(scripted):
    outcome = run(scripted("import sys\nfor n in range(99): print(n, file=sys.stderr)\nraise SystemExit(1)"))
    assert outcome["said"] == [str(n) for n in range(59, 99)]


def test_a_part_that_takes_too_long_is_ended(scripted):
    outcome = run(scripted("import time, sys; print('slow', file=sys.stderr, flush=True); time.sleep(60)"), limit=3.0)
    assert (outcome["status"], outcome["reason"]) == ("failed", "did not end within 3 s")
    assert outcome["said"] == ["slow"]


def test_a_result_is_written_with_its_command_and_device(scripted, tmp_path):
    assert has_result(scripted("print('{\"steps\": 3}')"), tmp_path, "NVIDIA H200", force=False)
    result = json.loads((tmp_path / "small.json").read_text())
    assert result.pop("seconds") > 0
    assert result == {
        "part": "small", "what": "a trial", "command": "python -m scripted_part", "device": "NVIDIA H200",
        "status": "measured", "found": {"steps": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    "status, force, runs", [("measured", False, 0), ("refused", False, 0), ("measured", True, 1), ("failed", False, 1),
                            ("skipped", False, 1)]
)  # fmt: skip
def test_a_part_with_a_result_is_passed_over_unless_forced(monkeypatch, tmp_path, status, force, runs):
    calls = []
    monkeypatch.setattr(gpu, "run", lambda part: calls.append(part) or {"status": "measured", "found": {}})
    (tmp_path / "small.json").write_text(json.dumps({"status": status}))
    assert has_result(SMALL, tmp_path, "NVIDIA H200", force)
    assert len(calls) == runs


def test_without_a_gpu_it_ends_at_once_with_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "device_name", lambda: "")
    result = CliRunner().invoke(main, ["--results", str(tmp_path / "results")])
    assert (result.exit_code, result.stderr) == (2, "error: no GPU: torch sees none here, and nothing was measured\n")
    assert not (tmp_path / "results").exists()


def test_an_unknown_part_is_refused_with_those_there_are(found_gpu):
    result = CliRunner().invoke(main, ["7b"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no part 7b; there are tests, probe, 1.3b, 6.7b,")


def test_all_parts_run_in_order_and_the_page_is_written(monkeypatch, found_gpu, tmp_path):
    monkeypatch.setattr(gpu, "run", lambda part: {"status": "refused", "reason": "too small a card"})
    result = CliRunner().invoke(main, ["--results", str(tmp_path)])
    assert result.exit_code == 0
    assert sorted(path.stem for path in (tmp_path / "nvidia-h200").iterdir()) == sorted(PARTS)
    said = [line.split(":")[0] for line in result.stderr.splitlines()]
    assert said == [name for name in PARTS for _ in range(2)]
    assert "refused: too small a card" in (tmp_path / "README.md").read_text()


def test_one_failed_part_makes_exit_code_1_and_the_others_run(monkeypatch, found_gpu, tmp_path):
    outcomes = {"probe": {"status": "failed", "reason": "exit code 1"}}
    monkeypatch.setattr(gpu, "run", lambda part: outcomes.get(part.name, {"status": "skipped", "reason": "no"}))
    result = CliRunner().invoke(main, ["tests", "probe", "1.3b", "--results", str(tmp_path)])
    assert result.exit_code == 1
    assert {path.stem for path in (tmp_path / "nvidia-h200").iterdir()} == {"tests", "probe", "1.3b"}


def test_parts_are_listed_without_a_gpu():
    result = CliRunner().invoke(main, ["--list"])
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == list(PARTS)


def test_a_machine_is_asked_for_its_gpu_in_another_process(monkeypatch):
    monkeypatch.setattr(gpu, "_ASK", "print('NVIDIA H100 80GB HBM3')")
    assert gpu.device_name() == "NVIDIA H100 80GB HBM3"
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert gpu.device_name() == ""
