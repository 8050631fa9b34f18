"""Starts Python workers on machines of a cluster: what Beam's containers do by their boot program, without a container.

`tokenmill-worker --id=… --provision_endpoint=…` is what an executor of Spark or Flink runs for each of its workers
(`--environment_type=PROCESS`). `tokenmill-worker --pool=50000` is a server of one machine that does the same for who
asks (`--environment_type=EXTERNAL --environment_config=localhost:50000`). Tokenmill has to be installed there: what a
job stages is not fetched.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from pipeline.engines.harness import EXECUTOR, LOOK_SECONDS, end_executor


def main(arguments: Sequence[str] | None = None) -> None:
    """Be a pool, a worker, or the keeper of one; exits with the worker's code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="tokenmill-worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--pool", type=int, metavar="PORT", help="serve workers of this machine on this port")
    parser.add_argument("--host", default="127.0.0.1", help="the address that the pool listens on (%(default)s)")
    parser.add_argument("--id", help="given by the executor")
    parser.add_argument("--provision_endpoint", help="given by the executor")
    known, _ = parser.parse_known_args(given)
    if known.pool is not None:
        _be_pool(known.host, known.pool)
    elif known.id and known.provision_endpoint:
        sys.exit(keep([sys.executable, "-P", "-m", "pipeline.engines.harness", *given]))
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
    own = os.environ | {EXECUTOR: str(executor)}
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=own)
    started.append(worker)
    if told.is_set():
        worker.kill()
    while True:
        try:
            code = worker.wait(LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if os.getppid() != executor:
                told.set()
                worker.kill()
    if code < 0 and not told.is_set():
        end_executor(executor)
    return code if code >= 0 else 128 - code


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


if __name__ == "__main__":
    main()
