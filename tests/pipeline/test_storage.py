"""Files appear whole or not at all, on any file system."""

import pickle
import shutil

import fsspec
import pyarrow as pa
import pytest

from pipeline import storage
from pipeline.storage import Folder, ParquetSink, digest_of, read_batches, scratch_below


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    if request.param == "local":
        yield Folder(str(tmp_path))
        return
    fsspec.filesystem("memory").mkdir("/run")
    yield Folder("memory://run")
    fsspec.filesystem("memory").rm("/run", recursive=True)


def write(folder, name, content):
    with folder.create(name) as pending:
        pending.path.write_bytes(content)
    return pending.output


def test_a_written_file_is_read_back(folder):
    output = write(folder, "a/b.bin", b"content")
    with folder.open("a/b.bin") as stream:
        assert stream.read() == b"content"
    assert (output.bytes, output.digest) == (7, folder.digest("a/b.bin"))


def test_a_file_whose_writing_fails_never_appears(folder):
    with pytest.raises(RuntimeError), folder.create("x") as pending:
        pending.path.write_bytes(b"half")
        raise RuntimeError
    assert not folder.exists("x")
    assert folder.list() == []


def test_what_was_there_stays_when_its_replacement_fails(folder):
    write(folder, "x", b"old")
    with pytest.raises(RuntimeError), folder.create("x") as pending:
        pending.path.write_bytes(b"new")
        raise RuntimeError
    with folder.open("x") as stream:
        assert stream.read() == b"old"


def test_no_reader_sees_a_file_before_it_is_whole(folder):
    with folder.create("x") as pending:
        pending.path.write_bytes(b"half")
        assert not folder.exists("x")
    assert folder.exists("x")


def test_a_glob_names_files_below_the_folder_in_order(folder):
    for name in ("b/2.gz", "b/1.gz", "c.gz", "b/x.txt"):
        write(folder, name, b"1")
    assert folder.glob("**/*.gz") == ["b/1.gz", "b/2.gz", "c.gz"]


def test_size_of_a_missing_file_is_none(folder):
    assert folder.size("none") is None


def test_deleting_what_is_not_there_is_no_error(folder):
    folder.delete("none")
    write(folder, "d/x", b"1")
    folder.delete("d")
    assert not folder.exists("d/x")


def test_json_is_read_back_and_sorted(folder):
    folder.write_json("x.json", {"b": 1, "a": "ü"})
    assert folder.read_json("x.json") == {"a": "ü", "b": 1}
    with folder.open("x.json") as stream:
        assert stream.read().decode().index('"a"') < 20


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_json_that_is_no_whole_object_reads_as_none(folder, content):
    write(folder, "x.json", content)
    assert folder.read_json("x.json") is None


def test_a_missing_json_reads_as_none(folder):
    assert folder.read_json("none.json") is None


def test_a_fingerprint_changes_with_the_file(tmp_path):
    folder = Folder(str(tmp_path))
    write(folder, "x", b"1")
    before = folder.fingerprint("x")
    assert before == folder.fingerprint("x")
    write(folder, "x", b"22")
    assert folder.fingerprint("x") != before


def test_a_local_copy_has_the_content(folder):
    write(folder, "x", b"1")
    with folder.local_copy("x") as path:
        assert path.read_bytes() == b"1"


def test_putting_a_file_copies_it(folder, tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"12")
    assert folder.put(path, "y").bytes == 2
    assert folder.size("y") == 2


def test_a_folder_travels_to_workers(folder):
    assert pickle.loads(pickle.dumps(folder)) == folder


def test_equal_values_have_equal_digests():
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of([1]) != digest_of([2])


def test_a_parquet_file_holds_its_batches_as_row_groups(tmp_path):
    schema = pa.schema([("x", pa.int64())])
    sink = ParquetSink(tmp_path / "a.parquet", schema)
    for values in ([1, 2], [], [3]):
        sink.write(pa.RecordBatch.from_pydict({"x": values}, schema=schema))
    sink.close()
    found = [batch.column("x").to_pylist() for batch in read_batches(Folder(str(tmp_path)), "a.parquet")]
    assert [value for values in found for value in values] == [1, 2, 3]
    assert sink.rows == 3


def test_of_a_parquet_file_some_columns_can_be_read(tmp_path):
    schema = pa.schema([("x", pa.int64()), ("y", pa.string())])
    sink = ParquetSink(tmp_path / "a.parquet", schema)
    sink.write(pa.RecordBatch.from_pylist([{"x": 1, "y": "a"}], schema=schema))
    sink.close()
    (batch,) = read_batches(Folder(str(tmp_path)), "a.parquet", columns=("y",))
    assert batch.to_pylist() == [{"y": "a"}]


@pytest.mark.parametrize(
    "bound, found", [(1 << 20, [[0, 1, 2, 3, 4]]), (500, [[0, 1], [2, 3], [4]]), (1, [[0, 1], [2, 3], [4]])]
)
def test_row_groups_are_read_together_while_they_fit_a_batch(tmp_path, monkeypatch, bound, found):
    schema = pa.schema([("x", pa.int64()), ("y", pa.string())])
    sink = ParquetSink(tmp_path / "a.parquet", schema)
    for values in ([0, 1], [2, 3], [4]):
        rows = [{"x": value, "y": chr(97 + value) * 200} for value in values]
        sink.write(pa.RecordBatch.from_pylist(rows, schema=schema))
    sink.close()
    monkeypatch.setattr(storage, "BATCH_BYTES", bound)
    batches = read_batches(Folder(str(tmp_path)), "a.parquet")
    assert [batch.column("x").to_pylist() for batch in batches] == found


def test_a_glob_follows_links_to_dumps(tmp_path):
    write(Folder(str(tmp_path / "elsewhere")), "deep/a.gz", b"1")
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps/c4").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "dumps/b.gz").symlink_to(tmp_path / "elsewhere/deep/a.gz")
    assert Folder(str(tmp_path / "dumps")).glob("**/*.gz") == ["b.gz", "c4/deep/a.gz"]


def test_a_pattern_with_a_slash_at_its_end_matches_folders(folder):
    for name in ("a/x/1", "a/y/2", "a/z"):
        write(folder, name, b"1")
    assert folder.glob("a/*/") == ["a/x/", "a/y/"]


def test_a_walk_finds_every_file_hidden_ones_too(folder):
    for name in ("a/x/1", "a/.y/.2", "b"):
        write(folder, name, b"1")
    assert folder.walk("a/") == ["a/.y/.2", "a/x/1"]


def test_a_scratch_folder_is_gone_even_after_an_error(tmp_path):
    with pytest.raises(KeyError), scratch_below(Folder(str(tmp_path))) as folder:
        folder.write_text("a", "b")
        assert folder.url.startswith(f"{tmp_path}/logs/work/")
        raise KeyError
    assert list((tmp_path / "logs/work").iterdir()) == []


def test_a_copy_that_keeps_its_time_has_the_same_state_and_a_change_another(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write_text("a", "x")
    shutil.copy2(tmp_path / "a", tmp_path / "b")
    assert folder.state("a") == folder.state("b")
    folder.write_text("b", "xy")
    assert folder.state("a") != folder.state("b")
