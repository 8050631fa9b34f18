"""Builds the environment in which other projects' own readers run: `python tests/readers/build.py`, or `make readers`.

It lies in the folder that TOKENMILL_READERS names, or in the user's cache, and is built once for a list of packages and
a Python, in about two minutes and 450 MB; remove the folder to build it anew. Beside what is installed there it sees
the packages of the environment that builds it: PyTorch, NumPy, pyarrow are not installed twice. A project that cannot
be installed or imported is left out, with a word why.
"""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECTS = {
    "megatron": ("megatron-core==0.16.1", "megatron.core.datasets.indexed_dataset"),
    "datatrove": ("datatrove==0.10.1", "datatrove.utils.dataset"),
    "olmo": ("ai2-olmo-core==3.0.0", "olmo_core.data"),
    "litdata": ("litdata==0.2.76", "litdata"),
    "mds": ("mosaicml-streaming==0.13.0", "streaming"),
    "lm_eval": ("lm-eval==0.4.13", "lm_eval.models.huggingface"),
}
"""What is installed for each, and the module that its reader is in. Their own lists of dependencies ask for clouds."""
COMPANIONS = {
    "megatron": (),
    "datatrove": ("loguru", "humanize", "dill", "multiprocess", "tqdm", "huggingface_hub>=1.6"),
    "olmo": (
        "cached-path",
        "dataclass-extensions",
        "bettermap",
        "importlib_resources",
        "pandas",
        "safetensors",
        "rich",
    ),
    "litdata": ("lightning-utilities", "boto3", "obstore", "tifffile", "torchvision"),
    "mds": ("boto3", "Brotli", "zstd", "python-snappy", "xxhash", "catalogue", "transformers", "torchvision", "tqdm"),
    "lm_eval": ("accelerate", "datasets", "dill", "sacrebleu", "transformers"),
}
"""What their readers import all the same."""


def environment() -> Path:
    """Where the environment is, or would be."""
    named = os.environ.get("TOKENMILL_READERS")
    listed = json.dumps([PROJECTS, COMPANIONS, sys.version_info[:2], sys.prefix], sort_keys=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "tokenmill" / f"readers-{hashlib.sha256(listed.encode()).hexdigest()[:12]}"


def python() -> Path:
    """The environment's interpreter."""
    return environment() / "bin" / "python"


def state() -> dict[str, str]:
    """For each project "ready", or what keeps it from being so; empty where nothing has been built."""
    try:
        return json.loads((environment() / "readers.json").read_text())
    except (OSError, ValueError):
        return {}


def build() -> dict[str, str]:
    """Make the environment, install what can be installed, import it, and write down what came of it."""
    venv.create(environment(), with_pip=True, clear=True)
    asked = [str(python()), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "outer.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    held = environment() / "held.txt"
    held.write_text("".join(f"{name}=={_plain(name)}\n" for name in ("torch", "numpy", "pyarrow") if _plain(name)))
    found = {name: _install(name, held) for name in PROJECTS}
    (environment() / "readers.json").write_text(json.dumps(found, indent=1))
    return found


def _plain(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return ""


def _install(name: str, held: Path) -> str:
    package, module = PROJECTS[name]
    pip = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [
        [*pip, "--no-deps", package],
        *([[*pip, "--constraint", str(held), *COMPANIONS[name]]] if COMPANIONS[name] else []),
        [str(python()), "-W", "ignore", "-c", f"import {module}"],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["it cannot be installed"])[-1]
    return "ready"


if __name__ == "__main__":
    for name, said in (state() or build()).items():
        print(f"{name}: {said}")
    print(environment())
