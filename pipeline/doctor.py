"""What is installed, what is missing, and the command that mends it."""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.engines.job_server import FLINK, MIN_JAVA, SPARK, find_job_server, java_version
from pipeline.errors import SettingError
from pipeline.memory import memory_bytes
from pipeline.models import check_models
from pipeline.places import WORKER_BYTES, check_temporary, check_writable
from pipeline.recipe import Recipe
from pipeline.stage_names import STAGES
from pipeline.storage import Folder
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
        return f"{line}: {self.mend}" if self.mend else line

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return asdict(self)


def diagnose(output: str = ".", recipe: Recipe | None = None) -> list[Finding]:
    """Look for everything that some command needs; of a recipe, for its models and its input as well."""
    machine = [*_python(), *_packages(), *_rooms(), *_compiler(), *_memory(), *_places(Folder(output))]
    return [*machine, *_models(recipe), *_training(), *_stores(), *_programs(), *_engines()]


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
    found = _version("kenlm")
    mend = "" if found else "name ARPA files; or Python 3.12 (no kenlm builds under 3.13): pip install kenlm"
    yield Finding(name="kenlm", found=found, needed_for="language models in KenLM's own format", mend=mend)


def _rooms() -> Iterator[Finding]:
    hidden = {package.name: package for package in find_shadowed()}
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        found, mend = (hidden[name].state, hidden[name].mend) if name in hidden else (str(home / name), "")
        yield Finding(name=f"package {name}", found=found, needed_for="every run", mend=mend, is_fault=bool(mend))


def _compiler() -> Iterator[Finding]:
    found = next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), "")
    mend = "" if found else "apt-get install g++"
    yield Finding(name="C++ compiler", found=found, needed_for="to build kenlm when it is installed", mend=mend)


def _memory() -> Iterator[Finding]:
    memory = memory_bytes()
    fits = (memory or WORKER_BYTES) // WORKER_BYTES
    found = f"{memory / 1e9:.1f} GB, room for {fits} workers" if memory else "not known"
    mend = "" if fits else f"a machine with more: a worker takes up to {WORKER_BYTES / 1e9:.1f} GB"
    yield Finding(name="memory", found=found, needed_for="every run", mend=mend, is_fault=not fits)


def _places(output: Folder) -> Iterator[Finding]:
    if output.is_local:
        yield _place(f"disk of {output.url}", output.local_path(), lambda: check_writable(output))
    yield _place("temporary files", Path(tempfile.gettempdir()), check_temporary)


def _place(name: str, folder: Path, check: Callable[[], None]) -> Finding:
    """Whether a folder can be written to, and how much room it has; `tokenmill plan` says how much a run takes."""
    try:
        check()
    except SettingError as error:
        return Finding(name=name, found="", needed_for="every run", mend=str(error), is_fault=True)
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return Finding(name=name, found=f"{shutil.disk_usage(there).free / 1e9:.1f} GB free", needed_for="every run")


def _models(recipe: Recipe | None) -> Iterator[Finding]:
    """What the recipe names outside the run; without one, nothing is needed: a run trains its own models."""
    if recipe is None:
        found = "none needed: a run trains its own on Wikipedia, or the recipe names them (--recipe looks for those)"
        yield Finding(name="models", found=found, needed_for="CommonCrawl, C4")
        return
    root, mend = Folder(recipe.inputs.root), ""
    if root.is_local and not root.local_path().is_dir():
        mend = f"set inputs.root to the folder of the raw dumps, or make it: tokenmill demo-input {root.url}"
    found = "" if mend else root.url
    yield Finding(name="raw dumps", found=found, needed_for=f"recipe {recipe.name}", mend=mend, is_fault=bool(mend))
    try:
        check_models(recipe, STAGES)
    except SettingError as error:
        yield Finding(name="models", found="", needed_for=f"recipe {recipe.name}", mend=str(error), is_fault=True)
    else:
        yield Finding(name="models", found="those it names are there", needed_for=f"recipe {recipe.name}")


def _training() -> Iterator[Finding]:
    torch = _version("torch")
    yield Finding(name="torch", found=torch, needed_for="train", mend="" if torch else "pip install 'tokenmill[train]'")
    gpu = _said(["nvidia-smi", "-L"])
    mend = "" if gpu.startswith("GPU") else "a CPU trains the demo's model; a larger one needs an NVIDIA GPU"
    yield Finding(name="GPU", found="" if mend else gpu, needed_for="train beyond the preset tiny", mend=mend)


def _stores() -> Iterator[Finding]:
    for package, extra, scheme in (("gcsfs", "gcp", "gs://"), ("s3fs", "aws", "s3://"), ("adlfs", "azure", "az://")):
        found = _version(package)
        mend = "" if found else f"pip install 'tokenmill[{extra}]'"
        yield Finding(name=package, found=found, needed_for=f"{scheme} addresses", mend=mend)


def _programs() -> Iterator[Finding]:
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
