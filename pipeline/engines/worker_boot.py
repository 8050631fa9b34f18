"""Starts Python workers on machines of a cluster: what Beam's containers do by their boot program, without a container.

`tokenmill-worker --id=… --provision_endpoint=…` is what an executor of Spark or Flink runs for each of its workers
(`--environment_type=PROCESS`). `tokenmill-worker --pool=50000` is a server of one machine that does the same for who
asks (`--environment_type=EXTERNAL --environment_config=localhost:50000`). Tokenmill has to be installed there: what a
job stages is not fetched.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

_HARNESS = "--harness"
_EXECUTOR = "TOKENMILL_EXECUTOR"
_ASK_SECONDS = 60.0
_LOOK_SECONDS = 1.0  # How long a worker may outlive its executor.
_EXECUTORS = ("CoarseGrainedExecutorBackend",)
"""Java programs that their cluster replaces: Spark's executor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Be a pool, a worker, or the keeper of one; exits with the worker's code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [_HARNESS]:
        be_harness(given[1:])
        return
    parser = argparse.ArgumentParser(prog="tokenmill-worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--pool", type=int, metavar="PORT", help="serve workers of this machine on this port")
    parser.add_argument("--host", default="127.0.0.1", help="the address that the pool listens on (%(default)s)")
    parser.add_argument("--id", help="given by the executor")
    parser.add_argument("--provision_endpoint", help="given by the executor")
    known, _ = parser.parse_known_args(given)
    if known.pool is not None:
        _be_pool(known.host, known.pool)
    elif known.id and known.provision_endpoint:
        sys.exit(keep([sys.executable, "-m", "pipeline.engines.worker_boot", _HARNESS, *given]))
    else:
        parser.error("give --pool=PORT; or let an executor give --id and --provision_endpoint")


def keep(command: Sequence[str]) -> int:
    """Run a worker, end it when we are told to or our executor is gone, and end that executor if the worker is killed.

    An executor goes on to send work to a dead worker: each task that it is given fails, until the job does. So a worker
    that a signal ended (no memory, a crash of native code) takes its executor along, and the cluster starts another.
    """
    executor, told = os.getppid(), threading.Event()
    started: list[subprocess.Popen[bytes]] = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told.set()
        for process in started:
            process.kill()  # At once: the executor gives us half a second. What is half written has no name yet.

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    own = os.environ | {_EXECUTOR: str(executor)}
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=own)
    started.append(worker)
    if told.is_set():
        worker.kill()
    while True:
        try:
            code = worker.wait(_LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if os.getppid() != executor:
                told.set()
                worker.kill()
    if code < 0 and not told.is_set():
        end_executor(executor)
    return code if code >= 0 else 128 - code


def _follow(keeper: int, executor: int) -> None:
    """In the worker: end with its keeper, and the executor too, since nobody else is left to do it."""
    while os.getppid() == keeper:
        time.sleep(_LOOK_SECONDS)
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


def _be_pool(host: str, port: int) -> None:
    """Serve until told to stop. Not Beam's own command: that one listens to the whole network."""
    from pipeline.engines.worker_pool import serving  # A keeper of one worker does without Beam.

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with serving(host, port) as bound:
        sys.stderr.write(f"workers are served at {host}:{bound}\n")
        threading.Event().wait()


def command_path() -> Path:
    """This program as a command: beside the Python that runs it."""
    return Path(sys.executable).with_name("tokenmill-worker")


def be_harness(arguments: Sequence[str]) -> None:
    """Be a worker of Beam's, for as long as our keeper, or who has forked us, is there."""
    ends = (os.getppid(), int(os.environ.get(_EXECUTOR, "0")))
    threading.Thread(target=_follow, args=ends, daemon=True).start()
    os.environ |= provisioned(arguments)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


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


if __name__ == "__main__":
    main()
