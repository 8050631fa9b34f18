"""Whatever differs from the reference is said: bytes, files, the manifest, the ledger, and what is left behind."""

from dataclasses import replace

import pytest

from pipeline.drill.compare import differences, file_digests
from pipeline.ledger import LedgerEntry
from pipeline.manifest import write_manifest
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder

NAME = "documents/clean/c4/a.parquet"
ENTRY = LedgerEntry(stage="clean", source="c4", unit="a", key="k", documents_in=2, documents_kept=2)


def made(output):
    """A run of one unit."""
    run = Run(load_recipe("demo"), Folder(str(output)))
    written = run.output.write_text(NAME, "text")
    run.record(replace(ENTRY, outputs={NAME: {"bytes": written.bytes, "digest": written.digest}}))
    write_manifest(run)
    run.output.write_text("logs/run.log", str(output))
    return run


@pytest.fixture
def run(tmp_path):
    return made(tmp_path / "hurt")


@pytest.fixture
def found(run, tmp_path):
    """`found()`: what differs from the same run elsewhere."""
    reference, temporary = file_digests(made(tmp_path / "reference").output), tmp_path / "tmp"
    temporary.mkdir()
    return lambda: list(differences(run, reference, temporary))


def test_the_same_run_elsewhere_does_not_differ_whatever_its_logs_say(found, run):
    assert found() == []
    assert set(file_digests(run.output)) == {NAME, ENTRY.name, "manifest.json"}


def test_other_bytes_differ_from_the_reference_and_from_the_manifest(found, run):
    digest = run.output.write_text(NAME, "TEXT").digest
    first, second = found()
    assert first.startswith(f"{NAME} has the digest {digest}, in the reference ")
    assert second.startswith(f"{NAME} has the digest {digest}, manifest.json says ")


def test_a_file_too_few_or_too_many_differs(found, run):
    run.output.delete(NAME)
    run.output.write_text("documents/clean/c4/b.parquet", "text")
    assert f"{NAME} is not there" in found()
    assert "documents/clean/c4/b.parquet is there, and is not in the reference" in found()


def test_a_ledger_that_does_not_balance_is_told_beside_its_bytes(found, run):
    run.record(replace(ENTRY, documents_in=3, outputs={NAME: {"bytes": 4, "digest": run.output.digest(NAME)}}))
    write_manifest(run)
    said = found()
    assert said[0].startswith(f"{ENTRY.name} has the digest ")
    assert "the ledger does not balance: clean/c4/a: 3 documents in, but 2 kept + 0 rejected + 0 failed" in said


def test_a_manifest_that_the_done_records_contradict_is_told(found, run):
    held = run.output.read_json("manifest.json")
    run.output.write_json("manifest.json", held | {"digest": "0"})
    assert any(text.startswith("manifest_differs in manifest.json: digest is 0") for text in found())


@pytest.mark.parametrize("name", ["documents/clean/c4/.a.parquet.1.part", "logs/.x.part", "logs/work/embedded/1"])
def test_a_temporary_file_of_the_output_is_told(found, run, name):
    run.output.local_path(name).parent.mkdir(parents=True, exist_ok=True)
    run.output.local_path(name).touch()
    assert found()[0] == f"the temporary file {name} is left"


def test_a_temporary_file_of_this_machine_is_told_but_for_logs_and_what_is_fetched_once(found, tmp_path):
    for name in ("tokenmill-1/file", "tokenmill-logs/run.log", "tokenmill-models/m", "pymp-empty/"):
        path = tmp_path / "tmp" / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    assert found() == [f"the temporary file {tmp_path}/tmp/tokenmill-1/file is left"]
