"""Both distributions, built once from this tree."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from release import WHEEL, build


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the source distribution and the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder, "--no-isolation")
    return folder


@pytest.fixture(scope="session")
def site(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of packages of an environment in which the wheel alone is installed, by pip."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip(home, "install", *ALONE, str(dist / WHEEL))
    (folder,) = home.glob("lib/python*/site-packages")
    return folder


@pytest.fixture
def environment(site: Path, tmp_path: Path) -> Path:
    """An environment of one's own with the wheel in it."""
    home = tmp_path / "environment"
    shutil.copytree(site.parents[2], home, symlinks=True)
    for script in (home / "bin").glob("tokenmill*"):
        script.write_text(script.read_text().replace(str(site.parents[2]), str(home)))
    return home


ALONE = ("--no-deps", "--no-index")


def pip(home: Path, *words: str) -> None:
    """Pip, for an environment that has none."""
    command = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "--disable-pip-version-check"]
    subprocess.run([*command, *words, "--quiet"], check=True)


@pytest.fixture
def install() -> Callable[[Path, Path], None]:
    """`install(environment, wheel)`."""
    return lambda home, wheel: pip(home, "install", *ALONE, str(wheel))


@pytest.fixture
def uninstall() -> Callable[[Path, str], None]:
    """`uninstall(environment, "name")`."""
    return lambda home, name: pip(home, "uninstall", "--yes", name)


@pytest.fixture
def foreign_wheel(tmp_path: Path) -> Path:
    """A wheel of another project that has a package `filters`, too."""
    path = tmp_path / "sieve-1.2-py3-none-any.whl"
    files = {
        "filters/__init__.py": "",
        "sieve-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: sieve\nVersion: 1.2\n",
        "sieve-1.2.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, "sieve-1.2.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in (files | {"sieve-1.2.dist-info/RECORD": record}).items():
            wheel.writestr(name, text)
    return path
