"""What a killed run left is cleared away, and what is done stays."""

import fsspec
import pytest

from pipeline.ledger import LedgerEntry
from pipeline.storage import Folder
from pipeline.sweep import RECORDED, clear_temporary_files, sweep


@pytest.fixture(params=["local", "memory"])
def output(request, tmp_path):
    made = Folder(str(tmp_path / "out") if request.param == "local" else "memory://run")
    entry = LedgerEntry(stage="clean", source="c4", unit="u", key="k", outputs={"documents/clean/c4/u.parquet": {}})
    made.write_json(entry.name, entry.to_json())
    for name in ("documents/clean/c4/u.parquet", "models/language/language.bin", "logs/run.log"):
        made.write_text(name, "kept")
    yield made
    if request.param == "memory":
        fsspec.filesystem("memory").rm("/run", recursive=True)


@pytest.mark.parametrize(
    "left",
    [
        *(f"{folder}/c4/{name}" for folder in RECORDED for name in ("stray", ".u.parquet.1.part")),
        "logs/work/1/units.json",
        "ledger/clean/c4/.u.json.1.part",
    ],
)
def test_what_no_record_names_goes(output, left):
    output.write_text(left, "half")
    sweep(output)
    assert output.walk("") == [
        "documents/clean/c4/u.parquet",
        "ledger/clean/c4/u.json",
        "logs/run.log",
        "models/language/language.bin",
    ]


@pytest.mark.parametrize("left", ["documents/clean/c4/.v.parquet.1.part", "models/.x.1.part"])
def test_half_files_go_and_nothing_else(output, left):
    output.write_text(left, "half")
    output.write_text("documents/clean/c4/stray", "whole")
    before = set(output.walk(""))
    clear_temporary_files(output)
    assert before - set(output.walk("")) == {left}
