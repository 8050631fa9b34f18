"""Which job server, the Java program that hands a pipeline to Spark or Flink, is used, and why."""

import hashlib
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.engines.flags import is_given, value_of
from pipeline.errors import SettingError

_ROOT = Path(__file__).resolve().parent.parent.parent
_ASK_SECONDS = 3.0  # For one line of an answer; a network that swallows all would hold Beam's own download for minutes.
MIN_JAVA = 11  # Beam's own since 2.74; Spark 3.5 and Flink 1.19 run on 11 and 17.


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One engine's job server: how it is named, and where it may come from."""

    engine: str
    flag: str
    variable: str
    project: str  # Folder of the Maven project, below the repository.
    beam_target: str  # What Beam calls the jar of its own that it downloads.
    version_file: str  # In the jar, the engine's version.
    version_key: str

    @property
    def built(self) -> Path:
        """Where our Maven project puts it."""
        return _ROOT / self.project / "target" / f"{Path(self.project).name}-job-server.jar"

    @property
    def build_command(self) -> str:
        """What builds it."""
        return f"mvn -f {self.project}/pom.xml package"


SPARK = Kind(
    engine="Spark",
    flag="--spark_job_server_jar",
    variable="TOKENMILL_SPARK_JAR",
    project="job-servers/spark",
    beam_target=":runners:spark:3:job-server:shadowJar",
    version_file="spark-version-info.properties",
    version_key="version",
)
FLINK = Kind(
    engine="Flink",
    flag="--flink_job_server_jar",
    variable="TOKENMILL_FLINK_JAR",
    project="job-servers/flink",
    beam_target=":runners:flink:1.19:job-server:shadowJar",
    version_file=".flink-runtime.version.properties",
    version_key="project.version",
)


@dataclass(frozen=True)
class JobServer:
    """The job server that a run uses: a jar on this machine, or the address of one that Beam will fetch."""

    kind: Kind
    jar: str
    why: str

    @property
    def is_here(self) -> bool:
        """Whether the jar is a file of this machine."""
        return Path(self.jar).is_file()

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Versions of Beam and of the engine inside the jar; empty where the jar is not here or does not say."""
        found = {}
        if self.is_here:
            with zipfile.ZipFile(self.jar) as jar:
                names = set(jar.namelist())
                for name, file, key in (
                    ("beam", "org/apache/beam/sdk/sdk.properties", "version"),
                    (self.kind.engine.lower(), self.kind.version_file, self.kind.version_key),
                ):
                    text = jar.read(file).decode() if file in names else ""
                    if said := re.search(rf"^{re.escape(key)}=(.+)$", text, re.MULTILINE):
                        found[name] = said[1].strip()
        return found

    def digest(self) -> str:
        """SHA-256 of the jar; empty where it is not here."""
        if not self.is_here:
            return ""
        with Path(self.jar).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def describe(self) -> str:
        """Jar, reason, and the versions inside, in one line."""
        versions = ", ".join(f"{name} {value}" for name, value in self.versions.items())
        return f"{self.jar} ({'; '.join(part for part in (self.why, versions) if part)})"


def find_job_server(kind: Kind, flags: Sequence[str] = ()) -> JobServer:
    """The job server of a run with these flags. Raises SettingError where there is none, with what mends it."""
    for why, jar in ((f"{kind.flag} names it", value_of(flags, kind.flag)), _from_environment(kind)):
        if jar:
            if "://" not in jar and not Path(jar).is_file():
                raise SettingError(f"{why.partition(' ')[0]}={jar}: there is no such file")
            return JobServer(kind, jar, why)
    if kind.built.is_file():
        return JobServer(kind, str(kind.built), f"built by {kind.build_command}")
    url, cached = _beams_own(kind, flags)
    if cached.is_file():
        return JobServer(kind, str(cached), "Beam's own, downloaded before")
    if (fault := _ask(url)) is None:
        return JobServer(kind, url, "Beam's own, to be downloaded")
    raise SettingError(
        f"{kind.engine} has no job server: Beam's own cannot be downloaded ({fault}) and none is built;"
        f" run `{kind.build_command}`, or name one by {kind.flag} or {kind.variable}"
    )


def jar_flags(kind: Kind, flags: Sequence[str]) -> tuple[str, ...]:
    """The flag that names the job server where the user names none, and no server that already runs."""
    if is_given(flags, kind.flag) or is_given(flags, "--job_endpoint"):
        return ()
    return (f"{kind.flag}={find_job_server(kind, flags).jar}",)


def check_java(flags: Sequence[str]) -> None:
    """Raise SettingError where the Java that is to run a job server is absent or too old."""
    launcher = value_of(flags, "--job_server_java_launcher", "java")
    if not shutil.which(launcher):
        raise SettingError(f"{launcher} is not found, and job servers are Java programs: install Java 11 or 17")
    said = subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    version = java_version(said)
    if version is not None and version < MIN_JAVA:
        raise SettingError(f"{launcher} is Java {version}: Beam's job servers need {MIN_JAVA} or later")


def java_version(said: str) -> int | None:
    """The release in what `java -version` says: 17 of "17.0.15", 8 of "1.8.0_392"; None where it says none."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def _from_environment(kind: Kind) -> tuple[str, str]:
    return f"{kind.variable} names it", os.environ.get(kind.variable, "")


def _beams_own(kind: Kind, flags: Sequence[str]) -> tuple[str, Path]:
    from apache_beam.utils.subprocess_server import JavaJarServer  # Beam takes a second to import.

    url = JavaJarServer.path_to_beam_jar(kind.beam_target)
    return url, Path(value_of(flags, "--jar_cache_dir", JavaJarServer.JAR_CACHE)) / url.rpartition("/")[2]


def _ask(url: str) -> str | None:
    """What is in the way of a download, None where nothing is; within seconds, whatever the network does."""
    faults: list[str | None] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_ASK_SECONDS).close()
            faults.append(None)
        except OSError as error:
            faults.append(str(getattr(error, "reason", error)))

    # A thread, since looking up a name knows no limit of time; it ends with the process.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_ASK_SECONDS)
    return faults[0] if faults else f"no answer within {_ASK_SECONDS:.0f} s"
