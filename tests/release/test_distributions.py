"""What is released is whole, holds nothing else, and loads from where it is installed."""

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from release import INFO, NAME, PACKAGES, PROJECT, SDIST, TOP, WHEEL, differences, licences  # noqa: E402


def without(archive, name, path):
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as part:
        for entry in whole.namelist():
            if entry != name:
                part.writestr(entry, whole.read(entry))


def test_nothing_lacks_and_nothing_is_too_much(dist):
    assert list(differences(dist)) == []


@pytest.mark.parametrize(
    "name", ["pipeline/recipes/demo.toml", "pipeline/engines/flink_conf/config.yaml", f"{INFO}/licenses/THIRD_PARTY.md"]
)
def test_a_file_that_lacks_is_told(dist, tmp_path, name):
    without(dist / WHEEL, name, tmp_path / WHEEL)
    (tmp_path / SDIST).symlink_to(dist / SDIST)
    assert list(differences(tmp_path)) == [f"{WHEEL} lacks {name}"]


def test_the_source_has_no_tests_and_builds_what_the_tree_builds(dist):
    with tarfile.open(dist / SDIST) as sdist:
        names = sdist.getnames()
    assert f"{NAME}/CHANGELOG.md" in names
    assert not [name for name in names if "/test" in name or "benchmarks" in name]


def test_every_package_says_that_it_is_typed(dist):
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        assert {f"{name}/py.typed" for name in TOP} <= set(wheel.namelist())


def test_the_metadata_name_the_licences_and_the_python(dist):
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        told = email.message_from_bytes(wheel.read(f"{INFO}/METADATA"))
    assert (told["License-Expression"], told["Requires-Python"]) == ("Apache-2.0", "<3.14,>=3.11")
    assert set(told.get_all("License-File")) == licences()
    assert told["Version"] == PROJECT["project"]["version"]


def test_every_package_loads_from_the_wheel_alone(site, tmp_path):
    script = (
        "import sys; from importlib import import_module as load; from pathlib import Path\n"
        "for name in sys.argv[2:]: assert Path(load(name).__file__).is_relative_to(sys.argv[1]), name"
    )
    command = [sys.executable, "-P", "-W", "ignore", "-c", script, str(site), *PACKAGES, "pipeline.cli", "trainer.cli"]
    subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(site)}, check=True)


def test_the_commands_tell_the_version(environment, site, tmp_path):
    (packages,) = environment.glob("lib/python*/site-packages")
    needed = Path(pytest.__file__).parents[1]  # What the commands need is installed there.
    path = {"PYTHONPATH": f"{packages}:{needed}"}
    for name in ("tokenmill", "tokenmill-trainer"):
        said = subprocess.run(
            [environment / "bin" / name, "--version"], env=path, capture_output=True, text=True, check=False
        )
        assert said.stdout == f"{name}, version {PROJECT['project']['version']}\n", said.stderr


def test_the_newest_version_of_the_changelog_is_this_one():
    versions = re.findall(r"^## \[?([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert versions[0] == declared


def test_the_installed_version_is_the_declared_one():
    from pipeline.version import VERSION

    assert PROJECT["project"]["version"] == VERSION, "install the checkout anew: pip install --editable ."
