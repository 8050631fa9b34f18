"""Flink takes workers from pools, says what failed, and gets over what dies; tests/test_engines.py holds its bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.demo_input import generate
from pipeline.engines.job_server import FLINK, find_job_server
from pipeline.errors import SettingError
from tests.clusters.flink import MISSING, flink_cluster, flink_home, free_port

FAULTY = Path(__file__).parent / "faulty"
SMALL = ("mixture.weights={books=0.5, stackexchange=0.5}", "limits.max_failed_fraction=0.9")


def missing_jar():
    try:
        find_job_server(FLINK)
    except SettingError as error:
        return str(error)
    return ""


NO_JAR = missing_jar()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(NO_JAR), reason=NO_JAR)]


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flink") / "dumps"
    generate(folder, seed=0, scale=0.15)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if flink_home() is None:
        pytest.skip(MISSING)
    with flink_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started
        assert not started.running()


@pytest.fixture
def start(dumps, tmp_path):
    """`start("flink", *flags)`: stage `clean` in a process of its own, with its output in that folder."""

    def begin(name, *flags):
        command = [sys.executable, "-m", "pipeline.cli", "clean", "demo", "--workers", "2"]
        command += [part for setting in (f"inputs.root={dumps}", *SMALL) for part in ("--set", setting)]
        command += ["--output", str(tmp_path / name), "--", *flags]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    return begin


@pytest.fixture
def digests(start, tmp_path):
    """`digests("flink", *flags)`: of all that the command writes."""

    def run(name, *flags):
        process = start(name, *flags)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        return json.loads((tmp_path / name / "manifest.json").read_text())["outputs"]

    return run


def test_a_cluster_gives_the_same_bytes_by_a_pool_of_workers(digests, cluster):
    port = free_port()
    pool = subprocess.Popen([Path(sys.executable).with_name("tokenmill-worker"), f"--pool={port}"])
    try:
        external = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
        assert digests("flink", *cluster.flags, *external) == digests("embedded")
    finally:
        pool.terminate()
        pool.wait()


def test_a_unit_that_fails_is_told_in_one_line_without_the_engines_noise(start, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    monkeypatch.setenv("FAULT", json.dumps({"packaging.stackexchange.com.7z": "raise"}))
    process = start("out", "--runner=FlinkRunner")
    said = process.communicate()[1]
    assert process.returncode == 1
    (told,) = (line for line in said.splitlines() if not line.startswith("clean"))
    assert told.startswith("error: clean of stackexchange/packaging.stackexchange.com.7z")
    assert told.endswith(": ValueError: no good can come of it")


@pytest.mark.parametrize("killed", ["task manager", "worker"])
def test_when_something_dies_on_a_cluster_the_same_command_completes(start, digests, cluster, killed):
    process = start("flink", *cluster.flags)
    while not cluster.workers() and process.poll() is None:
        time.sleep(0.1)
    os.kill(cluster.task_managers[0].pid if killed == "task manager" else cluster.workers()[0], signal.SIGKILL)
    process.communicate()
    assert digests("flink", *cluster.flags) == digests("embedded")
