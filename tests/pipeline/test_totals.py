"""The ledger summed by source and stage."""

import pytest

from pipeline.ledger import LedgerEntry
from pipeline.totals import sum_stages

CHAINS = {"c4": ("clean", "dedup", "tokenize"), "books": ("clean", "tokenize")}


def entry(stage="clean", source="c4", unit="a", **figures):
    return LedgerEntry(stage=stage, source=source, unit=unit, key="k", **figures)


def test_units_are_summed_by_source_and_stage():
    reason = {"f:short": {"documents": 2, "bytes": 20}}
    one = entry(documents_in=5, documents_kept=3, bytes_in=50, bytes_kept=25, bytes_trimmed=5, rejected=reason)
    two = entry(unit="b", documents_in=1, documents_failed=1, failed={"not_json": 1}, counts={"f.lines": 7}, tokens=4)
    (total,) = sum_stages([one, two], CHAINS)
    assert (total.units, total.documents_in, total.documents_kept, total.documents_failed) == (2, 6, 3, 1)
    assert (total.bytes_in, total.bytes_kept, total.bytes_trimmed, total.tokens) == (50, 25, 5, 4)
    assert (dict(total.rejected), dict(total.rejected_bytes)) == ({"f:short": 2}, {"f:short": 20})
    assert (dict(total.failed), dict(total.counts)) == ({"not_json": 1}, {"f.lines": 7})
    assert total.balances


@pytest.mark.parametrize("figures", [{"documents_in": 1}, {"bytes_in": 1}, {"documents_kept": 1}, {"bytes_trimmed": 1}])
def test_a_stage_that_loses_or_invents_something_does_not_balance(figures):
    (stage,) = sum_stages([entry(**figures)], CHAINS)
    assert not stage.balances


def test_stages_come_in_the_order_of_the_chains():
    entries = [
        entry("tokenize", "books"),
        entry("tokenize"),
        entry("dedup"),
        entry("clean", "books"),
        entry("odd", "x"),
    ]
    found = [(item.source, item.stage) for item in sum_stages(entries, CHAINS)]
    assert found == [("c4", "dedup"), ("c4", "tokenize"), ("books", "clean"), ("books", "tokenize"), ("x", "odd")]


def test_rejected_documents_are_counted_over_all_reasons():
    reasons = {"f:short": {"documents": 2, "bytes": 20}, "g:long": {"documents": 3, "bytes": 1}}
    (total,) = sum_stages([entry(rejected=reasons)], CHAINS)
    assert total.documents_rejected == 5
