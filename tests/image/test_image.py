"""What the image is made of is there, and follows from what the package says of itself. `replay.py` runs its lines."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from replay import BASE, stages_of  # noqa: E402 - a script beside this file

STAGES = stages_of(ROOT / "Dockerfile")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGE = STAGES[-1]


def copied() -> list[tuple[str, str]]:
    """(stage or "", source) of everything that the image copies."""
    lines = [shlex.split(value) for instruction, value in IMAGE.lines if instruction == "COPY"]
    origins = [next((word[7:] for word in line if word.startswith("--from=")), "") for line in lines]
    sources = [[word for word in line if not word.startswith("--")][:-1] for line in lines]
    return [(origin, source) for origin, found in zip(origins, sources, strict=True) for source in found]


def test_every_base_is_pinned():
    for stage in STAGES:
        assert re.search(r":[\w.-]*\d[\w.-]*$", stage.image), stage.image
    assert BASE.fullmatch(IMAGE.image)


def test_what_is_copied_is_there_and_sent_to_the_builder():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for origin, source in copied():
        if origin:
            assert origin in {stage.name for stage in STAGES[:-1]}
        else:
            assert (ROOT / source).exists()
            assert source.partition("/")[0] in sent


def test_every_package_is_installed():
    packages = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in ROOT.glob("pipeline/**/__init__.py")}
    assert packages <= set(PROJECT["tool"]["setuptools"]["packages"])
    rooms = {name.partition(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]}
    assert rooms <= {source for _, source in copied()}


def test_boot_program_and_installed_beam_are_of_one_version():
    beam = next(stage for stage in STAGES if stage.name == "beam").image.partition(":")[2]
    (wanted,) = [name for name in PROJECT["project"]["dependencies"] if name.startswith("apache-beam")]
    assert wanted == f"apache-beam>={beam[:-2]},<2.{int(beam.split('.')[1]) + 1}"
    assert any("apache-beam==${BEAM}" in value for instruction, value in IMAGE.lines if instruction == "RUN")


def test_workers_and_launcher_find_what_they_start():
    said = dict(value.split("=", 1) for instruction, value in IMAGE.lines if instruction == "ENV")
    assert said["FLEX_TEMPLATE_PYTHON_PY_FILE"] == "/template/launch.py"
    assert IMAGE.lines[-1] == ("ENTRYPOINT", '["/opt/apache/beam/boot"]')
    assert {("beam", "/opt/apache/beam"), ("", "flex-template/launch.py")} <= set(copied())


def test_a_build_argument_fills_the_images_of_its_stages(tmp_path):
    (tmp_path / "Dockerfile").write_text("ARG A=1\nFROM x:${A} AS y\nARG B=2\nRUN echo \\\n  $B\nFROM z:3\n")
    first, last = stages_of(tmp_path / "Dockerfile")
    assert (first.image, first.name, last.name) == ("x:1", "y", "image")
    assert [(kind, value.split()) for kind, value in first.lines] == [("ARG", ["B=2"]), ("RUN", ["echo", "$B"])]


@pytest.mark.parametrize(
    "image, is_one", [("python:3.11.13-slim-bookworm", True), ("apache/beam_python3.11_sdk:2.77.0", False)]
)
def test_a_debian_root_stands_in_for_pythons_slim_image_alone(image, is_one):
    assert bool(BASE.fullmatch(image)) == is_one
