"""Each way in which a token shard can be spoilt has its name."""

import gzip
import json

import numpy as np
import pytest

from mixtures.shards import file_summary
from pipeline.storage import Folder
from pipeline.token_shards import token_format
from pipeline.verify_shards import TokenShard, file_faults, read_record
from tokenizer.vocabulary import Vocabulary

SHARD = "unit0-00000"


def check(run, said=None):
    form = token_format(Vocabulary(run.tokenizer))
    shard = TokenShard(Folder(str(run.root)), f"tokens/c4/{SHARD}", form, said or {})
    return shard, list(shard.check())


def faults(run):
    return [(fault.name, fault.where) for fault in check(run)[1]]


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
    assert ("digest_differs", f"tokens/c4/{SHARD}.bin") in faults(token_run)


def test_an_id_outside_the_vocabulary_is_told(token_run):
    spoil(token_run, 1, 600)
    assert faults(token_run) == [("id_out_of_range", f"tokens/c4/{SHARD}.bin")]


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
    told = [f"tokens/c4/{SHARD}{s}" for s in (".json", ".ds.index", ".ds.metadata", ".idx", ".documents.parquet")]
    assert faults(token_run) == [("counts_differ", told[0])] + [("sidecar_differs", where) for where in told[1:]]


@pytest.mark.parametrize("suffix", [".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz", ".json"])
def test_a_missing_sidecar_is_told(token_run, suffix):
    path(token_run, suffix).unlink()
    assert faults(token_run) == [("file_missing", f"tokens/c4/{SHARD}{suffix}")]


@pytest.mark.parametrize("suffix", [".documents.parquet", ".idx", ".ds.index", ".ds.metadata", ".csv.gz"])
@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(64)])
def test_a_sidecar_of_rubbish_is_told(token_run, suffix, content):
    path(token_run, suffix).write_bytes(content)
    sign_again(token_run)
    assert faults(token_run) == [("sidecar_differs", f"tokens/c4/{SHARD}{suffix}")]


@pytest.mark.parametrize("row", ["0,", "0", "0,x", '"'])
def test_bounds_that_are_no_numbers_are_told(token_run, row):
    path(token_run, ".csv.gz").write_bytes(gzip.compress(row.encode()))
    sign_again(token_run)
    assert faults(token_run) == [("sidecar_differs", f"tokens/c4/{SHARD}.csv.gz")]


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_an_unreadable_record_is_told(token_run, content):
    path(token_run, ".json").write_text(content)
    assert faults(token_run) == [("record_unreadable", f"tokens/c4/{SHARD}.json")]


@pytest.mark.parametrize(
    "key, value",
    [("tokenizer_digest", "x"), ("vocabulary_size", 599), ("dtype", "uint32"), ("bos_id", 3), ("eos_id", 3)],
)
def test_another_tokenizers_shard_is_told(token_run, key, value):
    record = json.loads(path(token_run, ".json").read_text())
    path(token_run, ".json").write_text(json.dumps(record | {key: value}))
    assert faults(token_run) == [("wrong_tokenizer", f"tokens/c4/{SHARD}.json")]


@pytest.mark.parametrize("key", ["documents", "tokens"])
def test_a_wrong_count_is_told(token_run, key):
    record = json.loads(path(token_run, ".json").read_text())
    path(token_run, ".json").write_text(json.dumps(record | {key: record[key] + 1}))
    assert faults(token_run) == [("counts_differ", f"tokens/c4/{SHARD}.json")]


def test_where_the_ids_are_cut_into_chunks_does_not_show(token_run, monkeypatch):
    monkeypatch.setattr("pipeline.verify_shards.CHUNK_BYTES", 3)
    assert faults(token_run) == []


def test_the_shard_knows_what_its_ids_count(token_run):
    shard, _ = check(token_run)
    ids = np.fromfile(path(token_run, ".bin"), "<u2")
    assert (shard.documents, shard.tokens) == (int((ids == 2).sum()), len(ids))
    assert sum(map(len, shard.keys)) == shard.documents


@pytest.mark.parametrize("suffix, whole", [(".bin", False), (".idx", True)])
def test_the_done_record_judges_every_file(token_run, suffix, whole):
    name = f"tokens/c4/{SHARD}{suffix}"
    shard, found = check(token_run, {name: {"bytes": path(token_run, suffix).stat().st_size, "digest": "0"}})
    assert [(fault.name, fault.where) for fault in found] == [("digest_differs", name)]
    assert shard.is_whole == whole


def test_a_record_that_is_wrong_of_a_file_is_the_fault_itself(token_run):
    said = {f"tokens/c4/{SHARD}.idx": file_summary(path(token_run, ".idx"))}
    record = json.loads(path(token_run, ".json").read_text())
    record["files"][f"{SHARD}.idx"]["digest"] = "0"
    path(token_run, ".json").write_text(json.dumps(record))
    assert [(fault.name, fault.where) for fault in check(token_run, said)[1]] == [
        ("digest_differs", f"tokens/c4/{SHARD}.json")
    ]


@pytest.mark.parametrize("files", [None, [], {}, {"a": 1}, {f"{SHARD}.idx": None}, {f"{SHARD}.idx": []}])
def test_a_record_that_names_no_files_is_told(token_run, files):
    record = json.loads(path(token_run, ".json").read_text())
    path(token_run, ".json").write_text(json.dumps(record | {"files": files}))
    assert "counts_differ" in names(token_run)


def test_half_an_id_at_the_end_is_told(token_run):
    with path(token_run, ".bin").open("ab") as file:
        file.write(b"x")
    sign_again(token_run)
    assert faults(token_run) == [("size_differs", f"tokens/c4/{SHARD}.bin")]


def test_brackets_without_end_are_no_record(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    assert read_record(Folder(str(tmp_path)), "a.json") is None


@pytest.mark.parametrize(
    "said, told",
    [
        ({"bytes": 3, "digest": "x"}, ["digest_differs"]),
        ({"bytes": 4, "digest": "x"}, ["size_differs"]),
        ({"bytes": 3, "digest": "d"}, []),
    ],
)
def test_a_file_is_as_its_done_record_says_or_it_is_told(tmp_path, said, told):
    (tmp_path / "a").write_bytes(b"abc")
    folder = Folder(str(tmp_path))
    assert [fault.name for fault in file_faults(folder, "a", said, "d")] == told
    assert [fault.name for fault in file_faults(folder, "b", said)] == ["file_missing"]
