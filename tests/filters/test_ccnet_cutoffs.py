"""The table is CCNet's."""

import csv
import gzip
import json
import zlib

import pytest

from filters.ccnet_cutoffs import CCNET_CUTOFFS, HEAD_PERCENTILE, MIDDLE_PERCENTILE
from filters.perplexity import bucket


def test_48_languages_have_a_head_below_their_middle():
    assert len(CCNET_CUTOFFS) == 48
    assert all(0 < head < middle for head, middle in CCNET_CUTOFFS.values())
    assert CCNET_CUTOFFS["en"] == (340, 520)


def test_no_number_has_changed_since_the_table_was_held_against_ccnets_file():
    assert zlib.crc32(json.dumps(CCNET_CUTOFFS).encode()) == 0xD4E43EAD


@pytest.mark.real
def test_the_table_holds_two_rows_of_ccnets_file(real_data):
    with (real_data / "commoncrawl/genuine/cc_net/cc_net/data/cutoff.csv").open(newline="") as file:
        rows = {int(row.pop("")): row for row in csv.DictReader(file)}
    head, middle = rows[HEAD_PERCENTILE], rows[MIDDLE_PERCENTILE]
    assert {language: (int(head[language]), int(middle[language])) for language in head} == CCNET_CUTOFFS


def genuine_records(folder):
    """Twenty records that CCNet wrote, all of the head; their text was edited after, in the first file."""
    with (folder / "multiple_files/cc_en_head-0091.jsonl").open(encoding="utf-8") as file:
        yield from map(json.loads, file)
    with gzip.open(folder / "provided/documents/000.json.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.mark.real
def test_ccnets_own_records_lie_in_the_bucket_that_their_perplexity_says(real_data):
    # Not checkable: the perplexities themselves, whose model is not published with the records, the lines that fell,
    # whose block is not there, and the other two buckets, of which there is no record.
    records = [record["metadata"] for record in genuine_records(real_data / "commoncrawl/genuine/dolma")]
    assert [bucket(record["perplexity"], *CCNET_CUTOFFS["en"]) for record in records] == ["head"] * 20
    assert {record["bucket"] for record in records} == {"head"}
    assert all(round(record["perplexity"], 1) == record["perplexity"] for record in records)
    assert all(round(record["language_score"], 2) == record["language_score"] >= 0.5 for record in records)


@pytest.mark.real
def test_ccnets_own_records_name_the_lines_that_were_kept(real_data):
    records = list(genuine_records(real_data / "commoncrawl/genuine/dolma"))
    for found in (record["metadata"] for record in records):
        assert found["line_ids"] == sorted(set(found["line_ids"]))
        assert len(found["line_ids"]) == found["nlines"] and max(found["line_ids"]) < found["original_nlines"]
    for record in records[10:]:
        text, found = record["text"], record["metadata"]
        assert (text.count("\n") + 1, len(text)) == (found["nlines"], found["length"])
