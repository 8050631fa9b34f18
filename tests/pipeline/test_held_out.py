"""Documents held out of training: drawn by id alone, kept with their text, in no token shard, taken down as others."""

import pyarrow.parquet as pq
import pytest
from provenance_run import PAGES, document, marker, url, words_below

from filters.batch import BATCH_BYTES, document_batch
from pipeline.explain import Explainer
from pipeline.held_out import SCHEMA, HeldOutFile, HoldOut, held_out_name
from pipeline.ledger import read_entry
from pipeline.map_stages import TOKENIZE_STAGE
from pipeline.progress import Reporter
from pipeline.run import Run
from pipeline.stages import done, ensure, kept_before
from pipeline.storage import Folder
from pipeline.takedown import take_down

IDS = [f"doc{i}" for i in range(4000)]


def batch_of(ids, text="word"):
    return document_batch([{"doc_id": i, "source": "c4", "origin": f"f#{i}", "text": text} for i in ids])


def drawn(fraction, seed=0, ids=IDS):
    reasons = HoldOut(fraction=fraction, seed=seed).apply(batch_of(ids)).reason.to_pylist()
    assert set(reasons) <= {"held_out", None}
    return [doc_id for doc_id, reason in zip(ids, reasons, strict=True) if reason]


def test_the_same_documents_are_drawn_everywhere():
    assert drawn(0.25, ids=IDS[:12]) == ["doc4", "doc8", "doc9"]


def test_documents_stay_as_they_are_and_nothing_is_counted(documents):
    batch = documents("one", "two")
    result = HoldOut(fraction=0.25, seed=0).apply(batch)
    assert (result.batch, result.counts) == (batch, {})


def test_a_document_is_drawn_whatever_stands_beside_it():
    assert sorted(drawn(0.1, ids=IDS[::-1])) == sorted(drawn(0.1))
    assert drawn(0.1, ids=IDS[:50]) == [doc_id for doc_id in drawn(0.1) if doc_id in IDS[:50]]


@pytest.mark.parametrize("fraction, fewest, most", [(0.0, 0, 0), (0.01, 25, 55), (0.5, 1900, 2100)])
def test_about_the_fraction_is_drawn(fraction, fewest, most):
    assert fewest <= len(drawn(fraction)) <= most


def test_a_larger_fraction_draws_the_same_documents_and_more():
    assert set(drawn(0.01)) < set(drawn(0.02))
    assert set(drawn(0.02, seed=1)) != set(drawn(0.02))


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_fraction_out_of_bounds_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction must be at least 0 and below 1, got"):
        HoldOut(fraction=fraction, seed=0)


def reject(held_out, *batches):
    for batch in batches:
        held_out.reject("hold_out", batch, None)


def test_documents_lie_in_one_file_with_their_text(tmp_path):
    with HeldOutFile(Folder(str(tmp_path)), "c4", "u") as held_out:
        reject(held_out, batch_of(["a"], "one"), batch_of([]), batch_of(["b"], "two"))
    assert list(held_out.written) == [held_out_name("c4", "u")]
    file = pq.ParquetFile(tmp_path / "held-out/c4/u.parquet")
    assert (file.num_row_groups, file.schema_arrow) == (1, SCHEMA)
    assert [(row["doc_id"], row["origin"], row["text"]) for row in file.read().to_pylist()] == [
        ("a", "f#a", "one"),
        ("b", "f#b", "two"),
    ]


def test_text_does_not_pile_up_in_memory(tmp_path):
    with HeldOutFile(Folder(str(tmp_path)), "c4", "u") as held_out:
        reject(held_out, *(batch_of([str(i)], "x" * (BATCH_BYTES // 2)) for i in range(4)))
        assert held_out._batches == []
    assert pq.ParquetFile(tmp_path / "held-out/c4/u.parquet").num_row_groups == 2


def test_there_is_no_file_of_no_document_and_none_of_a_unit_that_failed(tmp_path):
    with HeldOutFile(Folder(str(tmp_path)), "c4", "empty") as held_out:
        reject(held_out, batch_of([]))
    with pytest.raises(OSError, match="disk"), HeldOutFile(Folder(str(tmp_path)), "c4", "broken") as broken:
        reject(broken, batch_of(["a"], "x" * BATCH_BYTES))
        raise OSError("disk")
    assert held_out.written == broken.written == {}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def held_out_rows(run, unit):
    path = run.output.local_path(held_out_name(unit.source, unit.name))
    return pq.read_table(path).to_pylist() if path.exists() else []


def test_what_a_stage_kept_is_tokenized_or_held_out_and_never_both(small_run):
    run, some = small_run.run(), 0
    for unit in run.units("commoncrawl"):
        before = pq.read_table(run.output.local_path(kept_before(run, "tokenize", unit)[0])).to_pylist()
        held_out, entry = held_out_rows(run, unit), read_entry(run.output, "tokenize", unit.source, unit.name)
        sidecars = (run.output.local_path(name) for name in entry.outputs if name.endswith(".documents.parquet"))
        tokenized = [doc_id for path in sidecars for doc_id in pq.read_table(path)["doc_id"].to_pylist()]
        texts = {row["doc_id"]: row["text"] for row in before}
        assert sorted([*tokenized, *(row["doc_id"] for row in held_out)]) == sorted(texts)
        assert all(row["text"] == texts[row["doc_id"]] for row in held_out)
        some += len(held_out)
    assert some > 0


def test_the_ledger_counts_them_as_rejected(small_run):
    run = small_run.run()
    unit = next(unit for unit in run.units("commoncrawl") if held_out_rows(run, unit))
    held_out, entry = held_out_rows(run, unit), read_entry(run.output, "tokenize", "commoncrawl", unit.name)
    size = sum(len(row["text"].encode()) for row in held_out)
    assert entry.rejected == {"hold_out:held_out": {"documents": len(held_out), "bytes": size}}
    assert list(entry.faults()) == [] and entry.documents_kept == entry.documents_in - len(held_out)


def test_they_are_kept_where_other_rejected_documents_are_not(copied_run):
    run = copied_run.run("rejected.keep=false")
    unit = next(unit for unit in run.units("commoncrawl") if held_out_rows(run, unit))
    before = held_out_rows(run, unit)
    TOKENIZE_STAGE.process(run, unit)
    assert held_out_rows(run, unit) == before


def test_their_file_goes_when_nothing_is_held_out_any_more(copied_run):
    run, none = copied_run.run(), copied_run.run("tokens.held_out_fraction=0")
    unit = next(unit for unit in run.units("commoncrawl") if held_out_rows(run, unit))
    assert done(TOKENIZE_STAGE, none, unit) is None
    entry = ensure(TOKENIZE_STAGE, none, unit)
    assert held_out_rows(none, unit) == [] and entry.rejected == {}
    assert done(TOKENIZE_STAGE, none, unit) is not None


def test_the_seed_does_not_matter_where_nothing_is_held_out(copied_run):
    none = "tokens.held_out_fraction=0"
    unit = copied_run.run().units("arxiv")[0]
    ensure(TOKENIZE_STAGE, copied_run.run(none), unit)
    assert done(TOKENIZE_STAGE, copied_run.run(none, "seed=2"), unit) is not None


@pytest.fixture
def held_out_run(provenance_run):
    """The finished run without its stream, its documents of C4 tokenized anew but for half of them."""
    for name in ("stream", "tokens", "ledger/tokenize", "ledger/mix"):
        provenance_run.output.delete(name)
    tokens = provenance_run.recipe.tokens.model_copy(update={"held_out_fraction": 0.5})
    run = Run(provenance_run.recipe.model_copy(update={"tokens": tokens}), provenance_run.output)
    for unit in run.units("c4"):
        TOKENIZE_STAGE.process(run, unit)
    return run


def first_held_out(run):
    """(file, page) of a document of file a that is held out."""
    ids = {row["doc_id"] for unit in run.units("c4") for row in held_out_rows(run, unit)}
    return next(("a", page) for page in range(PAGES["a"]) if document(run, "a", page)["doc_id"] in ids)


def test_explain_says_that_a_document_is_held_out(held_out_run):
    (told,) = Explainer(held_out_run).documents(url(*first_held_out(held_out_run)))
    assert told["stages"][-1] == {"stage": "tokenize", "kept": False, "filter": "hold_out", "reason": "held_out"}
    assert [stage["kept"] for stage in told["stages"]] == [True, True, False] and told["tokens"] == []


def test_a_takedown_reaches_them(held_out_run, vocabulary_path):
    gone = first_held_out(held_out_run)
    before = sum(bool(row["text"]) for unit in held_out_run.units("c4") for row in held_out_rows(held_out_run, unit))
    assert marker(*gone) in words_below(held_out_run, vocabulary_path)
    report = take_down(held_out_run, [url(*gone)], Reporter(quiet=True), lambda steps: None)
    assert marker(*gone) not in words_below(held_out_run, vocabulary_path)
    assert report["documents"][0]["ended"][0]["reason"] == "held_out"
    after = sum(bool(row["text"]) for unit in held_out_run.units("c4") for row in held_out_rows(held_out_run, unit))
    assert after == before - 1
    assert all(done(TOKENIZE_STAGE, held_out_run, unit) for unit in held_out_run.units("c4"))
