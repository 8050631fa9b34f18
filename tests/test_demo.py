"""The whole demo: seven raw dumps to a falling loss and a report, and the same bytes however it gets there."""

import json
import math
import os
import random
import re
import signal
import time
from dataclasses import replace

import pytest

from pipeline.corpora.registry import chains, side_stages
from pipeline.ledger import chain_faults, read_ledger
from pipeline.section import SOURCES
from pipeline.stage_names import STAGES


def manifest(run):
    return json.loads((run.output / "manifest.json").read_text())


def test_each_stage_left_its_record(small_run):
    stages = {entry.stage for entry in read_ledger(small_run.run().output)}
    only_of_c4_from_wet_files, only_with_evaluation_sets = {"lines", "english"}, {"index-evals", "decontaminate"}
    assert stages == set(STAGES) - only_of_c4_from_wet_files - only_with_evaluation_sets


@pytest.mark.parametrize("source", SOURCES)
def test_documents_of_each_source_reach_the_stream(small_run, source):
    entries = [entry for entry in read_ledger(small_run.run().output) if entry.source == source]
    recipe = small_run.run().recipe
    assert {entry.stage for entry in entries} == {*chains(recipe)[source], *side_stages(recipe, source)}
    assert sum(entry.tokens for entry in entries if entry.stage == "tokenize") > 0
    assert json.loads((small_run.output / "stream/stream.json").read_text())["sources"][source]


def test_nothing_vanishes_unexplained(small_run):
    entries = read_ledger(small_run.run().output)
    assert [fault for entry in entries for fault in entry.faults()] == []
    assert list(chain_faults(entries, chains(small_run.run().recipe))) == []
    assert all(sum(e.documents_in for e in entries if e.source == source) for source in SOURCES)


def test_every_output_is_what_the_manifest_says(small_run):
    output = small_run.run().output
    assert {name: output.digest(name) for name in manifest(small_run)["outputs"]} == manifest(small_run)["outputs"]


def test_every_file_outside_the_logs_is_accounted_for(small_run):
    named = set(manifest(small_run)["outputs"]) | {"manifest.json"}
    found = {str(path.relative_to(small_run.output)) for path in small_run.output.rglob("*") if path.is_file()}
    assert {name for name in found - named if not name.startswith(("logs/", "ledger/"))} == set()


def test_the_loss_falls_from_that_of_a_guess_and_is_drawn_in_the_report(small_run):
    """A new model knows nothing: its loss is that of 600 pieces, each as likely as the others."""
    lines = (small_run.output / "training/metrics.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses[0] == pytest.approx(math.log(600), abs=0.1)
    assert sum(losses[-5:]) / 5 < 5.6
    (curve, *_) = re.findall(
        r'<polyline points="([^"]+)" class="curve c0">', (small_run.output / "report.html").read_text()
    )
    heights = [float(point.split(",")[1]) for point in curve.split()]
    assert len(losses) == len(heights) == 20
    assert heights[0] < heights[-1] - 100  # Downwards, in a picture of 300.


def test_a_second_run_does_nothing_and_says_so(copied_run):
    files = [path for path in copied_run.output.rglob("*") if path.is_file() and "logs" not in path.parts]
    before = [path.stat().st_mtime_ns for path in files]
    with copied_run.start("run") as process:
        _, said = process.communicate()
    assert (process.returncode, len(said.splitlines())) == (0, 1)
    assert said.startswith("nothing to do: index-evals, clean, ")
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.system
@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_makes_the_same_bytes_with_another_number_of_workers(small_run, tmp_path):
    broken = replace(small_run, output=tmp_path / "out")
    chance = random.Random(6)
    for stage in ("clean", "dedup", "tokenize"):  # By stage and not by time: a machine may do all of it in ten seconds.
        with broken.start("run", "--workers=1") as process:
            assert any(line.startswith(stage) for line in process.stderr)
            time.sleep(chance.uniform(0, 1))
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
    with broken.start("run", "--workers=1") as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert manifest(broken)["digest"] == manifest(small_run)["digest"]
    assert list(broken.output.rglob("*.part")) == []
    assert list((broken.output / "logs/work").iterdir()) == []
