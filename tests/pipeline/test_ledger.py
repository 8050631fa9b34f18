"""The ledger balances, or says where it does not."""

from dataclasses import replace

import pytest

from pipeline.ledger import LedgerEntry, Tally, as_made, chain_faults, read_entry, read_ledger
from pipeline.storage import Folder

ENTRY = LedgerEntry(
    stage="clean",
    source="c4",
    unit="u",
    key="k",
    documents_in=10,
    documents_kept=6,
    documents_failed=1,
    bytes_in=100,
    bytes_kept=50,
    bytes_failed=5,
    bytes_trimmed=15,
    rejected={"rule:reason": {"documents": 3, "bytes": 30}},
    failed={"bad_json": 1},
)


def test_an_entry_that_adds_up_has_no_fault():
    assert list(ENTRY.faults()) == []


@pytest.mark.parametrize(
    "change, said",
    [
        ({"documents_in": 11}, "11 documents in"),
        ({"documents_kept": 7}, "7 kept"),
        ({"bytes_in": 101}, "101 bytes in"),
        ({"bytes_trimmed": 16}, "16 trimmed"),
        ({"failed": {}}, "their reasons count 0"),
    ],
)
def test_an_entry_that_does_not_add_up_says_where(change, said):
    faults = list(replace(ENTRY, **change).faults())
    assert len(faults) == 1
    assert said in faults[0]
    assert faults[0].startswith("clean/c4/u:")


def test_a_tally_counts_what_happens(documents):
    tally = Tally()
    tally.enter(documents("abc", "d"))
    tally.keep(documents("abc"))
    tally.reject("rule", "reason", 1, 1)
    tally.fail("bad_json", 7)
    entry = tally.entry("clean", "c4", "u", "k", {}, {})
    assert (entry.documents_in, entry.documents_kept, entry.documents_failed) == (3, 1, 1)
    assert (entry.bytes_in, entry.bytes_kept, entry.bytes_failed) == (11, 3, 7)
    assert entry.rejected == {"rule:reason": {"documents": 1, "bytes": 1}}
    assert entry.failed == {"bad_json": 1}
    assert list(entry.faults()) == []


def test_an_entry_is_read_back(tmp_path):
    output = Folder(str(tmp_path))
    output.write_json(ENTRY.name, ENTRY.to_json())
    assert read_entry(output, "clean", "c4", "u") == ENTRY
    assert read_ledger(output) == [ENTRY]


@pytest.mark.parametrize("value", [{}, {"stage": "clean", "unknown": 1}])
def test_an_entry_of_another_version_counts_as_none(tmp_path, value):
    output = Folder(str(tmp_path))
    output.write_json(ENTRY.name, value)
    assert read_entry(output, "clean", "c4", "u") is None


CHAINS = {"c4": ("clean", "dedup", "tokenize")}


def after(**change):
    return replace(
        ENTRY, stage="dedup", documents_in=6, bytes_in=50, rejected={}, failed={}, documents_failed=0, **change
    )


def test_a_stage_that_gets_what_was_kept_has_no_fault():
    assert list(chain_faults([ENTRY, after()], CHAINS)) == []


@pytest.mark.parametrize("change", [{"documents_kept": 7}, {"bytes_kept": 51}])
def test_a_document_lost_between_stages_is_a_fault(change):
    faults = list(chain_faults([replace(ENTRY, **change), after()], CHAINS))
    assert len(faults) == 1
    assert faults[0].startswith("dedup/c4/u: 6 documents and 50 bytes in, but clean kept")


def test_a_stage_without_the_one_before_is_a_fault():
    assert len(list(chain_faults([after()], CHAINS))) == 1


def test_keys_go_by_what_a_stage_made():
    made, now = {"bytes": 2, "digest": "x"}, {"bytes": 1, "digest": "y"}
    assert as_made({"a": made, "b": now | {"made": made}}) == {"a": made, "b": made}
