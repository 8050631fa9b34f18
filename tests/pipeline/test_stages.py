"""A map stage does one unit from what is before it, and its key holds what it depends on and no more."""

import pytest

from pipeline.commoncrawl_chain import REFERENCE_STAGE
from pipeline.corpora.corpus import BadRecord, Corpus, RawDocument
from pipeline.corpora.registry import CORPORA
from pipeline.map_stages import CLEAN_STAGE, MAP_STAGES, TOKENIZE_STAGE
from pipeline.stages import done, ensure, kept_before
from pipeline.storage import read_batches

BEFORE = ("clean", "language", "perplexity", "sample", "reference", "scores", "select")
CHAIN = (*BEFORE, "sample-tokenizer", "tokenize")


@pytest.mark.parametrize("stage", CHAIN)
def test_a_unit_of_a_finished_run_is_done_at_each_stage(small_run, stage):
    run = small_run.run()
    assert all(done(MAP_STAGES[stage], run, unit) for unit in run.units("commoncrawl"))


@pytest.mark.parametrize("stage", [stage for stage in CHAIN if stage != "scores"])  # It writes no file.
def test_a_unit_that_is_done_again_gives_the_same_record(copied_run, stage):
    run = copied_run.run()
    unit = run.units("commoncrawl")[1]
    before = done(MAP_STAGES[stage], run, unit)
    for name in before.outputs:
        run.output.delete(name)
    assert done(MAP_STAGES[stage], run, unit) is None
    assert ensure(MAP_STAGES[stage], run, unit) == before


def test_a_unit_that_is_done_is_not_done_again(small_run):
    run = small_run.run()
    unit = run.units("c4")[0]
    path = small_run.output / f"documents/clean/c4/{unit.name}.parquet"
    before = path.stat().st_mtime_ns
    ensure(CLEAN_STAGE, run, unit)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "override, stages",
    [
        ("commoncrawl.min_chars=400", {"clean"}),
        ("language.min_score=0.7", {"sample", "scores", "select"}),
        ("reference.min_score=0.7", {"select"}),
        ("reference.token_budget=1000", {"select"}),
        ("reference.min_chars=300", {"sample"}),
        ("reference.max_documents=20", {"sample"}),
        ("perplexity.max_documents=20", {"sample"}),
        ("seed=2", {"sample", "sample-tokenizer", "tokenize"}),
        ("tokenizer.sample_bytes=10000", {"sample-tokenizer"}),
        ("tokenizer.vocabulary_size=500", set()),
        ('perplexity.keep=["head"]', {"scores", "select"}),
        ("tokens.shard_bytes=8192", {"tokenize"}),
        ("tokens.held_out_fraction=0.5", {"tokenize"}),
        ("rejected.keep=false", {"clean", "language", "perplexity", "reference", "select"}),
        ("c4.max_line_bytes=5000", set()),
        ("mixture.total_tokens=32768", set()),
        ("limits.max_failed_fraction=0.5", set()),
    ],
)
def test_a_setting_is_in_the_keys_of_the_stages_that_read_it(small_run, override, stages):
    unit = small_run.run().units("commoncrawl")[0]
    changed = small_run.run(override)
    assert {name for name in CHAIN if done(MAP_STAGES[name], changed, unit) is None} == stages


def test_a_side_stage_leaves_the_documents_as_they_are(small_run):
    run = small_run.run()
    unit = run.units("commoncrawl")[0]
    sample, scores = (done(MAP_STAGES[stage], run, unit) for stage in ("sample", "scores"))
    assert list(sample.outputs) == [f"samples/commoncrawl/{unit.name}.parquet"]
    assert set(sample.counts) == {"cutoffs", "positives", "negatives", "sampled"}
    assert not scores.outputs and sum(n for key, n in scores.counts.items() if key.startswith("crawled."))
    assert sample.documents_in == scores.documents_in == 0
    assert kept_before(run, "reference", unit)[0].startswith("documents/perplexity/")


def test_a_model_that_the_recipe_names_is_in_the_key(small_run, tmp_path):
    (tmp_path / "reference.bin").write_bytes(b"another")
    unit = small_run.run().units("commoncrawl")[0]
    changed = small_run.run(f"reference.model={tmp_path / 'reference.bin'}")
    assert done(REFERENCE_STAGE, changed, unit) is None


def test_the_stage_before_is_the_one_in_the_chain_of_the_source(small_run):
    run = small_run.run()
    before = {
        (source, stage): kept_before(run, stage, run.units(source)[0])[0].split("/")[1]
        for source, stage in (("c4", "tokenize"), ("arxiv", "tokenize"), ("commoncrawl", "select"))
    }
    assert before == {
        ("c4", "tokenize"): "dedup",
        ("arxiv", "tokenize"): "clean",
        ("commoncrawl", "select"): "reference",
    }


def test_smaller_shards_leave_none_of_the_larger(copied_run):
    small, large = copied_run.run("tokens.shard_bytes=4096"), copied_run.run()
    unit = large.units("arxiv")[0]
    many = ensure(TOKENIZE_STAGE, small, unit)
    few = ensure(TOKENIZE_STAGE, large, unit)
    assert len(many.outputs) > len(few.outputs)
    assert many.tokens == few.tokens
    assert [name for name in many.outputs if name not in few.outputs and large.output.exists(name)] == []


def broken_corpus(error):
    """Two documents and a bad record, then the file breaks off."""

    def read(file, settings):
        yield RawDocument(key="1", text="one")
        yield BadRecord(key="2", reason="bad_json", size=5)
        yield RawDocument(key="3", text="three")
        raise error

    return Corpus(source="c4", read=read, filters=lambda _: (), bad_reasons=("bad_json",))


def test_a_file_that_breaks_off_is_quarantined_and_what_came_before_is_kept(copied_run, monkeypatch):
    error = OSError("input/output error")
    monkeypatch.setitem(CORPORA, "c4", broken_corpus(error))
    run = copied_run.run()
    unit = run.units("c4")[0]
    entry = CLEAN_STAGE.process(run, unit)
    assert list(entry.faults()) == []
    assert (entry.documents_kept, entry.documents_failed, entry.failed) == (2, 2, {"bad_json": 1, "unreadable_file": 1})
    assert (entry.bytes_kept, entry.bytes_failed) == (8, 5 + unit.size)
    (batch,) = read_batches(run.output, f"quarantine/clean/c4/{unit.name}.parquet")
    last = batch.to_pylist()[-1]
    assert (last["origin"], last["reason"], last["detail"]) == (f"{unit.input}#0", "unreadable_file", str(error))


def test_a_full_disk_is_no_fault_of_the_file(copied_run, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    run = copied_run.run()
    unit = run.units("c4")[0]
    before = done(CLEAN_STAGE, run, unit)
    monkeypatch.setattr("pipeline.units.ParquetSink.write", full)
    with pytest.raises(OSError, match="No space left"):
        CLEAN_STAGE.process(run, unit)
    assert done(CLEAN_STAGE, run, unit) == before
    assert not list(copied_run.output.rglob("*.part"))
