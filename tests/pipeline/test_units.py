"""How a unit runs: every document is kept, rejected or quarantined, and counted once."""

import errno
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pytest

from filters.batch import DOCUMENT_SCHEMA, FilterResult, reasons, texts, with_column
from pipeline.corpora.corpus import BadRecord, RawDocument
from pipeline.ledger import Tally
from pipeline.storage import Folder, ParquetSink, read_batches
from pipeline.units import UnitOutputs, process_batches, readable, unit_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Shorten:
    """Rejects texts with an x, cuts the others to two characters."""

    name: ClassVar[str] = "shorten"
    reasons: ClassVar[tuple[str, ...]] = ("has_x",)

    def apply(self, batch):
        found = texts(batch)
        why = reasons("has_x" if "x" in text else None for text in found)
        return FilterResult(with_column(batch, "text", [text[:2] for text in found]), why, {"seen": len(found)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeclared(Shorten):
    """Gives a reason that it does not declare."""

    reasons: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lossy(Shorten):
    """Drops a row."""

    def apply(self, batch):
        return FilterResult(batch.slice(1), reasons([None] * (batch.num_rows - 1)), {})


def run(tmp_path, batches, *filters, keep_rejected=True, bad=()):
    tally = Tally()
    output = Folder(str(tmp_path))
    with UnitOutputs(output, "clean", "c4", "u", keep_rejected=keep_rejected) as outputs:
        list(readable(bad, outputs, tally, "file"))
        process_batches(batches, filters, outputs, tally)
    return tally.entry("clean", "c4", "u", "k", {}, outputs.written)


def rows(tmp_path, what):
    found = read_batches(
        Folder(str(tmp_path)), f"{what}/clean/c4/u.parquet" if what != "quarantine" else "quarantine/clean/c4/u.parquet"
    )
    return [row for batch in found for row in batch.to_pylist()]


def test_documents_may_have_a_column_more_and_so_do_rejected_ones(tmp_path, documents):
    output, field = Folder(str(tmp_path)), pa.field("mark", pa.int32())
    with UnitOutputs(output, "clean", "c4", "u", keep_rejected=True, schema=DOCUMENT_SCHEMA.append(field)) as outputs:
        marked = documents("x", "a").append_column(field, pa.array([1, None], pa.int32()))
        process_batches([marked], (Shorten(),), outputs, Tally())
    assert [row["mark"] for row in rows(tmp_path, "documents")] == [None]
    assert [(row["mark"], row["reason"]) for row in rows(tmp_path, "rejected")] == [(1, "has_x")]


def test_every_document_is_kept_or_rejected(tmp_path, documents):
    entry = run(tmp_path, [documents("abc", "xyz"), documents("d")], Shorten())
    assert (entry.documents_in, entry.documents_kept) == (3, 2)
    assert entry.rejected == {"shorten:has_x": {"documents": 1, "bytes": 3}}
    assert (entry.bytes_in, entry.bytes_kept, entry.bytes_trimmed) == (7, 3, 1)
    assert entry.counts == {"shorten.seen": 3}
    assert list(entry.faults()) == []


def test_kept_and_rejected_documents_are_written(tmp_path, documents):
    run(tmp_path, [documents("abc", "xyz")], Shorten())
    assert [row["text"] for row in rows(tmp_path, "documents")] == ["ab"]
    rejected = rows(tmp_path, "rejected")
    assert [(row["text"], row["filter"], row["reason"]) for row in rejected] == [("xyz", "shorten", "has_x")]


def test_a_rejected_document_reaches_no_later_filter(tmp_path, documents):
    entry = run(tmp_path, [documents("xa", "b")], Shorten(), Shorten())
    assert entry.counts == {"shorten.seen": 3}


def test_rejected_documents_are_counted_even_where_they_are_not_kept(tmp_path, documents):
    entry = run(tmp_path, [documents("x")], Shorten(), keep_rejected=False)
    assert entry.rejected == {"shorten:has_x": {"documents": 1, "bytes": 1}}
    assert not (tmp_path / "rejected").exists()


def test_a_unit_without_documents_still_has_its_file(tmp_path):
    run(tmp_path, [])
    assert rows(tmp_path, "documents") == []


def test_a_bad_record_is_quarantined_and_counted(tmp_path):
    bad = BadRecord(key="7", reason="bad_json", detail="d", raw=b"x" * 9999, size=9999)
    entry = run(tmp_path, [], bad=[bad, RawDocument(key="8", text="good")])
    assert (entry.documents_in, entry.documents_failed, entry.failed) == (1, 1, {"bad_json": 1})
    (row,) = rows(tmp_path, "quarantine")
    assert (row["origin"], row["reason"], row["size"], len(row["raw"])) == ("file#7", "bad_json", 9999, 4096)


def test_the_files_of_an_earlier_run_go_when_they_would_be_empty(tmp_path, documents):
    run(tmp_path, [documents("x")], Shorten(), bad=[BadRecord(key="1", reason="binary")])
    run(tmp_path, [documents("a")], Shorten())
    assert not (tmp_path / "rejected/clean/c4/u.parquet").exists()
    assert not (tmp_path / "quarantine/clean/c4/u.parquet").exists()


def test_a_unit_that_fails_leaves_what_was_there(tmp_path, documents):
    run(tmp_path, [documents("a")], Shorten())
    with pytest.raises(ValueError, match="undeclared reason has_x"):
        run(tmp_path, [documents("b", "x")], Undeclared())
    assert [row["text"] for row in rows(tmp_path, "documents")] == ["a"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_filter_that_loses_a_row_is_a_bug(tmp_path, documents):
    with pytest.raises(ValueError, match="returned 1 rows for 2"):
        run(tmp_path, [documents("a", "b")], Lossy())


def test_a_run_gives_the_same_bytes_twice(tmp_path, documents):
    first = run(tmp_path / "1", [documents("abc", "x")], Shorten())
    second = run(tmp_path / "2", [documents("abc", "x")], Shorten())
    assert first == second
    assert len(first.outputs) == 2


@pytest.mark.parametrize(
    "path, name",
    [("c4/a.json.gz", "a.json.gz"), ("other/a.gz", "other-a.gz-"), ("c4/ü b.gz", "--b.gz-"), ("c4/../x", "x-")],
)
def test_a_unit_is_named_after_its_path(path, name):
    assert unit_name("c4", path).startswith(name.lstrip("-."))


def test_distinct_paths_have_distinct_names():
    paths = ["c4/a/b.gz", "c4/a-b.gz", "c4/a b.gz", "a/b.gz"]
    assert len({unit_name("c4", path) for path in paths}) == len(paths)


@pytest.mark.parametrize(
    ("path", "part", "parts", "name"),
    [
        ("wikipedia/a.xml.bz2", 1, 1, "a.xml.bz2"),
        ("wikipedia/a.xml.bz2", 2, 30, "a.xml.bz2-part-00002-of-00030"),
    ],
)
def test_a_part_has_a_name_of_its_own(path, part, parts, name):
    assert unit_name("wikipedia", path, part, parts) == name


def test_a_file_that_is_called_like_a_part_is_told_from_it():
    assert unit_name("c4", "c4/a-part-00002-of-00030") != unit_name("c4", "c4/a", 2, 30)


def test_files_of_a_unit_that_find_no_room_at_their_end_all_go(tmp_path, documents, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    output = Folder(str(tmp_path))
    found = UnitOutputs(output, "clean", "c4", "u", keep_rejected=True)
    with pytest.raises(OSError, match=r"No space left on device: .*/c4/u\.parquet"), found as outputs:
        outputs.reject("rule", documents("text"), pa.array(["why"]))
        monkeypatch.setattr(ParquetSink, "close", full)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
