"""The table is CCNet's."""

import csv

import pytest

from filters.ccnet_cutoffs import CCNET_CUTOFFS, HEAD_PERCENTILE, MIDDLE_PERCENTILE


def test_48_languages_have_a_head_below_their_middle():
    assert len(CCNET_CUTOFFS) == 48
    assert all(0 < head < middle for head, middle in CCNET_CUTOFFS.values())
    assert CCNET_CUTOFFS["en"] == (340, 520)


@pytest.mark.real
def test_the_table_holds_two_rows_of_ccnets_file(real_data):
    with (real_data / "commoncrawl/genuine/cc_net/cc_net/data/cutoff.csv").open(newline="") as file:
        rows = {int(row.pop("")): row for row in csv.DictReader(file)}
    head, middle = rows[HEAD_PERCENTILE], rows[MIDDLE_PERCENTILE]
    assert {language: (int(head[language]), int(middle[language])) for language in head} == CCNET_CUTOFFS
