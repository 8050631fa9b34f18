import dataclasses
import json
import sys

import pytest

from benchmarks import engine_overhead
from benchmarks.claims import DisagreementError, SkippedError
from benchmarks.engine_overhead import agree, command, embedded, measured, spark_local
from pipeline.engines import job_server
from pipeline.errors import SettingError


@pytest.mark.system
@pytest.mark.slow
def test_the_engine_and_a_plain_pool_leave_the_same_files(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_overhead, "_UNITS", 2)
    monkeypatch.setattr(engine_overhead, "_COPIES", 1)
    few = dataclasses.replace(inputs, work=tmp_path, fraction=0.01)
    figures = measured(few, [])
    assert (tmp_path / "engine/engine/ledger/perplexity").is_dir()
    assert "a small one, which is starting and ending," in figures.reference_is
    assert figures.ours > 0 < figures.reference


@pytest.mark.parametrize("theirs, said", [({"a": "2"}, "1 files differ, the first is a"), ({}, "1 files differ")])
def test_a_file_that_differs_is_found_out(theirs, said):
    with pytest.raises(DisagreementError, match=said):
        agree({"a": "1"}, theirs)


def test_the_same_files_are_no_disagreement():
    agree({"a": "1"}, {"a": "1"})


@pytest.fixture
def timed(inputs, monkeypatch, tmp_path):
    """The measurement without its processes: what would be started, and units that are not written."""
    started = []

    def run(side, folder, models, flags):
        started.append((side, folder.name, *flags))
        return {"engine": 4.0, "pool": 2.0}[side]

    monkeypatch.setattr(engine_overhead, "_timed", run)
    monkeypatch.setattr(engine_overhead, "_write_unit", lambda *_: 1_000_000)
    monkeypatch.setattr(engine_overhead, "_left", lambda *_: {})
    return started


def test_both_sides_take_turns_after_a_warm_up(inputs, timed):
    figures = embedded(inputs)
    small = [(side, "engine-small") for side in ("engine", "pool") for _ in range(2)]
    assert timed == [*small, ("engine", "engine"), ("pool", "engine")]
    assert (figures.ours, figures.reference, figures.ratio) == (6.0, 12.0, 0.5)
    assert "24 units took 4.0 and 2.0 s" in figures.reference_is


def test_spark_is_measured_over_the_same(inputs, timed, monkeypatch):
    monkeypatch.setattr(job_server, "find_job_server", lambda kind: None)
    monkeypatch.setattr(job_server, "check_java", lambda flags: None)
    spark_local(inputs)
    assert [name for _, name, *_ in timed[4:]] == ["engine", "engine"]
    assert timed[4][2] == "--runner=SparkRunner"


def test_spark_is_skipped_where_there_is_none(inputs, monkeypatch):
    def refuse(flags):
        raise SettingError("java is not found")

    monkeypatch.setattr(job_server, "check_java", refuse)
    with pytest.raises(SkippedError, match="java is not found"):
        spark_local(inputs)


def test_the_command_of_a_side_names_all_that_it_reads(inputs, tmp_path):
    models = tmp_path / "language", engine_overhead.LanguageModel(tmp_path / "pieces", tmp_path / "arpa")
    python, _, module, told = command("pool", tmp_path, models, ["--a=b"])
    assert (python, module) == (sys.executable, "benchmarks.engine_overhead")
    names = {name: str(tmp_path / name) for name in ("language", "pieces", "arpa")}
    assert json.loads(told) == {"side": "pool", "folder": str(tmp_path), "flags": ["--a=b"], **names}
