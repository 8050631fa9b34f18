"""A tokenizer's sample is drawn from any number of units, and stays as large as it was."""

import dataclasses

from benchmarks.tokenizer_growth import _DOCUMENTS, SAMPLE_BYTES, TOKENIZER, timed_fit
from pipeline.storage import Folder, read_batches


def written(inputs, folder, size):
    TOKENIZER.write(dataclasses.replace(inputs, work=folder), size)
    (path,) = TOKENIZER.arguments(dataclasses.replace(inputs, work=folder), size)
    return path


def rows(path, folder):
    batches = (
        batch
        for name in Folder(str(path)).glob(f"{folder}/*.parquet")
        for batch in read_batches(Folder(str(path)), name)
    )
    return [row for batch in batches for row in batch.to_pylist()]


def test_units_have_the_same_texts_under_other_ids(inputs, tmp_path):
    found = rows(written(inputs, tmp_path, 3), _DOCUMENTS)
    assert len({row["doc_id"] for row in found}) == len(found)
    assert len({row["text"] for row in found}) <= len(found) / 3


def test_units_that_were_there_go(inputs, tmp_path):
    path = written(inputs, tmp_path, 1)
    (path / _DOCUMENTS / "009.parquet").touch()
    assert len(list((written(inputs, tmp_path, 1) / _DOCUMENTS).iterdir())) == 1


def test_a_fit_is_timed_with_its_sample(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("tokenizer.round_trip.lost_code_points", lambda _: [])
    path = written(inputs, tmp_path, 2)
    found = timed_fit(path)
    assert found["seconds"] > 0 and found["peak_bytes"] > 50e6
    drawn = sum(row["size"] for row in rows(path, "samples/tokenizer/stackexchange"))
    assert 0 < drawn < 4 * SAMPLE_BYTES
