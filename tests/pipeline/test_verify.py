"""Each way in which tokens and stream can disagree with the plan has its name, and the place is told."""

import json

import numpy as np
import pytest

from mixtures.stream import shard_name, stream_digest
from pipeline.storage import digest_of_stream
from pipeline.verify import FAULTS, verify

WIDTH = 16


def check(run, recipe=None):
    return verify(run.tokens, run.stream, recipe or run.recipe, run.tokenizer)


def names(run, recipe=None):
    found = [fault.name for fault in check(run, recipe)]
    assert set(found) <= set(FAULTS)
    return found


def rows_of(run, index):
    return np.fromfile(run.root / "stream" / shard_name(index), "<u2").reshape(-1, WIDTH)


def write_rows(run, index, rows):
    """Write a stream shard, and bring all digests up to date, as one who spoils it on purpose would."""
    path = run.root / "stream" / shard_name(index)
    rows.tofile(path)
    with path.open("rb") as file:
        digest = digest_of_stream(file)
    change_record(run, lambda record: record["shards"][index].update(digest=digest, bytes=path.stat().st_size))


def change_record(run, change, sign=True):
    record = json.loads((run.root / "stream" / "stream.json").read_text())
    change(record)
    if sign:
        record["digest"] = stream_digest(record)
    (run.root / "stream" / "stream.json").write_text(json.dumps(record))


def changed_recipe(run, **settings):
    return run.recipe.model_copy(update={"mixture": run.recipe.mixture.model_copy(update=settings)})


def test_a_good_run_has_no_faults(finished_token_run):
    assert check(finished_token_run) == []


def test_an_altered_sequence_is_found_and_named(token_run):
    rows = rows_of(token_run, 1)
    rows[7, 3] ^= 1
    write_rows(token_run, 1, rows)
    places = token_run.plan.plan.places(np.array([107]))
    (fault,) = check(token_run)
    assert (fault.name, fault.where) == ("sequence_differs", "stream-00001.bin")
    name = token_run.plan.plan.names[places.source[0]]
    start, epoch = int(places.token[0, 0]), int(places.epoch[0, 0])
    assert fault.detail == f"position 107 is not of {name} from token {start} (epoch {epoch})"


def test_two_sequences_in_each_others_place_are_found(token_run):
    rows = rows_of(token_run, 0)
    rows[[3, 4]] = rows[[4, 3]]
    write_rows(token_run, 0, rows)
    assert names(token_run) == ["sequence_differs"]
    assert "position 3 " in check(token_run)[0].detail


def test_a_sequence_that_stands_for_another_is_found(token_run):
    rows = rows_of(token_run, 2)
    rows[-1] = rows[0]
    write_rows(token_run, 2, rows)
    assert names(token_run) == ["sequence_differs"]


def test_two_tokens_exchanged_within_a_sequence_are_found(token_run):
    rows = rows_of(token_run, 2)
    row = next(i for i in range(len(rows)) if rows[i, 0] != rows[i, 1])
    rows[row, [0, 1]] = rows[row, [1, 0]]
    write_rows(token_run, 2, rows)
    assert f"position {200 + row} " in check(token_run)[0].detail


def test_every_spoilt_shard_is_told_even_past_those_that_are_located(token_run, monkeypatch):
    monkeypatch.setattr("pipeline.verify.SHARDS_LOCATED", 1)
    for index in range(3):
        write_rows(token_run, index, rows_of(token_run, index)[::-1].copy())
    assert [fault.where for fault in check(token_run)] == [shard_name(i) for i in range(3)]


def test_a_changed_stream_byte_shows_in_its_digest(token_run):
    rows = rows_of(token_run, 1)
    rows[0, 0] ^= 1
    rows.tofile(token_run.root / "stream" / shard_name(1))
    assert names(token_run) == ["stream_digest_differs", "sequence_differs"]


def test_a_stream_shard_cut_short_is_told(token_run):
    rows_of(token_run, 1)[:-1].tofile(token_run.root / "stream" / shard_name(1))
    assert names(token_run) == ["stream_size_differs"]


def test_a_missing_stream_shard_is_told(token_run):
    (token_run.root / "stream" / shard_name(1)).unlink()
    assert names(token_run) == ["stream_shard_missing"]


def test_a_wrong_digest_of_the_stream_is_told(token_run):
    change_record(token_run, lambda record: record.update(digest="x"), sign=False)
    assert names(token_run) == ["stream_digest_differs"]


@pytest.mark.parametrize("content", [None, "", "[]"])
def test_an_unreadable_stream_record_is_told(token_run, content):
    record = token_run.root / "stream" / "stream.json"
    record.write_text(content) if content is not None else record.unlink()
    assert names(token_run) == ["stream_unreadable"]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"sequences": 249},
        {"tokenizer_digest": "x"},
        {"vocabulary_size": 601},
        {"dtype": "uint32"},
        {"block_tokens": 8},
        {"shards": []},
    ],
)
def test_a_stream_of_another_plan_is_told(token_run, change):
    change_record(token_run, lambda record: record.update(change))
    assert "plan_differs" in names(token_run)


def test_a_source_read_more_often_than_planned_is_told(token_run):
    change_record(token_run, lambda record: record["sources"]["c4"].update(sequences=126))
    assert names(token_run) == ["plan_differs"]


def test_a_source_that_the_plan_does_not_have_is_told(token_run):
    change_record(token_run, lambda record: record["sources"].update(arxiv={"sequences": 1, "available_tokens": 9}))
    assert names(token_run) == ["tokens_differ"]


def test_a_recipe_changed_after_the_fact_is_told(token_run):
    other = changed_recipe(token_run, weights={"c4": 0.4, "books": 0.35, "wikipedia": 0.25})
    assert names(token_run, other) == ["plan_differs"] * 3


def test_tokens_that_came_or_went_are_told(token_run):
    last = token_run.plan.shards["c4"][-1][0]
    for path in (token_run.root / "tokens" / "c4").glob(f"{last}.*"):
        path.unlink()
    assert names(token_run) == ["tokens_differ"]


def test_a_source_without_tokens_is_told(token_run):
    for path in (token_run.root / "tokens" / "c4").iterdir():
        path.unlink()
    assert names(token_run) == ["source_missing", "plan_impossible"]


def test_faults_of_token_shards_are_told_too(token_run):
    name = token_run.plan.shards["books"][0][0]
    (token_run.root / "tokens" / "books" / f"{name}.idx").unlink()
    assert [str(fault) for fault in check(token_run)] == [f"sidecar_missing in books/{name}.idx: no such file"]


def test_the_chunks_in_which_files_are_read_do_not_show(token_run, monkeypatch):
    monkeypatch.setattr("pipeline.verify.CHUNK_BYTES", 100)
    monkeypatch.setattr("pipeline.mix.CHUNK_BYTES", 100)
    assert check(token_run) == []
