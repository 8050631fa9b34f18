"""Builds the source distribution and the wheel (`make release`), and runs the demo from them (`make release-check`).

python tests/release/release.py build dist
python tests/release/release.py check dist python3.11 python3.12 python3.13
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = f"{PROJECT['project']['name']}-{PROJECT['project']['version']}"
SDIST, WHEEL = f"{NAME}.tar.gz", f"{NAME}-py3-none-any.whl"
INFO = f"{NAME}.dist-info"
PACKAGES: list[str] = PROJECT["tool"]["setuptools"]["packages"]
TOP = sorted({name.partition(".")[0] for name in PACKAGES})
BESIDE = ("pyproject.toml", "README.md", "CHANGELOG.md", "MANIFEST.in")
"""What the source distribution has beside packages and licences."""
_SUFFIXES = {".py", ".toml", ".yaml", ".typed"}


def tracked() -> list[str]:
    """The repository's files, those included that are to be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def build(into: Path, *options: str) -> None:
    """Both distributions, from a copy without whatever lies about in the checkout; the wheel is made of the source."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in tracked():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        command = [sys.executable, "-m", "build", *options, "--outdir", str(into), folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def wanted() -> set[str]:
    """Every file of a package that is to be installed."""
    files = (Path(name) for name in tracked())
    return {str(path) for path in files if path.parts[0] in TOP and path.suffix in _SUFFIXES}


def licences() -> set[str]:
    """The files that say under which licences all is."""
    patterns = PROJECT["project"]["license-files"]
    return {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}


def differences(dist: Path) -> Iterator[str]:
    """What the distributions lack or have too much of, a line each."""
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        found = {name for name in wheel.namelist() if not name.endswith("/")}
    metadata = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt")}
    expected = wanted() | metadata | {f"{INFO}/licenses/{name}" for name in licences()}
    yield from _told(WHEEL, found, expected)
    with tarfile.open(dist / SDIST) as sdist:
        found = {member.name.removeprefix(f"{NAME}/") for member in sdist.getmembers() if member.isfile()}
    made = {name for name in found if name.startswith("tokenmill.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    yield from _told(SDIST, found, wanted() | licences() | set(BESIDE) | made)


def _told(archive: str, found: set[str], expected: set[str]) -> Iterator[str]:
    yield from (f"{archive} lacks {name}" for name in sorted(expected - found))
    yield from (f"{archive} holds {name}" for name in sorted(found - expected))


def check(python: str, archive: Path) -> dict[str, Any]:
    """Install the archive into a new environment of this Python and run the demo there, in a folder of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name, "work"), Path(name, "environment")
        folder.mkdir()
        _run(folder, python, "-m", "venv", str(home))
        bin_ = home / "bin"
        _run(folder, bin_ / "python", "-m", "pip", "install", "--quiet", f"{archive.resolve()}[train]")
        installed = time.monotonic()
        places = _run(folder, bin_ / "python", "-P", "-c", f"import {', '.join(TOP)}\n{_PLACES}").split()
        strangers = [place for place in places if not place.startswith(str(home)) or "site-packages" not in place]
        if strangers:
            raise SystemExit(f"imported from elsewhere: {strangers}")
        said = [_run(folder, bin_ / command, "--version").strip() for command in ("tokenmill", "tokenmill-trainer")]
        _run(folder, bin_ / "tokenmill", "doctor")
        _run(folder, bin_ / "tokenmill", "demo-input", "out/demo-dumps")
        _run(folder, bin_ / "tokenmill", "run", "demo", "--output", "out/demo")
        manifest = json.loads((folder / "out/demo/manifest.json").read_text())
        return {
            "archive": archive.name,
            "python": _run(folder, bin_ / "python", "-c", "import platform; print(platform.python_version())").strip(),
            "said": said,
            "version": manifest["version"],
            "outputs": len(manifest["outputs"]),
            "report_bytes": (folder / "out/demo/report.html").stat().st_size,
            "install_seconds": round(installed - began),
            "demo_seconds": round(time.monotonic() - installed),
        }


_PLACES = f"for module in ({', '.join(TOP)}): print(module.__file__)"


def _run(folder: Path, *command: str | Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def main(verb: str, dist: str, *pythons: str) -> None:
    """Build into `dist` and look at it; or check what lies there with each Python, the source with the first."""
    folder = Path(dist)
    if verb == "build":
        shutil.rmtree(folder, ignore_errors=True)
        build(folder)
    if found := list(differences(folder)):
        raise SystemExit("\n".join(found))
    if verb == "check":
        archives: Sequence[tuple[str, str]] = [(python, WHEEL) for python in pythons] + [(pythons[0], SDIST)]
        for python, archive in archives:
            print(json.dumps(check(python, folder / archive)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
