"""A real Flink cluster on this machine: a job manager and two task managers, from pip's apache-flink-libraries.

    python tests/clusters/flink.py

It says what to run, replaces a task manager that dies, and ends with Ctrl-C. TOKENMILL_FLINK names the virtual
environment that has apache-flink-libraries, of the line that the job server is built with; `make clusters` builds it.
The wheel has neither scripts nor settings, so what they do is done here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PLACES = (os.environ.get("TOKENMILL_FLINK", ""), str(Path(__file__).parents[2] / ".clusters/flink"))
MISSING = (
    "no virtual environment with apache-flink-libraries: `make clusters` builds one, TOKENMILL_FLINK names another"
)
TASK_MANAGERS, SLOTS = 2, 1
_START_SECONDS, _LOOK_SECONDS = 120.0, 0.2
_OPENED = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "util", "util.concurrent", "net")]
"""What Flink 1.19 looks into with Java 17."""
_PROGRAMS = {
    "jobmanager": ("GET_JM_RESOURCE_PARAMS", "entrypoint.StandaloneSessionClusterEntrypoint"),
    "taskmanager": ("GET_TM_RESOURCE_PARAMS", "taskexecutor.TaskManagerRunner"),
}
_LOG4J = """rootLogger.level = INFO
rootLogger.appenderRef.out.ref = Out
appender.out.name = Out
appender.out.type = Console
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""


def flink_home() -> Path | None:
    """The folder with Flink's jars in the first virtual environment that has one."""
    found = (home for place in PLACES if place for home in Path(place).glob("lib/python3*/site-packages/pyflink"))
    return next(found, None)


@dataclass
class FlinkCluster:
    """A job manager and its task managers, which are processes to kill at will: each is replaced."""

    home: Path
    folder: Path
    port: int
    job_manager: subprocess.Popen[bytes] | None = None
    task_managers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def flags(self) -> list[str]:
        """Beam's flags for a run on this cluster."""
        return ["--runner=FlinkRunner", f"--flink_master={HOST}:{self.port}"]

    def start(self) -> None:
        """Start all, and wait until each slot is there."""
        _write_settings(self.folder, self.port)
        self.job_manager = self._java("jobmanager", 0)
        self.task_managers = [self._java("taskmanager", index) for index in range(TASK_MANAGERS)]
        end = time.monotonic() + _START_SECONDS
        while self.asked("overview").get("slots-total") != TASK_MANAGERS * SLOTS:
            if time.monotonic() > end or self.job_manager.poll() is not None:
                raise RuntimeError(f"Flink did not start: {self.log()[-3000:]}")
            time.sleep(_LOOK_SECONDS)
        threading.Thread(target=self._replace, daemon=True).start()

    def stop(self) -> None:
        """End all, and the Python workers that they started."""
        self._closing.set()
        processes = [*self.task_managers, *([self.job_manager] if self.job_manager else [])]
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def asked(self, path: str) -> dict[str, Any]:
        """What the job manager answers to a request for this path; nothing while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/{path}", timeout=10) as answer:
                return dict(json.load(answer))
        except OSError:
            return {}

    def running(self) -> list[str]:
        """The jobs that run now."""
        return [job["jid"] for job in self.asked("jobs/overview").get("jobs", []) if job["state"] == "RUNNING"]

    def workers(self) -> list[int]:
        """Process ids of the Python workers that task managers have started."""
        sessions = {process.pid for process in self.task_managers}
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # It has ended.
                pid = int(path.parent.name)
                if b"pipeline.engines.harness" in path.read_bytes() and os.getsid(pid) in sessions:
                    found.append(pid)
        return found

    def log(self) -> str:
        """What all processes of the cluster said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def _replace(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            for index, process in enumerate(self.task_managers):
                if process.poll() is not None and not self._closing.is_set():
                    self.task_managers[index] = self._java("taskmanager", index)

    def _java(self, role: str, index: int) -> subprocess.Popen[bytes]:
        what, program = _PROGRAMS[role]
        logging = f"-Dlog4j.configurationFile={self.folder}/log4j.properties"
        ask = ["java", logging, "-cp", f"{self.home}/bin/bash-java-utils.jar:{self.home}/lib/*"]
        ask += ["org.apache.flink.runtime.util.bash.BashJavaUtils", what, "--configDir", str(self.folder)]
        # Flink's own arithmetic of memory: options made by hand are refused without a word why.
        said = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        jvm, dynamic = (line.partition(":")[2].split() for line in said.splitlines() if "EXEC_RESULT:" in line)
        command = ["java", *jvm, *_OPENED, logging, "-cp", f"{self.home}/lib/*", f"org.apache.flink.runtime.{program}"]
        with (self.folder / f"{role}-{index}.log").open("ab") as log:
            # A group of its own: Ctrl-C is for this script, and what is left of the group goes at the end.
            return subprocess.Popen(
                [*command, "--configDir", str(self.folder), *dynamic],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


@contextmanager
def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """A cluster whose settings, logs and scratch files lie in `folder`."""
    home = flink_home()
    if home is None:
        raise FileNotFoundError(MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    cluster = FlinkCluster(home, folder, free_port())
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def free_port() -> int:
    """A port that nobody listens on now: task managers have to be told the job manager's before it starts."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        return int(held.getsockname()[1])


def _write_settings(folder: Path, port: int) -> None:
    parts = ("jobmanager", "taskmanager")
    settings = {
        **{f"{part}.{what}": HOST for part in parts for what in ("bind-host", "host", "rpc.address")},
        "jobmanager.rpc.port": free_port(),
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": port,
        "jobmanager.memory.process.size": "1g",
        "taskmanager.memory.process.size": "1400m",
        # All sources shuffle in one job, and each shuffle of a task would hold 16 of the 100 MB that there are.
        "taskmanager.network.sort-shuffle.min-buffers": 64,
        "taskmanager.numberOfTaskSlots": SLOTS,
        "io.tmp.dirs": folder,
        "web.tmpdir": folder,
        # A lost task manager is noticed within seconds, not within a minute.
        "heartbeat.interval": 1000,
        "heartbeat.timeout": 8000,
        # Flink's own for batch jobs is to give up; the delay is for a task manager to be replaced.
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 2,
        "restart-strategy.fixed-delay.delay": "3 s",
    }
    (folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    (folder / "log4j.properties").write_text(_LOG4J)


def _main() -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with tempfile.TemporaryDirectory(prefix="tokenmill-flink-") as folder, flink_cluster(Path(folder)) as cluster:
        print(f"Flink is ready: http://{HOST}:{cluster.port}")
        print(f"  tokenmill run demo --output out/flink -- {' '.join(cluster.flags)}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    sys.exit(_main())
