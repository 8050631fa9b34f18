"""Runs that are killed at random, here and on a cluster, or whose store goes away and comes back: the same bytes."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from pipeline.drill.compare import file_digests
from pipeline.drill.processes import victims, wait_until
from pipeline.remote import TEMPORARY_SUFFIX
from pipeline.storage import Folder
from tests.clusters import front
from tests.clusters.s3 import S3Store
from tests.clusters.spark import MISSING, free_port, spark_cluster, spark_home

SMALL = (
    "mixture.weights={c4=0.4, github=0.3, books=0.3}",
    "mixture.total_tokens=32768",
    "tokenizer.vocabulary_size=600",
    "limits.max_failed_fraction=0.9",
)


def drilled(dumps, output, *options, **environment):
    """What `tokenmill drill` says of a small run: its figures, and its lines for people."""
    sets = [word for setting in (f'inputs.root="{dumps}"', *SMALL) for word in ("--set", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "drill", "demo", "--output", str(output), "--workers=2", "--json"]
    made = subprocess.run(
        [*command, "--until=mix", *sets, *options],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout), made.stderr


@pytest.mark.system
@pytest.mark.slow
def test_a_run_whose_workers_and_driver_are_killed_at_random_makes_the_same_bytes(small_run, tmp_path):
    figures, said = drilled(small_run.dumps, tmp_path, "--kills=6", "--seed=3")
    assert {kill["what"] for kill in figures["kills"]} == {"workers", "driver"}
    assert len({kill["stage"] for kill in figures["kills"]}) >= 3
    assert figures["starts"] > figures["runs"] and said == ""


def suspended(driver):
    """All that a run has started; one may be starting another while it is looked at."""
    held = []
    while new := [process for process in victims(driver, None) if process not in held]:
        for process in new:
            process.suspend()
        held += new
    return held


@pytest.mark.system
@pytest.mark.slow
def test_workers_that_wake_when_the_next_run_is_over_change_nothing(small_run, tmp_path):
    again = replace(small_run, output=tmp_path / "out")
    output = Folder(str(again.output))
    with again.start("clean", "--workers=2") as first:
        assert wait_until(lambda: output.list("ledger/clean") != [] and len(victims(first.pid, None)) >= 3, 120)
        orphans = suspended(first.pid)
        first.kill()
    with again.start("clean", "--workers=2") as second:
        _, said = second.communicate()
    made = file_digests(output)
    for orphan in orphans:
        orphan.resume()
    assert psutil.wait_procs(orphans, timeout=30)[1] == []
    assert second.returncode == 0, said
    # One that was writing when it woke dies over a temporary file, which nothing reads and the next run clears away.
    left = file_digests(output)
    assert {name: left[name] for name in left if not name.endswith(TEMPORARY_SUFFIX)} == made
    with again.start("clean", "--workers=2") as third:
        _, said = third.communicate()
    assert third.returncode == 0, said
    assert file_digests(output) == made
    whole = file_digests(Folder(str(small_run.output)))
    cleaned = {name: digest for name, digest in made.items() if "/clean/" in name}
    assert cleaned == {name: digest for name, digest in whole.items() if "/clean/" in name}


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.skipif(spark_home() is None, reason=MISSING)
def test_a_run_on_a_spark_cluster_that_is_killed_at_random_makes_the_same_bytes(small_run, tmp_path):
    with spark_cluster(tmp_path / "spark") as cluster:
        # Spark's workers carry the master's address; executors and Python workers are what they have started.
        victims = f"--victims={re.escape(cluster.url)}"
        kills = os.environ.get("TOKENMILL_SPARK_KILLS", "2")
        figures, _ = drilled(small_run.dumps, tmp_path / "out", f"--kills={kills}", victims, "--", *cluster.flags)
    assert len(figures["kills"]) == int(kills)


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("TOKENMILL_STORE_KILLS"), reason="takes minutes: asked for by TOKENMILL_STORE_KILLS=1"
)
def test_a_run_whose_store_is_killed_and_comes_back_makes_the_same_bytes(small_run, tmp_path):
    port = free_port()
    with S3Store() as store:
        there = json.dumps(store.options | {"endpoint_url": f"http://127.0.0.1:{port}"})
        starts = f"--store-start={sys.executable} {front.__file__} {port} {store.endpoint.rpartition(':')[2]}"
        options = ["--kills=2", "--what=store", starts]
        figures, _ = drilled(
            small_run.dumps, store.address("drill"), *options, **store.environment | {"FSSPEC_S3": there}
        )
    assert [kill["what"] for kill in figures["kills"]] == ["store", "store"]
