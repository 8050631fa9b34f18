"""One of Beam's Python workers: it learns from its executor what the job is, and ends with who has started it."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

EXECUTOR = "TOKENMILL_EXECUTOR"
"""In the worker's environment, the number of the process that its keeper was started by."""
LOOK_SECONDS = 1.0  # How long a worker may outlive its executor.

_ASK_SECONDS = 60.0
_EXECUTORS = ("CoarseGrainedExecutorBackend",)
"""Java programs that their cluster replaces: Spark's executor."""


def be_harness(arguments: Sequence[str]) -> None:
    """Be a worker of Beam's, for as long as our keeper, or who has forked us, is there."""
    ends = (os.getppid(), int(os.environ.get(EXECUTOR, "0")))
    threading.Thread(target=_follow, args=ends, daemon=True).start()
    threading.excepthook = _end_with_thread
    os.environ |= provisioned(arguments)
    from apache_beam.runners.worker import sdk_worker_main

    from pipeline.exchange import PARCEL_BYTES

    bound_messages(PARCEL_BYTES)
    sdk_worker_main.main([])


def bound_messages(most: int) -> None:
    """Have Beam's worker send what it has once that is more than `most` bytes.

    It collects up to 20 MB, and Java gathers a message outside its heap until it is whole, where Flink gives tasks next
    to nothing: a cluster ran out of it, and hung for good. Beam has no setting for this.
    """
    from apache_beam.runners.worker import data_plane

    def create(close: Callable[[bytes], None], flush: Callable[[bytes], None], _milliseconds: int) -> object:
        return data_plane.SizeBasedBufferingClosableOutputStream(close, flush, most)

    data_plane.ClosableOutputStream.create = staticmethod(create)
    data_plane._DEFAULT_SIZE_FLUSH_THRESHOLD = most  # Up to which messages that wait are sent as one.


def _end_with_thread(failed: threading.ExceptHookArgs) -> None:
    """End with any of our threads: dealt work again, a worker without its channel of data waits for good."""
    name = failed.thread.name if failed.thread else "a thread"
    sys.stderr.write(f"the worker ends with {name}: {failed.exc_value!r}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)  # As what kills it, so that its keeper sees to the executor.


def provisioned(arguments: Sequence[str]) -> dict[str, str]:
    """What the executor that gave these arguments tells a worker of the job."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
    from google.protobuf.json_format import MessageToJson

    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--id", "--provision_endpoint", "--control_endpoint", "--logging_endpoint", "--artifact_endpoint"):
        parser.add_argument(name, default="")
    given, _ = parser.parse_known_args(list(arguments))
    with grpc.insecure_channel(given.provision_endpoint) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        info = service.GetProvisionInfo(request, metadata=[("worker_id", given.id)], timeout=_ASK_SECONDS).info
    return harness_environment(
        given.id,
        MessageToJson(info.pipeline_options),
        info.control_endpoint.url or given.control_endpoint,
        info.logging_endpoint.url or given.logging_endpoint,
        list(info.runner_capabilities),
    )


def harness_environment(
    worker: str, options: str, control: str, logging: str, capabilities: Sequence[str]
) -> dict[str, str]:
    """What Beam's worker reads from its environment: the contract of its containers."""
    return {
        "WORKER_ID": worker,
        "PIPELINE_OPTIONS": options,
        "CONTROL_API_SERVICE_DESCRIPTOR": f"url: {json.dumps(control)}",
        "LOGGING_API_SERVICE_DESCRIPTOR": f"url: {json.dumps(logging)}",
        "RUNNER_CAPABILITIES": " ".join(capabilities),
    }


def _follow(keeper: int, executor: int) -> None:
    """In the worker: end with its keeper, and the executor too, since nobody else is left to do it."""
    while os.getppid() == keeper:
        time.sleep(LOOK_SECONDS)
    end_executor(executor)
    os._exit(1)


def end_executor(process: int) -> None:
    """End a Java program that its cluster replaces; leave any other alone, such as the job server of a local master."""
    if is_executor(_command_of(process)):
        os.kill(process, signal.SIGTERM)


def is_executor(command: Sequence[str]) -> bool:
    """Whether a command line is that of a Java program which its cluster replaces."""
    return any(name.rpartition(".")[2] in _EXECUTORS for name in command)


def _command_of(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # It is gone, or this is no Linux.
        return []


if __name__ == "__main__":
    be_harness(sys.argv[1:])
