"""The doctor says what is missing and how to mend it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import doctor
from pipeline.doctor import Finding, diagnose
from pipeline.engines.job_server import JobServer
from pipeline.errors import SettingError
from pipeline.recipe_file import load_recipe
from tokenmill.shadowed import Shadowed

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_job_server(monkeypatch):
    """Nobody is asked for one on the network."""

    def find(kind):
        raise SettingError("none is built")

    monkeypatch.setattr(doctor, "find_job_server", find)


def test_here_nothing_that_every_run_needs_is_missing():
    assert [finding.name for finding in diagnose() if finding.is_fault] == []


def test_a_missing_package_is_a_fault_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name == "lxml" else "1.0")
    (finding,) = [finding for finding in diagnose() if finding.is_fault]
    assert finding.name == "lxml"
    assert finding.mend.startswith("pip install")
    assert str(finding).startswith("MISSING lxml: not found (every run): pip install")


def test_what_only_some_need_is_absent_but_no_fault(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    java = next(finding for finding in diagnose() if finding.name == "java")
    assert not java.is_fault
    assert str(java).startswith("absent  java: not found (--runner=SparkRunner")


def test_a_java_that_is_too_old_is_to_be_mended(monkeypatch):
    monkeypatch.setattr(doctor, "_said", lambda command: 'openjdk version "1.8.0_392"')
    java = next(finding for finding in diagnose() if finding.name == "java")
    assert java.mend.endswith("(Java 11 or later)")


def test_the_job_server_that_would_be_used_is_named_with_its_digest(monkeypatch, tmp_path):
    (tmp_path / "a.jar").write_bytes(b"abc")
    monkeypatch.setattr(JobServer, "versions", {"beam": "2.70.0"})
    monkeypatch.setattr(doctor, "find_job_server", lambda kind: JobServer(kind, str(tmp_path / "a.jar"), "for a test"))
    spark = next(finding for finding in diagnose() if finding.name == "Spark job server")
    assert spark.found.startswith(f"{tmp_path}/a.jar (for a test; beam 2.70.0); sha256 ba7816bf")
    assert not spark.mend


def test_a_job_server_that_is_nowhere_is_to_be_built():
    flink = next(finding for finding in diagnose() if finding.name == "Flink job server")
    assert str(flink).startswith("absent  Flink job server: not found (--runner=FlinkRunner): mvn ")
    assert flink.mend == "mvn -f job-servers/flink/pom.xml package (none is built)"


def test_a_foreign_package_that_hides_ours_is_a_fault(monkeypatch):
    hidden = Shadowed(name="trainer", place="/elsewhere/trainer", distributions=())
    monkeypatch.setattr(doctor, "find_shadowed", lambda: (hidden,))
    (finding,) = [finding for finding in diagnose() if finding.is_fault]
    assert str(finding).startswith(
        "MISSING package trainer: hidden by /elsewhere/trainer, of no distribution (every run)"
    )
    assert "start from another folder than /elsewhere" in str(finding)


def test_our_own_packages_are_named_with_their_folders():
    filters = next(finding for finding in diagnose() if finding.name == "package filters")
    assert str(filters) == f"ok      package filters: {ROOT}/filters (every run)"


@pytest.mark.parametrize(
    "version, good", [(("3", "10", "9"), False), (("3", "11", "0"), True), (("3", "14", "0"), False)]
)
def test_python_must_be_one_that_is_supported(monkeypatch, version, good):
    monkeypatch.setattr(doctor.platform, "python_version_tuple", lambda: version)
    python = next(finding for finding in diagnose() if finding.name == "python")
    assert python.is_fault != good


def test_a_finding_is_a_json_object():
    finding = Finding(name="x", found="1", needed_for="y")
    assert finding.to_json() == {"name": "x", "found": "1", "needed_for": "y", "mend": "", "is_fault": False}
    assert str(finding) == "ok      x: 1 (y)"


def found(name, *arguments):
    return next(finding for finding in diagnose(*arguments) if finding.name == name)


def test_the_disk_of_the_output_is_looked_at_before_the_output_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=32_100_000_000))
    disk = found(f"disk of {tmp_path}/deep/out", f"{tmp_path}/deep/out")
    assert (disk.found, disk.is_fault, disk.mend) == ("32.1 GB free", False, "")


def test_a_disk_that_is_full_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=300_000))
    disk = found(f"disk of {tmp_path}", str(tmp_path))
    assert (disk.is_fault, disk.mend) == (True, f"--output {tmp_path} has 0.3 MB free, and at least 16.8 MB are needed")


@pytest.mark.parametrize(
    "memory, said", [(4_200_000_000, "4.2 GB, room for 7 workers"), (500_000_000, "0.5 GB, room for 0 workers")]
)
def test_memory_is_told_in_workers(monkeypatch, memory, said):
    monkeypatch.setattr(doctor, "memory_bytes", lambda: memory)
    assert (found("memory").found, found("memory").is_fault) == (said, memory < 600_000_000)


def test_of_a_recipe_its_dumps_and_models_are_looked_for(tmp_path):
    recipe = load_recipe("demo", (f"inputs.root={tmp_path}/none", "language.model=/nowhere/lid.bin"))
    dumps, models = found("raw dumps", ".", recipe), found("models", ".", recipe)
    assert (dumps.is_fault, models.is_fault) == (True, True)
    assert dumps.mend.endswith(f"tokenmill demo-input {tmp_path}/none")
    assert models.mend.startswith("language: no model at /nowhere/lid.bin")


def test_what_a_recipe_names_and_is_there_is_well(tmp_path):
    recipe = load_recipe("demo", (f"inputs.root={tmp_path}",))
    assert (found("raw dumps", ".", recipe).found, found("models", ".", recipe).mend) == (str(tmp_path), "")


def test_without_a_gpu_it_is_said_what_a_cpu_can_do(monkeypatch):
    monkeypatch.setattr(doctor, "_said", lambda command: "NVIDIA-SMI has failed")
    assert str(found("GPU")).startswith("absent  GPU: not found (train beyond the preset tiny): a CPU trains")
    monkeypatch.setattr(doctor, "_said", lambda command: "GPU 0: NVIDIA H100 (UUID: GPU-1)")
    assert found("GPU").found == "GPU 0: NVIDIA H100 (UUID: GPU-1)"


def test_each_finding_is_one_line():
    assert [line for line in map(str, diagnose()) if "\n" in line] == []


def test_a_programs_first_line_is_read():
    assert doctor._said([sys.executable, "--version"]).startswith("Python 3")
    assert doctor._said(["no-such-program"]) == ""


def test_each_thing_is_told_of_once():
    names = [finding.name for finding in diagnose()]
    assert sorted(set(names)) == sorted(names)
