"""What engines that work through a job server have in common: their Python workers, Java, and how a failure reads."""

import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from pipeline.engines.flags import is_given, value_of, values_of
from pipeline.engines.java_boot import launcher_path
from pipeline.engines.worker_boot import command_path
from pipeline.errors import SettingError
from pipeline.exchange import PARCEL_BYTES
from pipeline.memory import memory_bytes

_GIBIBYTE = 1 << 30
_MESSAGE = "data_buffer_size_limit="
_HERE = ("localhost", "127.0.0.1", "::1", "[::1]")


def worker_flags(flags: Sequence[str], *, is_local: bool) -> tuple[str, ...]:
    """How Python workers are started: by our own boot program, on each machine at the path that it has here.

    Where the engine runs in the job server, this command serves it the workers (`workers_beside`). Beam's default is a
    container for a cluster, and without one a worker that is whatever `python` the PATH has.
    """
    if value_of(flags, "--environment_type", "PROCESS") != "PROCESS":
        return ()
    if is_local and not any(is_given(flags, name) for name in ("--environment_type", "--environment_config")):
        return ("--environment_type=EXTERNAL", f"--environment_config={_pool_address()}")
    return ("--environment_type=PROCESS", f'--environment_config={{"command": "{command_path()}"}}')


@contextmanager
def workers_beside(flags: Sequence[str]) -> Iterator[None]:
    """While the block lasts this process starts workers for who asks, where the flags have its own address."""
    if value_of(flags, "--environment_config", "") != _pool_address():
        yield
        return
    from pipeline.engines.worker_pool import serving  # Beam and gRPC take seconds to import; `--help` should not.

    host, _, port = _pool_address().rpartition(":")
    with serving(host, int(port)):
        yield


@cache
def _pool_address() -> str:
    return f"127.0.0.1:{_open_port()}"


def check_workers(flags: Sequence[str], url: str, *, is_local: bool) -> None:
    """Raise SettingError where Python workers cannot be started as these flags say, for the master at `url`."""
    environment, is_told = value_of(flags, "--environment_type", "PROCESS"), is_given(flags, "--environment_config")
    if environment == "LOOPBACK" and not is_local:
        raise SettingError(
            f"--environment_type=LOOPBACK starts workers on this machine only, and {url} has executors elsewhere:"
            " leave it out, or give EXTERNAL (a pool on each machine) or DOCKER"
        )
    if environment == "EXTERNAL" and not is_told:
        raise SettingError("--environment_type=EXTERNAL needs the pool's address: --environment_config=localhost:50000")
    is_here = is_given(flags, "--environment_type") if is_local else host_of(url) in _HERE
    if environment == "PROCESS" and not is_told and is_here and not command_path().is_file():
        raise SettingError(f"{command_path()} is missing, which starts workers: pip install tokenmill")


def notes(flags: Sequence[str], addresses: Iterable[str]) -> list[str]:
    """What may go wrong but need not: folders of this machine, where the master says that workers are on others."""
    masters = [value_of(flags, name) for name in ("--spark_master_url", "--flink_master")]
    if not any(":" in url and host_of(url) not in _HERE for url in masters):
        return []
    return [
        f"{address} is a folder of this machine: workers elsewhere need the same files at the same path"
        for address in addresses
        if "://" not in address or address.startswith("file://")
    ]


def host_of(url: str) -> str:
    """The machine of `scheme://machine:port` or `machine:port`."""
    return url.rpartition("://")[2].rpartition(":")[0]


def line_of(version: str) -> str:
    """1.19 of 1.19.3: what a job server and a cluster must have in common."""
    return ".".join(version.split(".")[:2])


def local_heap(tasks: int) -> str:
    """Java's memory where tasks run in the job server itself, and what they hold lies in its heap."""
    most = (memory_bytes() or 4 * _GIBIBYTE) // 4 // _GIBIBYTE
    return f"-Xmx{max(1, min(1 + tasks // 2, most))}g"


def temporary_files() -> str:
    """Where Java puts what does not fit its heap: with our own, for it does not look at TMPDIR."""
    return f"-Djava.io.tmpdir={tempfile.gettempdir()}"


def message_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """How much Java says to a Python worker in one message, less what the user sets.

    It writes a hundred before it looks whether the worker keeps pace (`DirectStreamObserver`), and keeps them outside
    its heap. Flink gives tasks next to nothing there; with Beam's own megabyte a cluster ran out, and hung for good.
    """
    if any(value.startswith(_MESSAGE) for value in values_of(flags, "--experiments")):
        return ()
    return (f"--experiments={_MESSAGE}{PARCEL_BYTES}",)


def java_flags(properties: Iterable[str], flags: Sequence[str]) -> Iterator[str]:
    """What the job server's Java is started with, less what the user sets."""
    names = ("--job_server_jvm_properties", "--job_server_jvm_property")
    given = {_name(value) for name in names for value in values_of(flags, name)}
    return (f"{names[0]}={value}" for value in properties if _name(value) not in given)


def _name(setting: str) -> str:
    """What a setting of Java is about: -Xmx, or -Dspark.executor.memory."""
    return "-Xmx" if setting.startswith("-Xmx") else setting.partition("=")[0]


def one_server() -> tuple[str, ...]:
    """Flags by which all jobs of this process share a job server, which ends with it.

    Beam starts a server for each job, and ends them all with the process, unless the command is that of one that runs:
    so its port and its folder, which Beam would choose anew each time, are chosen here.
    """
    launcher = (f"--job_server_java_launcher={launcher_path()}",) if launcher_path().is_file() else ()
    return (f"--job_port={_job_port()}", f"--artifacts_dir={tempfile.gettempdir()}/tokenmill-artifacts", *launcher)


@cache
def _job_port() -> int:
    return _open_port()


def _open_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def python_part(text: str) -> str | None:
    """The Python part of a failure: the last traceback, without Java's frames; or that the job server is gone."""
    found = re.findall(r"Traceback \(most recent call last\):\n(?:.*\n)*?(?=\s+at [\w$.]+\(|\s*Caused by:|\Z)", text)
    if found:
        return str(found[-1]).strip()
    lost = re.search(r'status = StatusCode\.(\w+)\s+details = "(.*)"', text)
    return f"FatalError: the job server is gone ({lost[1]}: {lost[2]}); run the same command again" if lost else None
