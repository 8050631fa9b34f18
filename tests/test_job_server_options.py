"""Flags that Beam's Python does not know reach a job server only if it says that it has an option of that name."""

import subprocess

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.engine import OF_JOB_SERVERS
from pipeline.engines import flink, job_server, spark
from pipeline.engines.job_server import FLINK, SPARK, find_job_server
from pipeline.errors import SettingError
from tests.clusters.spark import free_port


@pytest.fixture(params=[SPARK, FLINK], ids=lambda kind: kind.engine)
def described(request, tmp_path, monkeypatch):
    """An engine's kind of job server, and the names of the options that one says it has."""
    monkeypatch.setattr(job_server, "_ask", lambda _: "not asked")  # Tests look for no jar on the network.
    try:
        jar = find_job_server(request.param).jar
    except SettingError as error:
        pytest.skip(str(error))
    port = free_port()
    command = ["java", "-jar", jar, f"--job-port={port}", "--artifact-port=0", "--expansion-port=0"]
    with (
        subprocess.Popen([*command, f"--artifacts-dir={tmp_path}"], stderr=subprocess.DEVNULL) as server,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        asked = beam_job_api_pb2.DescribePipelineOptionsRequest()
        answer = stub.DescribePipelineOptions(asked, timeout=60, wait_for_ready=True)
        server.terminate()
    return request.param, {f"--{option.name}" for option in answer.options}


@pytest.mark.slow
def test_a_job_server_has_each_option_that_we_set_for_it(described):
    kind, options = described
    engine = {"Spark": spark, "Flink": flink}[kind.engine]
    ours = {flag.partition("=")[0] for flag in engine.defaults((), 2)}
    assert ours & OF_JOB_SERVERS
    assert ours & OF_JOB_SERVERS <= options
