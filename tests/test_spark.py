"""Spark gives the same bytes as the embedded engine, for the CommonCrawl chain."""

import json
import os
import subprocess
import sys

import pytest

from pipeline.demo_input import generate

JAR = os.environ.get("TOKENMILL_SPARK_JAR")
SMALL = ["--set", "mixture.weights={commoncrawl=0.5, wikipedia=0.5}", "--set", "reference.min_chars=100"]
STAGES = ["clean", "train-language", "train-lm", "pages", "dedup", "language", "perplexity", "sample", "cutoffs"]


def digests(folder, dumps, *flags):
    for stage in STAGES:
        command = [sys.executable, "-m", "pipeline.cli", stage, "demo", "--output", str(folder), *SMALL]
        command += ["--set", f'inputs.root="{dumps}"', "--workers", "2", *flags]
        subprocess.run(command, check=True, stderr=subprocess.PIPE)
    return json.loads((folder / "manifest.json").read_text())["outputs"]


@pytest.mark.slow
@pytest.mark.skipif(not JAR, reason="TOKENMILL_SPARK_JAR names no job server: mvn -f job-servers/spark/pom.xml package")
def test_spark_gives_the_same_bytes(tmp_path):
    generate(tmp_path / "dumps", seed=0, scale=0.15)
    spark = ["--", "--runner=SparkRunner", "--spark_master_url=local[2]", f"--spark_job_server_jar={JAR}"]
    assert digests(tmp_path / "spark", tmp_path / "dumps", *spark) == digests(tmp_path / "embedded", tmp_path / "dumps")
