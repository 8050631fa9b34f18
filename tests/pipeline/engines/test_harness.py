"""A worker learns what its job is as Beam's containers do."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from apache_beam.portability.api import (
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)
from apache_beam.runners.worker import data_plane

from pipeline.engines.harness import bound_messages, harness_environment, is_executor, provisioned

LOSING_ITS_CHANNEL = """
import sys, threading, time, grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.data_plane import GrpcClientDataChannel
from pipeline.engines import harness
threading.excepthook = harness._end_with_thread
channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
kept = GrpcClientDataChannel(beam_fn_api_pb2_grpc.BeamFnDataStub(channel))
time.sleep(60)
"""


@contextmanager
def serving(servicer, add):
    server = grpc.server(ThreadPoolExecutor(1))
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


def test_only_the_name_of_a_class_makes_an_executor():
    assert is_executor(["java", "-cp", "x", "org.apache.spark.executor.CoarseGrainedExecutorBackend", "--id"])
    assert not is_executor(["java", "-cp", "CoarseGrainedExecutorBackend.jar", "JobServer"])


def test_the_worker_gets_what_beams_containers_get():
    found = harness_environment("7", '{"a": 1}', "localhost:1", "localhost:2", ["x", "y"])
    assert found["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:1"'
    assert (found["WORKER_ID"], found["PIPELINE_OPTIONS"]) == ("7", '{"a": 1}')
    assert found["RUNNER_CAPABILITIES"] == "x y"


class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    def GetProvisionInfo(self, request, context):
        assert ("worker_id", "7") in [(key, value) for key, value in context.invocation_metadata()]
        info = beam_provision_api_pb2.ProvisionInfo()
        info.pipeline_options["beam:option:runner:v1"] = "SparkRunner"
        info.control_endpoint.url = "localhost:1"
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)


def test_a_worker_asks_its_executor_for_the_jobs_options():
    add = beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server
    with serving(Provision(), add) as port:
        found = provisioned(["--id=7", f"--provision_endpoint=127.0.0.1:{port}", "--logging_endpoint=localhost:2"])
    assert found["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:1"'
    assert found["LOGGING_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:2"'
    assert "SparkRunner" in found["PIPELINE_OPTIONS"]


class Losing(beam_fn_api_pb2_grpc.BeamFnDataServicer):
    def Data(self, request_iterator, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "out of direct memory")


def test_a_worker_ends_when_it_has_lost_its_channel_of_data():
    with serving(Losing(), beam_fn_api_pb2_grpc.add_BeamFnDataServicer_to_server) as port:
        ended = subprocess.run(
            [sys.executable, "-c", LOSING_ITS_CHANNEL, str(port)],
            check=False, capture_output=True, text=True, timeout=50,
        )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    assert "the worker ends with read_grpc_client_inputs" in ended.stderr
    assert "out of direct memory" in ended.stderr


@pytest.fixture
def unbounded(monkeypatch):
    """Beam's own figures, put back after the test."""
    monkeypatch.setattr(data_plane.ClosableOutputStream, "create", data_plane.ClosableOutputStream.create)
    monkeypatch.setattr(data_plane, "_DEFAULT_SIZE_FLUSH_THRESHOLD", data_plane._DEFAULT_SIZE_FLUSH_THRESHOLD)


def messages_of(elements):
    """The sizes of the messages in which Beam's worker sends so many elements of 100 bytes."""
    channel = data_plane._GrpcDataChannel()
    stream = channel.output_stream("instruction", "transform")
    for _ in range(elements):
        stream.write(bytes(100))
        stream.maybe_flush()
    stream.close()
    channel.close()
    return [sum(len(data.data) for data in message.data) for message in channel._write_outputs()]


@pytest.mark.usefixtures("unbounded")
def test_a_worker_sends_messages_that_java_has_room_for():
    assert max(messages_of(10_000)) == 1_000_000
    bound_messages(1000)
    bounded = messages_of(10_000)
    assert sum(bounded) == 1_000_000
    assert max(bounded) < 2 * 1100
