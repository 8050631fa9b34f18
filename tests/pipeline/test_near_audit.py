"""Near-duplicates that went are written down with what stays, and pairs of them are looked at again."""

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from lxml import html as lxml_html

from filters.c4 import HasText
from filters.near_duplicates import VERDICT, DropNearDuplicates
from pipeline import near_audit
from pipeline.ledger import WHOLE_RUN, read_entry, read_ledger
from pipeline.near_audit import lost_too_much, write_audit, write_pairs
from pipeline.stage_names import NEAR_DEDUP
from pipeline.storage import Folder
from pipeline.totals import StageTotals
from pipeline.units import Unit

UNIT = Unit(source="books", name="b", input="b.txt", size=1)
FIGURES = f"{NEAR_DEDUP}/books/audit.json"


def rule(*rows):
    held = np.zeros(len(rows), VERDICT)
    for row, (doc_id, keeper, document, keeper_document) in zip(held, rows, strict=True):
        row["doc_id"], row["keeper"], row["document"], row["keeper_document"] = (
            doc_id,
            keeper,
            document,
            keeper_document,
        )
        row["shared"], row["shingles"], row["keeper_shingles"], row["overlap"] = 19, 20, 21, 0.95
    return DropNearDuplicates(verdicts=held)


def test_a_units_pairs_say_what_stays_and_where_it_lies(tmp_path):
    output = Folder(str(tmp_path))
    filters = (HasText(), rule((b"d1", b"k", (1 << 32) + 7, 3)))
    (name,) = written = write_pairs(output, UNIT, ["a", "b"], filters)
    (row,) = pq.read_table(tmp_path / name).to_pylist()
    assert (name, written[name].digest) == ("near-dedup/books/b.parquet", output.digest(name))
    assert row.pop("overlap") == pytest.approx(0.95)
    assert row == {
        **{"doc_id": "d1", "row": 7, "keeper": "k", "keeper_unit": "a", "keeper_row": 3},
        **{"shared": 19, "shingles": 20, "keeper_shingles": 21},
    }


@pytest.mark.parametrize("filters", [(), (HasText(),), (rule(),)])
def test_a_unit_that_loses_nothing_has_no_table(tmp_path, filters):
    assert write_pairs(Folder(str(tmp_path)), UNIT, ["b"], filters) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "lost, lost_bytes, bound, said",
    [
        (5, 50, 0.5, None),
        (6, 50, 0.5, "6 of 10 documents are near-duplicates: 0.600, more than near_dedup.max_lost_fraction.c4 = 0.5"),
        (1, 51, 0.5, "51 of 100 bytes are near-duplicates: 0.510, more than near_dedup.max_lost_fraction.c4 = 0.5"),
        (10, 100, 1.0, None),
        (0, 0, 0.0, None),
    ],
)
def test_a_source_may_lose_a_share_of_its_documents_and_of_their_bytes(lost, lost_bytes, bound, said):
    total = StageTotals(source="c4", stage=NEAR_DEDUP, documents_in=10, bytes_in=100)
    total.rejected, total.rejected_bytes = Counter({"f:r": lost}), Counter({"f:r": lost_bytes})
    assert lost_too_much(total, bound) == said


def test_a_source_without_documents_has_lost_nothing():
    assert lost_too_much(StageTotals(source="c4", stage=NEAR_DEDUP), 0.0) is None


def test_the_audit_of_a_run_tells_of_every_verdict(small_run):
    run = small_run.run()
    figures = run.output.read_json(FIGURES)
    entries = [entry for entry in read_ledger(run.output) if (entry.stage, entry.source) == (NEAR_DEDUP, "books")]
    lost = sum(entry.documents_in - entry.documents_kept for entry in entries)
    assert figures["documents_lost"] == lost == figures["pairs_drawn"] == figures["pairs_confirmed"] > 0
    assert sum((int(size) - 1) * count for size, count in figures["clusters"].items()) == lost
    assert figures["documents"] == sum(entry.documents_in for entry in entries)
    assert figures["precision"][1] == 1


def test_every_rejected_document_names_what_stays(small_run):
    output = small_run.output
    gone = [row for path in (output / "rejected/near-dedup/books").iterdir() for row in pq.read_table(path).to_pylist()]
    pairs = [row for path in (output / "near-dedup/books").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    stays = {
        row["doc_id"]
        for path in (output / "documents/near-dedup/books").iterdir()
        for row in pq.read_table(path).to_pylist()
    }
    assert {row["doc_id"] for row in gone} == {row["doc_id"] for row in pairs}
    assert {row["keeper"] for row in pairs} <= stays
    assert {row["reason"] for row in gone} == {"contained_in_longer"}


def test_the_page_shows_both_documents_of_a_pair(small_run):
    tree = lxml_html.parse(str(small_run.output / "near-dedup/books/audit.html"))
    origins = tree.xpath("//details[1]//code/text()")
    assert len(origins) == 4
    assert len(set(origins)) == 4


def test_no_more_pairs_are_drawn_than_asked_for_and_those_with_the_smallest_ids(copied_run, tmp_path):
    run = copied_run.run("near_dedup.audit_pairs=1")
    whole = sorted(
        row["doc_id"]
        for path in (copied_run.output / "near-dedup/books").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    )
    written = write_audit(run, "books", Folder(str(tmp_path / "notes")))
    assert run.output.read_json(FIGURES)["pairs_drawn"] == 1
    assert whole[0] in (copied_run.output / "near-dedup/books/audit.html").read_text()
    assert set(written) == {FIGURES, FIGURES.replace("json", "html")}


def test_documents_too_long_for_python_are_not_drawn(copied_run, tmp_path, monkeypatch):
    monkeypatch.setattr(near_audit, "MAX_COUNTED_SHINGLES", 1)
    write_audit(copied_run.run(), "books", Folder(str(tmp_path / "notes")))
    figures = copied_run.run().output.read_json(FIGURES)
    assert (figures["pairs_drawn"], figures["precision"]) == (0, [0, 1])


def test_the_audit_has_a_done_record_of_its_own(small_run):
    entry = read_entry(small_run.run().output, NEAR_DEDUP, WHOLE_RUN, "audit-books")
    assert sorted(entry.outputs) == ["near-dedup/books/audit.html", "near-dedup/books/audit.json"]
