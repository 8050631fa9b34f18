"""Google Cloud Dataflow: what we set for a job, what must hold before any work, and a job looked at without running it.

`tokenmill … -- --runner=DataflowRunner --dry_run` needs neither network nor rights. docs/dataflow.md has the rest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engines.flags import is_given, value_of, without_given
from pipeline.errors import SettingError
from pipeline.redact import is_secret
from pipeline.version import VERSION

RUNNER = "DataflowRunner"
REQUEST_LIMIT = 20_000_000
"""Bytes of JSON that the service takes as the description of a job."""

_OURS = (
    # The image holds this version and its Beam; a worker would else fetch both whenever it starts.
    "--sdk_location=container",
    # One unit at a time in each process, of which there is one a processor: Python's threads would share that
    # processor and double the memory.
    "--number_of_worker_harness_threads=1",
    # Four processes share one copy of image and mapped models, with 4 GB each: several times what a unit takes.
    "--machine_type=n2-standard-4",
    # The image, and the files of four units before they are uploaded; the service's default of 25 GB is narrow.
    "--disk_size_gb=50",
    # What a mistake can cost an hour is bounded; without it the project's quota is the only bound.
    "--max_num_workers=100",
    # Nothing of ours lies in __main__, and a session would be a file more to stage, and to unpickle in each worker.
    "--no_save_main_session",
)
_NEEDED = {
    "--project": "the id of your Google Cloud project",
    "--region": "where the workers run, such as europe-west1: where your buckets are",
    "--temp_location": "a folder in a bucket for the job's own files, gs://BUCKET/tmp",
    "--sdk_container_image": "the image that `docker build .` makes, pushed to your project's repository",
}
_SHAPES = {
    "--project": (
        r"(?:[a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "is no project id (a number or a title is none)",
    ),
    "--region": (r"[a-z]+-[a-z]+\d+", "is no region such as europe-west1 (a zone has one more letter)"),
    "--temp_location": (r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/.*", "is no folder in a bucket, gs://BUCKET/tmp"),
    "--staging_location": (r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/.*", "is no folder in a bucket, gs://BUCKET/tmp"),
    "--sdk_container_image": (r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?", "is no image"),
    "--job_name": (r"[a-z](?:[-a-z0-9]*[a-z0-9])?", "is no job name: small letters, digits and dashes"),
}
"""Where a bucket's name is impossible, Beam would try for more than a minute to create one of another name."""


def defaults(flags: Sequence[str], workers: int) -> tuple[str, ...]:
    """The flags that we set, less those that the user gives; `workers` are processes, as everywhere."""
    ours = list(_OURS)
    if is_given(flags, "--worker_machine_type"):
        ours = [flag for flag in ours if not flag.startswith("--machine_type")]
    if is_given(flags, "--save_main_session"):
        ours.remove("--no_save_main_session")
    # A label more, beside the user's: what runs of which version cost is then in the bill.
    return (*without_given(ours, flags), f"--labels=tokenmill={re.sub('[^a-z0-9-]', '-', VERSION)}")


def check(flags: Sequence[str]) -> None:
    """Raise SettingError where a job could not start: a part that is not installed, a flag missing or impossible.

    The service would say so after minutes, and of some not at all.
    """
    _check_installed()
    for name, why in _NEEDED.items():
        if not value_of(flags, name):
            raise SettingError(f"{name} is missing: --runner={RUNNER} needs {why}")
    for name, (shape, why) in _SHAPES.items():
        value = value_of(flags, name)
        if value and re.fullmatch(shape, value) is None:
            raise SettingError(f"{name}={value} {why}")
    for flag in flags:
        name = flag.partition("=")[0]
        if name.startswith("--") and is_secret(name):
            raise SettingError(
                f"{name}: all who see the job would see its value; "
                "workers have the rights of the job's service account (--service_account_email)"
            )


def _check_installed() -> None:
    try:
        from apache_beam.runners.dataflow.internal import apiclient  # noqa: F401 - is it there?
    except ImportError as error:
        raise SettingError(f"--runner={RUNNER} needs Beam's parts for it: pip install 'tokenmill[gcp]'") from error


def check_elsewhere(flags: Sequence[str], places: Mapping[str, str]) -> None:
    """Raise SettingError for an address (by its key) that lies on this machine, where no worker could reach it."""
    for key, address in places.items() if value_of(flags, "--runner") == RUNNER else ():
        if "://" not in address or address.startswith(("file://", "memory://")):
            raise SettingError(f"{key} {address} lies on this machine, out of the workers' reach: use gs://BUCKET/…")


def message(text: str) -> str | None:
    """What went wrong in a worker, or why the service gave up, as one line; None where the text says neither."""
    text = re.sub(r" \[while running '[^']*'\]", "", text)
    errors = re.findall(r"^\s*(?:\w+\.)*(\w*(?:Error|Exception|Interrupt): .+)$", text, flags=re.MULTILINE)
    ours = [line for line in errors if not line.startswith("DataflowRuntimeException")]
    causes = re.findall(r"(?:Causes|message\"?): \"?(.+)", text)
    found = (ours or causes)[-1:]
    return found[0].strip().rstrip('",') if found else None


def is_rehearsal(flags: Sequence[str]) -> bool:
    """Whether the job is to be built and looked at, and not to be run: Beam's own `--dry_run`."""
    wanted = value_of(flags, "--dry_run", "false").lower()
    return value_of(flags, "--runner") == RUNNER and wanted not in ("false", "0", "no")


def spelled(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags, `--dry_run` with the value that Beam's parser asks for."""
    return tuple("--dry_run=True" if flag == "--dry_run" else flag for flag in flags)


@dataclass(frozen=True, slots=True)
class JobFigures:
    """What a job is, as it would be sent: its graph, the images and hints of its steps, and the request."""

    steps: int
    graph_bytes: int
    request_bytes: int
    environments: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    machine_type: str
    max_workers: int
    threads: int

    def lines(self) -> list[str]:
        """The figures for people."""
        share = self.request_bytes / REQUEST_LIMIT
        images = [
            f"environment: {image}, hints: {', '.join('='.join(hint) for hint in hints) or 'none'}"
            for image, hints in self.environments
        ]
        return [
            f"job graph: {self.steps} steps, {self.graph_bytes:,} bytes; it is the same for any number of units",
            *images,
            f"workers: at most {self.max_workers} {self.machine_type}, {self.threads} thread a process",
            f"request: {self.request_bytes:,} bytes, {share:.2%} of the {REQUEST_LIMIT:,} that the service takes",
        ]


def figures(job: Any) -> JobFigures:
    """The figures of a job that Beam has built under `--dry_run`. Raises SettingError for one that is too large."""
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.dataflow.internal import apiclient

    graph = job.proto_pipeline
    environment = apiclient.Environment(
        packages=[], options=job.options, environment_version="8", proto_pipeline_staged_url="", proto_pipeline=graph
    )
    job.proto.environment = environment.proto
    request = len(type(job.proto).to_json(job.proto, indent=None))
    if request > REQUEST_LIMIT:
        raise SettingError(f"the job's description takes {request:,} bytes; Dataflow takes {REQUEST_LIMIT:,}")
    pool = environment.proto.worker_pools[0]
    held = [
        (
            beam_runner_api_pb2.DockerPayload.FromString(found.payload).container_image,
            tuple(sorted((name.split(":")[-2], value.decode()) for name, value in found.resource_hints.items())),
        )
        for found in graph.components.environments.values()
    ]
    return JobFigures(
        steps=len(graph.components.transforms),
        graph_bytes=graph.ByteSize(),
        request_bytes=request,
        environments=tuple(sorted(held)),
        machine_type=pool.machine_type,
        max_workers=pool.autoscaling_settings.max_num_workers,
        threads=pool.num_threads_per_worker,
    )
