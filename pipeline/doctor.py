"""What is installed, what is missing, and the command that mends it."""

import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.engines.job_server import FLINK, MIN_JAVA, SPARK, find_job_server, java_version
from pipeline.errors import SettingError
from tokenmill.shadowed import PACKAGES, find_shadowed

_NEEDED = ("apache-beam", "pyarrow", "numpy", "numba", "sentencepiece", "lxml", "py7zr")
_FASTTEXT = ("fasttext-numpy2-wheel", "fasttext", "fasttext-wheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for. `mend` is the command that mends it, empty where all is well."""

    name: str
    found: str
    needed_for: str
    mend: str = ""
    is_fault: bool = False

    def __str__(self) -> str:
        state = "ok     " if not self.mend else ("MISSING" if self.is_fault else "absent ")
        line = f"{state} {self.name}: {self.found or 'not found'} ({self.needed_for})"
        return f"{line}\n        mend: {self.mend}" if self.mend else line

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return asdict(self)


def diagnose() -> list[Finding]:
    """Look for everything that some command needs."""
    return [*_python(), *_packages(), *_rooms(), *_optional(), *_engines()]


def _python() -> Iterator[Finding]:
    good = (3, 11) <= tuple(int(part) for part in platform.python_version_tuple()[:2]) <= (3, 13)
    mend = "" if good else "install Python 3.11, 3.12 or 3.13, and Tokenmill in it"
    yield Finding(name="python", found=platform.python_version(), needed_for="everything", mend=mend, is_fault=not good)


def _packages() -> Iterator[Finding]:
    for name in _NEEDED:
        found = _version(name)
        mend = "" if found else "pip install tokenmill"
        yield Finding(name=name, found=found, needed_for="every run", mend=mend, is_fault=not found)
    found = next((f"{name} {held}" for name in _FASTTEXT if (held := _version(name))), "")
    mend = "" if found else "pip install fasttext-numpy2-wheel (Python 3.13: pip install fasttext)"
    yield Finding(name="fasttext", found=found, needed_for="every run", mend=mend, is_fault=not found)


def _rooms() -> Iterator[Finding]:
    hidden = {package.name: package for package in find_shadowed()}
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        found, mend = (hidden[name].state, hidden[name].mend) if name in hidden else (str(home / name), "")
        yield Finding(name=f"package {name}", found=found, needed_for="every run", mend=mend, is_fault=bool(mend))


def _optional() -> Iterator[Finding]:
    found = _version("kenlm")
    mend = "" if found else "name ARPA files; or Python 3.12 (no kenlm builds under 3.13): pip install kenlm"
    yield Finding(name="kenlm", found=found, needed_for="language models in KenLM's own format", mend=mend)
    torch = _version("torch")
    yield Finding(name="torch", found=torch, needed_for="train", mend="" if torch else "pip install 'tokenmill[train]'")
    for package, extra, scheme in (("gcsfs", "gcp", "gs://"), ("s3fs", "aws", "s3://"), ("adlfs", "azure", "az://")):
        found = _version(package)
        mend = "" if found else f"pip install 'tokenmill[{extra}]'"
        yield Finding(name=package, found=found, needed_for=f"{scheme} addresses", mend=mend)
    for program, needed_for in (
        ("lmplz", "the benchmark train-lm, whose reference it is; no command needs it"),
        ("build_binary", "train-lm with language_model.binary = true"),
    ):
        found = shutil.which(program) or ""
        yield Finding(
            name=program,
            found=found,
            needed_for=needed_for,
            mend="" if found else "build kenlm's source package with CMake, as the Dockerfile does",
        )


def _engines() -> Iterator[Finding]:
    said = _said(["java", "-version"])
    is_old = (java_version(said) or MIN_JAVA) < MIN_JAVA
    yield Finding(
        name="java",
        found=said,
        needed_for="--runner=SparkRunner and FlinkRunner",
        mend="" if said and not is_old else f"apt-get install openjdk-17-jre-headless (Java {MIN_JAVA} or later)",
    )
    for kind in (SPARK, FLINK):
        name, needed_for = f"{kind.engine} job server", f"--runner={kind.engine}Runner"
        try:
            server = find_job_server(kind)
        except SettingError as error:
            yield Finding(name=name, found="", needed_for=needed_for, mend=f"{kind.build_command} ({error})")
            continue
        digest = server.digest()
        found = f"{server.describe()}{f'; sha256 {digest}' if digest else ''}"
        yield Finding(name=name, found=found, needed_for=needed_for)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _said(command: list[str]) -> str:
    """The first line that a program prints, empty where there is no such program."""
    if shutil.which(command[0]) is None:
        return ""
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    lines = (result.stderr or result.stdout).strip().splitlines()
    # Java says first which options it took from the environment.
    return next((line for line in lines if not line.startswith("Picked up ")), "")
