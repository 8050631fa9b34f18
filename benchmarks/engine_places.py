"""The engines that a recipe can be run on here: each as Beam's flags, and whatever must run beside it."""

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.claims import SkippedError
from pipeline.engines.job_server import FLINK, SPARK, Kind, check_java, find_job_server
from pipeline.errors import SettingError
from pipeline.storage import Folder

WORKERS = 2
"""Where an engine's name says nothing else: as many as the clusters have workers."""
EXECUTOR_MEMORY = "1g"
"""Of each of Spark's workers: small, so that what does not fit a group is found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run's dumps and output lie, how many workers it has, and Beam's flags."""

    dumps: str
    output: str
    workers: int = WORKERS
    flags: tuple[str, ...] = ()


Open = Callable[[Path, Path], AbstractContextManager[Place]]
"""`open(dumps, work)`: a place for as long as the block lasts. Raises SkippedError where this machine has it not."""


def place(name: str) -> Open:
    """The engine of this name. Raises ValueError for a name that there is not."""
    if workers := re.fullmatch(r"embedded-([1-9]\d*)", name):
        return lambda dumps, work: _embedded(dumps, work, int(workers[1]))
    if name not in PLACES:
        raise ValueError(f"no engine {name}; there are embedded-N, {', '.join(PLACES)}")
    return PLACES[name]


@contextmanager
def _embedded(dumps: Path, work: Path, workers: int) -> Iterator[Place]:
    yield Place(dumps=str(dumps), output=str(work / "out"), workers=workers)


@contextmanager
def _spark_local(dumps: Path, work: Path) -> Iterator[Place]:
    _need(SPARK)
    flags = ("--runner=SparkRunner", f"--spark_master_url=local[{WORKERS}]")
    yield Place(dumps=str(dumps), output=str(work / "out"), flags=flags)


@contextmanager
def _spark_cluster(dumps: Path, work: Path) -> Iterator[Place]:
    _need(SPARK)
    spark = _script("spark")
    if spark.spark_home() is None:
        raise SkippedError(spark.MISSING)
    with spark.spark_cluster(work / "cluster", workers=WORKERS, memory=EXECUTOR_MEMORY) as cluster:
        yield Place(dumps=str(dumps), output=str(work / "out"), flags=tuple(cluster.flags))


@contextmanager
def _flink_local(dumps: Path, work: Path) -> Iterator[Place]:
    _need(FLINK)
    yield Place(dumps=str(dumps), output=str(work / "out"), flags=("--runner=FlinkRunner", "--flink_master=[local]"))


@contextmanager
def _flink_cluster(dumps: Path, work: Path) -> Iterator[Place]:
    _need(FLINK)
    flink = _script("flink")
    if flink.flink_home() is None:
        raise SkippedError(flink.MISSING)
    with flink.flink_cluster(work / "cluster") as cluster:
        yield Place(dumps=str(dumps), output=str(work / "out"), flags=tuple(cluster.flags))


@contextmanager
def _s3(dumps: Path, work: Path) -> Iterator[Place]:
    """The embedded engine with dumps and output in a bucket."""
    try:
        s3 = _script("s3")
        importlib.import_module("s3fs"), importlib.import_module("moto")
    except ImportError as error:
        raise SkippedError(f"{error}: pip install 'tokenmill[dev]'") from error
    with s3.S3Store() as store, store.configured():
        bucket = Folder(store.address("dumps"))
        for path in sorted(dumps.rglob("*")):
            if path.is_file():
                bucket.put(path, path.relative_to(dumps).as_posix())
        yield Place(dumps=bucket.url, output=store.address("out"))


PLACES: dict[str, Open] = {
    "spark-local": _spark_local,
    "spark-cluster": _spark_cluster,
    "flink-local": _flink_local,
    "flink-cluster": _flink_cluster,
    "s3": _s3,
}
ALL = ("embedded-1", "embedded-2", *PLACES)


def _need(kind: Kind) -> None:
    try:
        check_java(())
        find_job_server(kind)
    except SettingError as error:
        raise SkippedError(str(error)) from error


def _script(name: str) -> Any:
    """A cluster of the tests, which are no part of what is installed."""
    return importlib.import_module(f"tests.clusters.{name}")
