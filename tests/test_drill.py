"""Runs that are killed at random, here and on a cluster, or whose store goes away and comes back: the same bytes."""

import json
import os
import re
import subprocess
import sys

import pytest

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


@pytest.mark.slow
def test_a_run_whose_workers_and_driver_are_killed_at_random_makes_the_same_bytes(small_run, tmp_path):
    figures, said = drilled(small_run.dumps, tmp_path, "--kills=6", "--seed=3")
    assert {kill["what"] for kill in figures["kills"]} == {"workers", "driver"}
    assert len({kill["stage"] for kill in figures["kills"]}) >= 3
    assert figures["starts"] > figures["runs"] and said.count("the same bytes") == figures["runs"] + 1


@pytest.mark.slow
@pytest.mark.skipif(spark_home() is None, reason=MISSING)
def test_a_run_on_a_spark_cluster_that_is_killed_at_random_makes_the_same_bytes(small_run, tmp_path):
    with spark_cluster(tmp_path / "spark") as cluster:
        # Spark's workers carry the master's address; executors and Python workers are what they have started.
        victims = f"--victims={re.escape(cluster.url)}"
        kills = os.environ.get("TOKENMILL_SPARK_KILLS", "2")
        figures, _ = drilled(small_run.dumps, tmp_path / "out", f"--kills={kills}", victims, "--", *cluster.flags)
    assert len(figures["kills"]) == int(kills)


@pytest.mark.slow
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
