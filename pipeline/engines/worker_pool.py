"""A server of one machine that starts Beam's Python workers for who asks, by a fork of what it has loaded.

A worker that begins from nothing takes seconds of a core to import Beam and our compiled loops, for each step of a run.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

from pipeline.engines.harness import be_harness
from pipeline.pool import PRELOADED, fork

_LOADED = [*PRELOADED, "pipeline.engines.harness", "apache_beam.runners.worker.sdk_worker_main"]


@contextmanager
def serving(host: str, port: int) -> Iterator[int]:
    """Serve in threads of this process while the block lasts; gives the port, and ends all workers at the end."""
    # Else a second server would share a port with the first without a word.
    server = grpc.server(shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)])
    pool = _Pool()
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    bound = server.add_insecure_port(f"{host}:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(1).wait()
        pool.end()


class _Pool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):  # type: ignore[misc]
    """Beam's own forks nothing: it starts a command for each worker, or a thread."""

    def __init__(self) -> None:
        forkserver.set_forkserver_preload(_LOADED)
        forkserver.ensure_running()  # It loads while the engine's own parts start.
        self._lock = threading.Lock()
        self._workers: dict[str, BaseProcess] = {}

    def StartWorker(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the protocol names it
        """Fork one, which then asks the engine for its work."""
        arguments = {
            "id": request.worker_id,
            "provision_endpoint": request.provision_endpoint.url,
            "control_endpoint": request.control_endpoint.url,
            "logging_endpoint": request.logging_endpoint.url,
        }
        with self._lock:
            self._workers[request.worker_id] = fork(_work, arguments, preloaded=_LOADED)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """End one that has nothing left to do."""
        with self._lock:
            _end(self._workers.pop(request.worker_id, None))
        return beam_fn_api_pb2.StopWorkerResponse()

    def end(self) -> None:
        """End all that are left."""
        with self._lock:
            for process in self._workers.values():
                _end(process)
            self._workers.clear()


def _end(process: BaseProcess | None) -> None:
    if process is not None:
        process.kill()  # At once, as the engine does it. What is half written has no name yet.
        process.join()


def _work(arguments: Mapping[str, str]) -> None:
    os.dup2(sys.stderr.fileno(), 1)
    be_harness([f"--{name}={value}" for name, value in arguments.items()])
