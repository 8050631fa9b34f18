"""Spark gives the same bytes as the embedded engine, by itself and on a cluster, and gets over what dies there."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.drill.processes import wait_until
from pipeline.engines.job_server import SPARK, find_job_server
from pipeline.errors import SettingError
from tests.clusters.spark import MISSING, free_port, processes_of, spark_cluster, spark_home


def missing_jar():
    try:
        find_job_server(SPARK)
    except SettingError as error:
        return str(error)
    return ""


# Continuous integration holds Spark to the golden run of tests/test_engines.py; this is longer.
NO_JAR = missing_jar() if os.environ.get("TOKENMILL_SPARK_JAR") else "asked for by TOKENMILL_SPARK_JAR=…"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(NO_JAR), reason=NO_JAR)]
FAULTY = Path(__file__).parent / "faulty"
LOCAL = ("--runner=SparkRunner", "--spark_master_url=local[2]")


@pytest.fixture
def start(small_run, tmp_path):
    """`start("verify", *flags)`: the small demo up to a stage, on Spark, in a process of its own."""

    def begin(stage, *flags):
        spark = replace(small_run, output=tmp_path / "out")
        return spark.start("run", f"--until={stage}", "--workers=2", "--", *flags)

    return begin


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if spark_home() is None:
        pytest.skip(MISSING)
    with spark_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started
    assert not started.executors()


def outputs(folder):
    return json.loads((folder / "manifest.json").read_text())["outputs"]


def test_spark_by_itself_gives_the_same_bytes_and_says_what_the_embedded_engine_says(start, small_run, tmp_path):
    process = start("verify", *LOCAL)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    made, expected = outputs(tmp_path / "out"), outputs(small_run.output)
    assert made == {name: expected[name] for name in expected if not name.startswith(("training/", "report"))}
    ours = {line.partition(":")[0] for line in small_run.said.splitlines()}
    assert {line.partition(":")[0] for line in said.splitlines()} <= ours
    assert (tmp_path / "out/logs/run.log").stat().st_size  # That is where the engine's noise is.
    assert wait_until(lambda: not processes_with(process.pid), 10)


def processes_with(command):
    """What still runs in the session of a command: the processes that workers are forked from end after it."""
    found = []
    for left in processes_of(""):
        with suppress(ProcessLookupError):
            found += [left] if os.getsid(left) == command else []
    return found


def test_a_unit_that_fails_is_told_in_one_line_and_its_trace_is_in_the_log(start, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    monkeypatch.setenv("FAULT", json.dumps({"c4-train.00000": "raise"}))
    process = start("clean", *LOCAL)
    said = process.communicate()[1]
    assert process.returncode == 1
    (told,) = (line for line in said.splitlines() if not line.startswith("clean"))
    assert told.startswith("error: clean of c4/c4-train.00000")
    assert told.endswith(": ValueError: no good can come of it")
    log = (tmp_path / "out/logs/run.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert 'raise ValueError("no good can come of it\\nat all")' in log


def check_clean(process, small_run, folder):
    """That stage clean gave what the embedded engine gave."""
    said = process.communicate()[1]
    assert process.returncode == 0, said
    made, expected = outputs(folder), outputs(small_run.output)
    assert made
    assert made == {name: expected[name] for name in made}


def test_a_cluster_gives_the_same_bytes_by_a_pool_of_workers(start, small_run, cluster, tmp_path):
    port = free_port()
    pool = subprocess.Popen([Path(sys.executable).with_name("tokenmill-worker"), f"--pool={port}"])
    try:
        external = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
        check_clean(start("clean", *cluster.flags, *external), small_run, tmp_path / "out")
    finally:
        pool.terminate()
        assert pool.wait() == 0


@pytest.mark.parametrize("killed", ["nothing", "executor", "cluster's worker", "Python worker"])
def test_a_cluster_gives_the_same_bytes_whatever_dies_there(start, small_run, cluster, tmp_path, killed):
    process = start("clean", *cluster.flags)
    while not cluster.python_workers() and process.poll() is None:
        time.sleep(0.1)
    victims = {
        "executor": lambda: cluster.executors()[0],
        "cluster's worker": lambda: cluster.workers[0].pid,
        "Python worker": lambda: cluster.python_workers()[0],
    }
    if killed in victims:
        os.kill(victims[killed](), signal.SIGKILL)
    check_clean(process, small_run, tmp_path / "out")
