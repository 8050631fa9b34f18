"""Each way in which a token shard can be spoilt has its name."""

import gzip
import json

import numpy as np
import pytest

from mixtures.shards import file_summary
from pipeline.token_shards import token_format
from pipeline.verify_shards import Fault, shard_faults
from tokenizer.vocabulary import Vocabulary

SHARD = "unit0-00000"


def faults(run, name=SHARD):
    form = token_format(Vocabulary(run.tokenizer))
    return [(fault.name, fault.where) for fault in shard_faults(run.tokens, "c4", name, form)]


def path(run, suffix):
    return run.root / "tokens" / "c4" / f"{SHARD}{suffix}"


def sign_again(run):
    """Bring the digests up to date, as one who spoils a shard on purpose would."""
    record = json.loads(path(run, ".json").read_text())
    record["files"] = {name: file_summary(path(run, "").with_name(name)) for name in record["files"]}
    path(run, ".json").write_text(json.dumps(record))


def spoil(run, place, token):
    ids = np.fromfile(path(run, ".bin"), "<u2")
    ids[place] = token
    ids.tofile(path(run, ".bin"))
    sign_again(run)


def names(run):
    return [name for name, _ in faults(run)]


def test_a_good_shard_has_no_faults(token_run):
    assert faults(token_run) == []


def test_a_changed_byte_shows_in_the_digest(token_run):
    ids = np.fromfile(path(token_run, ".bin"), "<u2")
    ids[5] ^= 1
    ids.tofile(path(token_run, ".bin"))
    assert ("digest_differs", f"c4/{SHARD}.bin") in faults(token_run)


def test_an_id_outside_the_vocabulary_is_told(token_run):
    spoil(token_run, 1, 600)
    assert faults(token_run) == [("id_out_of_range", f"c4/{SHARD}.bin")]


def test_the_last_id_of_the_vocabulary_is_in_range(token_run):
    spoil(token_run, 1, 599)
    assert faults(token_run) == []


@pytest.mark.parametrize(
    "place, token, fault",
    [(0, 5, "bos_missing"), (-1, 5, "eos_missing"), (1, 2, "bos_missing"), (1, 1, "eos_missing")],
)
def test_a_broken_frame_is_told(token_run, place, token, fault):
    spoil(token_run, place, token)
    assert fault in names(token_run)


def test_an_empty_shard_is_told(token_run):
    path(token_run, ".bin").write_bytes(b"")
    sign_again(token_run)
    assert {"shard_empty", "counts_differ", "sidecar_differs"} <= set(names(token_run))


def test_a_shard_cut_at_a_document_disagrees_with_all_that_describes_it(token_run):
    ids = np.fromfile(path(token_run, ".bin"), "<u2")
    ids[: np.flatnonzero(ids == 2)[-2] + 1].tofile(path(token_run, ".bin"))
    sign_again(token_run)
    told = [f"c4/{SHARD}{s}" for s in (".documents.parquet", ".csv.gz", ".ds.index", ".ds.metadata", ".idx", ".json")]
    assert faults(token_run) == [("sidecar_differs", where) for where in told[:-1]] + [("counts_differ", told[-1])]


@pytest.mark.parametrize("suffix", [".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz", ".json"])
def test_a_missing_sidecar_is_told(token_run, suffix):
    path(token_run, suffix).unlink()
    assert faults(token_run) == [("sidecar_missing", f"c4/{SHARD}{suffix}")]


@pytest.mark.parametrize("suffix", [".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz"])
@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(64)])
def test_a_sidecar_of_rubbish_is_told(token_run, suffix, content):
    path(token_run, suffix).write_bytes(content)
    sign_again(token_run)
    assert faults(token_run) == [("sidecar_differs", f"c4/{SHARD}{suffix}")]


@pytest.mark.parametrize("row", ["0,", "0", "0,x", '"'])
def test_bounds_that_are_no_numbers_are_told(token_run, row):
    path(token_run, ".csv.gz").write_bytes(gzip.compress(row.encode()))
    sign_again(token_run)
    assert faults(token_run) == [("sidecar_differs", f"c4/{SHARD}.csv.gz")]


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_an_unreadable_record_is_told(token_run, content):
    path(token_run, ".json").write_text(content)
    assert faults(token_run) == [("record_unreadable", f"c4/{SHARD}.json")]


@pytest.mark.parametrize(
    "key, value",
    [("tokenizer_digest", "x"), ("vocabulary_size", 599), ("dtype", "uint32"), ("bos_id", 3), ("eos_id", 3)],
)
def test_another_tokenizers_shard_is_told(token_run, key, value):
    record = json.loads(path(token_run, ".json").read_text())
    path(token_run, ".json").write_text(json.dumps(record | {key: value}))
    assert faults(token_run) == [("wrong_tokenizer", f"c4/{SHARD}.json")]


@pytest.mark.parametrize("key", ["documents", "tokens"])
def test_a_wrong_count_is_told(token_run, key):
    record = json.loads(path(token_run, ".json").read_text())
    path(token_run, ".json").write_text(json.dumps(record | {key: record[key] + 1}))
    assert faults(token_run) == [("counts_differ", f"c4/{SHARD}.json")]


def test_where_the_ids_are_cut_into_chunks_does_not_show(token_run, monkeypatch):
    monkeypatch.setattr("pipeline.verify_shards.CHUNK_TOKENS", 3)
    assert faults(token_run) == []


def test_a_fault_is_one_line():
    assert str(Fault(name="eos_missing", where="c4/a.bin", detail="no EOS")) == "eos_missing in c4/a.bin: no EOS"
