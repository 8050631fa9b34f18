"""A real Spark cluster on this machine: a master and workers as processes, from pip's pyspark.

    python tests/clusters/spark.py --workers 2 --executor-memory 1g

It prints the master's address, restarts a worker that dies, and ends with Ctrl-C. TOKENMILL_PYSPARK names the virtual
environment that has pyspark, of the Spark version that the job server is built with; `make clusters` builds it.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
PLACES = (os.environ.get("TOKENMILL_PYSPARK", ""), str(Path(__file__).parents[2] / ".clusters/spark"))
MISSING = "no virtual environment with pyspark: `make clusters` builds one, TOKENMILL_PYSPARK names another"
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.5


def spark_home() -> Path | None:
    """pyspark's folder in the first virtual environment that has one."""
    found = (home for place in PLACES if place for home in Path(place).glob("lib/python3*/site-packages/pyspark"))
    return next(found, None)


@dataclass
class SparkCluster:
    """A master and its workers. `workers` are processes to kill at will: each is replaced."""

    home: Path
    folder: Path
    cores: int
    memory: str
    port: int
    master: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """What --spark_master_url takes."""
        return f"spark://{HOST}:{self.port}"

    @property
    def flags(self) -> list[str]:
        """Beam's flags for a run on this cluster."""
        # A few tasks a core: as many as large clusters want would be all that a small run does.
        tasks = f"--job_server_jvm_properties=-Dspark.default.parallelism={4 * len(self.workers)}"
        return ["--runner=SparkRunner", f"--spark_master_url={self.url}", tasks]

    def start(self, workers: int) -> None:
        """Start all, and wait until each worker is registered."""
        self.master = self._java(
            "master.Master", "master", "--host", HOST, "--port", str(self.port), "--webui-port", "0"
        )
        self._wait_for("master.log", "I have been elected leader", 1)
        self.workers = [self._worker(index) for index in range(workers)]
        self._wait_for("master.log", "Registering worker", workers)
        threading.Thread(target=self._replace, daemon=True).start()

    def stop(self) -> None:
        """End all, executors included."""
        self._closing.set()
        for process in [*self.workers, *([self.master] if self.master else [])]:
            process.terminate()
        for process in [*self.workers, *([self.master] if self.master else [])]:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def executors(self) -> list[int]:
        """Process ids of the executors that run now."""
        return self._running("CoarseGrainedExecutorBackend")

    def python_workers(self) -> list[int]:
        """Process ids of the Python workers that executors started."""
        return self._running("pipeline.engines.harness")

    def _running(self, word: str) -> list[int]:
        # Workers give executors folders below their own, and what those start stays there.
        return [process for process in processes_of(word) if self.folder.resolve() in folder_of(process).parents]

    def _replace(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            for index, worker in enumerate(self.workers):
                if worker.poll() is not None and not self._closing.is_set():
                    self.workers[index] = self._worker(index)

    def _worker(self, index: int) -> subprocess.Popen[bytes]:
        work = self.folder / f"worker-{index}"
        size = ["--cores", str(self.cores), "--memory", self.memory, "--work-dir", str(work)]
        return self._java("worker.Worker", f"worker-{index}", "--host", HOST, "--webui-port", "0", *size, self.url)

    def _java(self, program: str, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["java", "-Xmx256m", "-cp", f"{self.home}/jars/*", f"org.apache.spark.deploy.{program}", *arguments]
        (jar,) = (self.home / "jars").glob("spark-core_*.jar")
        # Executors are started by the workers, with these settings.
        settings = {
            "SPARK_HOME": str(self.home),
            "SPARK_SCALA_VERSION": jar.name.partition("_")[2].partition("-")[0],
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }
        with (self.folder / f"{log}.log").open("ab") as stream:
            return subprocess.Popen(command, stdout=stream, stderr=stream, env=os.environ | settings)

    def _wait_for(self, log: str, text: str, times: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        path = self.folder / log
        while path.read_text(errors="replace").count(text) < times:
            if time.monotonic() > deadline or self.master is None or self.master.poll() is not None:
                self.stop()
                raise RuntimeError(f"Spark did not start: {path.read_text(errors='replace')[-2000:]}")
            time.sleep(_LOOK_SECONDS)


def processes_of(*words: str) -> list[int]:
    """Process ids of programs whose command line has all of the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:  # It has ended.
            continue
        if all(word in line for word in words):
            found.append(int(path.parent.name))
    return found


def folder_of(process: int) -> Path:
    """Where a process works; the root where it has ended."""
    try:
        return Path(f"/proc/{process}/cwd").readlink()
    except OSError:
        return Path("/")


@contextmanager
def spark_cluster(
    folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "1g", port: int = 0
) -> Iterator[SparkCluster]:
    """A cluster whose logs and scratch files lie in `folder`; each worker has so much for its executor."""
    home = spark_home()
    if home is None:
        raise FileNotFoundError(MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    cluster = SparkCluster(home, folder, cores, memory, port or free_port())
    try:
        cluster.start(workers)
        yield cluster
    finally:
        cluster.stop()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Be a cluster until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cores", type=int, default=1, help="of each worker")
    parser.add_argument("--executor-memory", default="1g", help="that each worker has for executors")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None, help="for logs and scratch files")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = given.folder or Path(tempfile.mkdtemp(prefix="spark-cluster-"))
    size = {"workers": given.workers, "cores": given.cores, "memory": given.executor_memory, "port": given.port}
    with spark_cluster(folder, **size) as cluster:
        print(cluster.url, flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
