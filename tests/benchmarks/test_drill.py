"""The large drill counts its kills, and its exit code says whether all bytes were the same."""

import json
import subprocess
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from benchmarks import drill
from benchmarks.claims import SkippedError
from benchmarks.engine_places import Place

KILLS = [
    {"what": what, "stage": stage, "outcome": outcome}
    for what, stage, outcome in (
        ("workers", "clean", "the run went on"),
        ("driver", "clean", "started again"),
        ("workers", "mix", "the run ended (error: x), started again"),
    )
]
FIGURES = {"output": "out", "runs": 1, "starts": 3, "kills": KILLS, "files": 7, "digest": "d"}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`bench("embedded-2")`: the command over drills that only say that they were done, or end with the code."""

    def run(engines, code=0):
        @contextmanager
        def opened(dumps, work):
            if engines == "absent":
                raise SkippedError("it is not here")
            yield Place(dumps="dumps", output=str(work / "out"))

        monkeypatch.setattr(drill, "place", lambda name: opened)
        monkeypatch.setattr(drill.demo_input, "generate", lambda folder, seed, scale: folder.mkdir())
        done = subprocess.CompletedProcess([], code, json.dumps(FIGURES))
        monkeypatch.setattr(drill.subprocess, "run", lambda command, **options: done)
        return CliRunner().invoke(drill.main, ["--engines", engines, "--work", str(tmp_path)])

    return run


def test_a_line_counts_kills_by_kind_and_the_stages_and_runs_that_they_hit(bench):
    found = bench("embedded-2")
    line = json.loads(found.stdout)
    assert (line["engine"], line["kills"], line["killed"]) == ("embedded-2", 3, {"driver": 1, "workers": 2})
    assert (line["stages"], line["ended_runs"], line["starts"], line["digest"]) == (2, 2, 3, "d")
    assert line["machine"] and found.exit_code == 0


def test_other_bytes_are_an_exit_code_and_no_line(bench):
    found = bench("embedded-2", code=1)
    assert (found.stdout, found.exit_code) == ("", 1)


def test_an_engine_that_is_absent_is_left_out(bench):
    found = bench("absent")
    assert found.exit_code == 0 and "absent: skipped, it is not here" in found.stderr


def test_processes_of_a_cluster_are_told_by_its_address():
    flags = ("--runner=SparkRunner", "--spark_master_url=spark://127.0.0.1:7077")
    words = drill.command(Place(dumps="d", output="o", flags=flags), ["--kills", "1"], ["seed=2"])
    assert "--victims=spark://127\\.0\\.0\\.1:7077" in words
    assert words[-3:] == ["--", *flags] and "seed=2" in words
    assert "--victims" not in " ".join(drill.command(Place(dumps="d", output="o"), [], []))
