"""A pool forks a worker for who asks, and none outlives the pool."""

import multiprocessing
import os
import queue
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)

from pipeline.engines.worker_pool import serving


class Executor(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    """Tells workers of a job whose control nobody serves: they wait there. `asked` has their ids."""

    def __init__(self):
        self.asked = queue.Queue()

    def GetProvisionInfo(self, request, context):
        self.asked.put(dict(context.invocation_metadata())["worker_id"])
        info = beam_provision_api_pb2.ProvisionInfo()
        info.control_endpoint.url = info.logging_endpoint.url = "127.0.0.1:9"
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)


@pytest.fixture
def executor():
    executor, server = Executor(), grpc.server(ThreadPoolExecutor(2))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(executor, server)
    executor.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield executor
    server.stop(None)


@pytest.fixture
def pool():
    with serving("127.0.0.1", 0) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
    assert not multiprocessing.active_children()


def start(pool, executor, name):
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name)
    request.provision_endpoint.url = f"127.0.0.1:{executor.port}"
    assert not pool.StartWorker(request).error
    assert executor.asked.get(timeout=60) == name


def test_each_worker_asks_the_executor_that_wants_it_and_those_left_end_with_the_pool(pool, executor):
    start(pool, executor, "1-1")
    start(pool, executor, "1-2")
    assert len(multiprocessing.active_children()) == 2


def test_a_worker_is_ended_when_it_is_told_so_and_one_that_is_gone_already_is_no_error(pool, executor):
    start(pool, executor, "1-1")
    (worker,) = multiprocessing.active_children()
    for _ in range(2):
        assert not pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1")).error
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


def test_a_port_belongs_to_one_pool():
    with serving("127.0.0.1", 0) as port, pytest.raises(RuntimeError), serving("127.0.0.1", port):
        pytest.fail("a port that is taken was served")
