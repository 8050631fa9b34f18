"""Spark: what we set for the user, what is checked before any work, and what its failures say."""

import re
import urllib.request
from collections.abc import Iterator, Sequence

from pipeline.engines.flags import is_given, value_of, without_given
from pipeline.engines.job_server import SPARK, check_java, find_job_server, jar_flags
from pipeline.engines.portable import (
    check_workers,
    host_of,
    java_flags,
    line_of,
    local_heap,
    message_flags,
    one_server,
    python_part,
    temporary_files,
    worker_flags,
)
from pipeline.errors import SettingError

_PARTITIONS_ELSEWHERE = 200  # As many as Spark's own SQL shuffles have: a master does not say how many cores it has.
_ASK_SECONDS = 2.0


def defaults(flags: Sequence[str], workers: int) -> tuple[str, ...]:
    """Beam flags that we set where the user does not; `workers` Python processes for each executor."""
    ours = [
        f"--spark_master_url=local[{workers}]",
        *worker_flags(flags, is_local=is_local(master(flags, workers))),
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
        *one_server(),
        *jar_flags(SPARK, flags),
    ]
    return (
        *without_given(ours, flags),
        *message_flags(flags),
        *java_flags(_java(master(flags, workers), workers), flags),
    )


def _java(url: str, workers: int) -> Iterator[str]:
    """What the job server's Java is started with. It is Spark's driver, and reads Spark's configuration from there."""
    yield temporary_files()
    if is_local(url):
        yield local_heap(workers)
        # After a shuffle so many tasks: two for each worker, so that one long task does not leave the others idle.
        yield f"-Dspark.default.parallelism={2 * workers}"
        yield "-Dspark.ui.enabled=false"
        return
    yield f"-Dspark.default.parallelism={_PARTITIONS_ELSEWHERE}"
    # Java's part of an executor; the workers' memory comes on top. Spark's default, said for all to see.
    yield "-Dspark.executor.memory=1g"


def check(flags: Sequence[str]) -> None:
    """Raise SettingError where a run with these flags cannot work."""
    url = master(flags, 1)
    check_workers(flags, url, is_local=is_local(url))
    if is_given(flags, "--job_endpoint"):
        return
    check_java(flags)
    inside = find_job_server(SPARK, flags).versions.get("spark", "")
    cluster = "" if is_local(url) else _version_of(url, flags)
    if inside and cluster and line_of(inside) != line_of(cluster):
        raise SettingError(
            f"{url} is Spark {cluster} and the job server is built with {inside}: they do not understand each other;"
            f" build one for {cluster}: {SPARK.build_command} -Dspark.version={cluster}"
        )


def message(text: str) -> str | None:
    """The Python part of a failure that Spark reports: the last traceback, without Java's frames around it."""
    return python_part(text)


def master(flags: Sequence[str], workers: int) -> str:
    """The master's address: the user's, or this machine."""
    return value_of(flags, "--spark_master_url", f"local[{workers}]")


def is_local(url: str) -> bool:
    """Whether Spark runs inside the job server."""
    return re.match(r"local(\[.+\])?$", url) is not None


def _version_of(url: str, flags: Sequence[str]) -> str:
    """The Spark version of a standalone master, where its REST server answers at once; empty where it does not."""
    rest = value_of(flags, "--spark_rest_url", f"http://{host_of(url)}:6066")
    try:
        with urllib.request.urlopen(f"{rest}/v1/submissions/status/none", timeout=_ASK_SECONDS) as answer:
            said = answer.read(10_000).decode(errors="replace")
    except OSError:
        return ""
    found = re.search(r'"serverSparkVersion"\s*:\s*"([^"]+)"', said)
    return found[1] if found else ""
