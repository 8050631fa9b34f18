"""Spark: what we set for the user, what is checked before any work, and what its failures say."""

import re
import urllib.request
from collections.abc import Iterator, Sequence

from pipeline.engines.flags import is_given, value_of, values_of, without_given
from pipeline.engines.job_server import SPARK, JobServer, check_java, find_job_server, jar_flags
from pipeline.engines.worker_boot import command_path
from pipeline.errors import SettingError
from pipeline.memory import memory_bytes

_HERE = ("localhost", "127.0.0.1", "::1", "[::1]")
_PARTITIONS_ELSEWHERE = 200  # As many as Spark's own SQL shuffles have: a master does not say how many cores it has.
_ASK_SECONDS = 2.0
_GIBIBYTE = 1 << 30


def defaults(flags: Sequence[str], workers: int) -> tuple[str, ...]:
    """Beam flags that we set where the user does not; `workers` Python processes for each executor."""
    ours = [
        f"--spark_master_url=local[{workers}]",
        # Our own boot program, on each machine at the path that it has here. Beam's default is a container for a
        # cluster, and for a local master a worker that is started as whatever `python` the PATH has.
        "--environment_type=PROCESS",
        # So many workers an executor, and each task goes to one that is idle: otherwise they are dealt in turn, and two
        # tasks share a worker's one lock while another worker waits.
        f"--sdk_worker_parallelism={workers}",
        "--load_balance_bundles",
        # A worker takes seconds to start, so it is kept between tasks; a step of ours is a job, and at its end the
        # worker is to go before those of the next have grown.
        "--environment_cache_millis=5000",
        # What two steps read is kept, and goes to disk where the heap is full. Spark's own default drops it there,
        # and all that led to it would be done again.
        "--storage_level=MEMORY_AND_DISK",
        *jar_flags(SPARK, flags),
    ]
    if value_of(flags, "--environment_type", "PROCESS") == "PROCESS":
        ours.append(f'--environment_config={{"command": "{command_path()}"}}')
    given = {_name(value) for value in _properties(flags)}
    properties = (value for value in _java(master(flags, workers), workers) if _name(value) not in given)
    return (*without_given(ours, flags), *(f"--job_server_jvm_properties={value}" for value in properties))


def _java(url: str, workers: int) -> Iterator[str]:
    """What the job server's Java is started with. It is Spark's driver, and reads Spark's configuration from there."""
    if is_local(url):
        # Tasks run in the job server itself, and what each gives lies in its heap until the task is done.
        yield f"-Xmx{max(1, min(1 + workers // 2, (memory_bytes() or 4 * _GIBIBYTE) // 4 // _GIBIBYTE))}g"
        # After a shuffle so many tasks: two for each worker, so that one long task does not leave the others idle.
        yield f"-Dspark.default.parallelism={2 * workers}"
        yield "-Dspark.ui.enabled=false"
        return
    yield f"-Dspark.default.parallelism={_PARTITIONS_ELSEWHERE}"
    # Java's part of an executor; the workers' memory comes on top. Spark's default, said for all to see.
    yield "-Dspark.executor.memory=1g"


def check(flags: Sequence[str]) -> None:
    """Raise SettingError where a run with these flags cannot work."""
    url, environment = master(flags, 1), value_of(flags, "--environment_type", "PROCESS")
    if environment == "LOOPBACK" and not is_local(url):
        raise SettingError(
            f"--environment_type=LOOPBACK starts workers on this machine only, and {url} has executors elsewhere:"
            " leave it out, or give EXTERNAL (a pool on each machine) or DOCKER"
        )
    if environment == "EXTERNAL" and not is_given(flags, "--environment_config"):
        raise SettingError("--environment_type=EXTERNAL needs the pool's address: --environment_config=localhost:50000")
    ours = environment == "PROCESS" and not is_given(flags, "--environment_config")
    if ours and is_here(url) and not command_path().is_file():
        raise SettingError(f"{command_path()} is missing, which starts workers: pip install tokenmill")
    if is_given(flags, "--job_endpoint"):
        return
    check_java(flags)
    inside = find_job_server(SPARK, flags).versions.get("spark", "")
    cluster = "" if is_local(url) else _version_of(url, flags)
    if inside and cluster and _line(inside) != _line(cluster):
        raise SettingError(
            f"{url} is Spark {cluster} and the job server is built with {inside}: they do not understand each other;"
            f" build one for {cluster}: {SPARK.build_command} -Dspark.version={cluster}"
        )


def notes(flags: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """What may go wrong but need not: folders of this machine that workers elsewhere may not see."""
    if is_here(master(flags, 1)):
        return []
    return [
        f"{address} is a folder of this machine: workers elsewhere need the same files at the same path"
        for address in addresses
        if "://" not in address or address.startswith("file://")
    ]


def message(text: str) -> str | None:
    """The Python part of a failure that Spark reports: the last traceback, without Java's frames around it."""
    found = re.findall(r"Traceback \(most recent call last\):\n(?:.*\n)*?(?=\s+at [\w$.]+\(|\s*Caused by:|\Z)", text)
    return str(found[-1]).strip() if found else None


def master(flags: Sequence[str], workers: int) -> str:
    """The master's address: the user's, or this machine."""
    return value_of(flags, "--spark_master_url", f"local[{workers}]")


def is_local(url: str) -> bool:
    """Whether Spark runs inside the job server."""
    return re.match(r"local(\[.+\])?$", url) is not None


def is_here(url: str) -> bool:
    """Whether all of the cluster is this machine, as far as the address says."""
    return is_local(url) or _host(url) in _HERE


def _host(url: str) -> str:
    return url.partition("://")[2].rpartition(":")[0]


def _properties(flags: Sequence[str]) -> Iterator[str]:
    for name in ("--job_server_jvm_properties", "--job_server_jvm_property"):
        yield from values_of(flags, name)


def _name(setting: str) -> str:
    """What a setting of Java is about: -Xmx, or -Dspark.executor.memory."""
    return "-Xmx" if setting.startswith("-Xmx") else setting.partition("=")[0]


def _line(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _version_of(url: str, flags: Sequence[str]) -> str:
    """The Spark version of a standalone master, where its REST server answers at once; empty where it does not."""
    rest = value_of(flags, "--spark_rest_url", f"http://{_host(url)}:6066")
    try:
        with urllib.request.urlopen(f"{rest}/v1/submissions/status/none", timeout=_ASK_SECONDS) as answer:
            said = answer.read(10_000).decode(errors="replace")
    except OSError:
        return ""
    found = re.search(r'"serverSparkVersion"\s*:\s*"([^"]+)"', said)
    return found[1] if found else ""
