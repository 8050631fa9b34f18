"""Flink: what we set for the user, what is checked before any work, and what its failures say."""

import json
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.engines.flags import is_given, value_of, without_given
from pipeline.engines.job_server import FLINK, Kind, check_java, find_job_server, jar_flags
from pipeline.engines.portable import (
    check_workers,
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

LOCAL = "[local]"
CONFIGURATION = Path(__file__).with_name("flink_conf")
"""The folder of Flink's own settings, where it runs within the job server."""

_LINE = "1.19"  # Of our Maven project; 1.19 and 1.20 are the last lines that have an engine for batch alone.
_MOST_LOCAL = 8  # The 64 MB of network buffers that Flink has without a cluster suffice for shuffles of so many tasks.
_ASK_SECONDS = 5.0
_SHORT_OF = {
    r"Insufficient number of network buffers: required \d+, but only \d+ available": (
        "set taskmanager.network.sort-shuffle.min-buffers: 64 for the cluster, or give it more network memory"
    ),
    r"Cannot reserve \d+ bytes of direct buffer memory": (
        "set taskmanager.memory.task.off-heap.size: 256m for the cluster"
    ),
}
"""What a failure says that a task manager lacks, and what to do."""


def defaults(flags: Sequence[str], workers: int) -> tuple[str, ...]:
    """Beam flags that we set where the user does not: `workers` tasks at once, or as many as a cluster has slots."""
    url = master(flags)
    cluster = _asked(url)
    slots, managers = int(cluster.get("slots-total", 0)), int(cluster.get("taskmanagers", 0))
    tasks = slots or (min(workers, _MOST_LOCAL) if is_local(url) else workers)
    ours = [
        f"--flink_master={url}",
        # Beam's own choice is the newest line that it knows, whatever the cluster is.
        f"--flink_version={_line(flags)}",
        # Beam's own is the cluster's default, which is 1 where nobody has set it.
        f"--parallelism={tasks}",
        # One worker for each slot of a task manager. No --load_balance_bundles: Flink begins tasks before they have
        # input, and those that wait for others would hold all the workers.
        f"--sdk_worker_parallelism={-(-slots // managers) if managers else tasks}",
        # A worker takes seconds to start, so it is kept between tasks; a step of ours is a job, and at its end the
        # worker is to go before those of the next have grown.
        "--environment_cache_millis=5000",
        # A cluster has settings of its own, and would not take these.
        *([f"--flink_conf_dir={CONFIGURATION}"] if is_local(url) else []),
        *one_server(),
        *worker_flags(flags, is_local=is_local(url)),
        *jar_flags(_kind(flags), flags),
    ]
    # The sort buffers of tasks, and the groups that they read, lie in the heap; what does not fit there, in files.
    properties = [temporary_files(), *([local_heap(tasks)] if is_local(url) else [])]
    return (*without_given(ours, flags), *message_flags(flags), *java_flags(properties, flags))


def check(flags: Sequence[str]) -> None:
    """Raise SettingError where a run with these flags cannot work."""
    url = master(flags)
    check_workers(flags, url, is_local=is_local(url))
    if is_given(flags, "--job_endpoint"):
        return
    check_java(flags)
    if not is_local(url) and not _asked(url):
        raise SettingError(f"--flink_master={url}: no job manager of Flink answers at {_address(url)}/overview")
    inside, cluster = find_job_server(_kind(flags), flags).versions.get("flink", ""), _asked(url).get("flink-version")
    if inside and cluster and line_of(inside) != line_of(cluster):
        raise SettingError(
            f"{url} is Flink {cluster} and the job server is built with {inside}: they do not understand each other;"
            f" name one for {line_of(cluster)} by {FLINK.flag}"
        )


def message(text: str) -> str | None:
    """The Python part of a failure that Flink reports; or what its cluster has to be given."""
    for said, mend in _SHORT_OF.items():
        if found := re.search(said, text):
            return f"FatalError: {found[0]}: {mend}"
    return python_part(text)


def master(flags: Sequence[str]) -> str:
    """The job manager's address: the user's, or Flink within the job server."""
    return value_of(flags, "--flink_master", LOCAL).strip()


def is_local(url: str) -> bool:
    """Whether Flink runs inside the job server: `[local]`, and Beam's `[auto]` that comes to the same here."""
    return url.startswith("[")


def _line(flags: Sequence[str]) -> str:
    """The line of Flink that the user names, or that the cluster is of."""
    return value_of(flags, "--flink_version") or line_of(_asked(master(flags)).get("flink-version", _LINE))


def _kind(flags: Sequence[str]) -> Kind:
    """The job server of that line: each line of Flink has its own, and our project builds one."""
    line = _line(flags)
    if line == _LINE:
        return FLINK
    return replace(FLINK, project=f"{FLINK.project}-{line}", beam_target=FLINK.beam_target.replace(_LINE, line))


def _address(url: str) -> str:
    return url if "://" in url else f"http://{url}"


@cache
def _asked(url: str) -> dict[str, Any]:
    """What a cluster's job manager says of it: slots, task managers, version; nothing where it does not answer."""
    if is_local(url):
        return {}
    try:
        with urllib.request.urlopen(f"{_address(url)}/overview", timeout=_ASK_SECONDS) as answer:
            said = json.loads(answer.read(100_000))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
