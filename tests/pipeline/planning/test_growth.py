"""More documents have more in common: halves of the sample say how fast."""

import pytest

from pipeline.dedup import ExactRounds
from pipeline.planning.growth import fallen, growth_of, in_half, judged, kept_of_halves


def test_what_falls_from_halves_to_the_whole_goes_on_falling():
    found = fallen(0.8, [0.9, 0.9], 2)
    assert found.value == pytest.approx(0.8 / 0.9)
    assert found.low == pytest.approx((0.8 / 0.9) ** 2)
    assert found.high == 1


def test_where_halves_keep_no_more_than_the_whole_nothing_falls():
    assert fallen(0.8, [0.8, 0.7], 1000).value == 1
    assert fallen(0.8, [], 1000).value == 1


def test_the_halves_are_all_documents(documents):
    batch = documents(*"abcdefgh")
    halves = [in_half(batch, half).column("doc_id").to_pylist() for half in (0, 1)]
    assert halves == [["0", "2", "4", "6"], ["1", "3", "5", "7"]]


def test_units_are_judged_together_without_an_engine(documents):
    units = [documents("same", "one"), documents("two!", "same")]
    assert judged(ExactRounds(partitions=3), lambda index: iter([units[index]]), 2) == (15, 11)
    assert judged(ExactRounds(partitions=3), lambda index: iter([units[0]]), 1) == (7, 7)


def test_a_sample_that_is_all_there_is_does_not_grow(planned):
    assert all(share.value == 1 for share in growth_of(planned.held.run, "c4", 1.0).values())


def test_the_halves_of_a_sample_keep_at_least_about_what_the_whole_does(planned):
    run = planned.held.run
    (whole,) = [share for stage, share in growth_of(run, "commoncrawl", 50).items() if stage == "dedup"]
    assert 0 < whole.low <= whole.value <= whole.high == 1
    halves = kept_of_halves(run, "dedup", "commoncrawl")
    assert len(halves) == 2
    assert all(0 < half <= 1 for half in halves)
