"""Sources are interleaved evenly, exactly, and both ways."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.mixture import largest_remainder
from mixtures.schedule import MAX_SEQUENCES, Schedule

TABLE = {"commoncrawl": 670, "c4": 150, "github": 45, "wikipedia": 45, "books": 45, "arxiv": 25, "stackexchange": 20}
COUNTS = st.dictionaries(st.text(max_size=2), st.integers(0, 60), min_size=1, max_size=5).filter(
    lambda c: any(c.values())
)


def sources(counts):
    schedule = Schedule(counts)
    return schedule.deal(np.arange(schedule.sequences))[0]


def drifts(counts):
    """How far each source is ahead of its share, after each position."""
    dealt, total = sources(counts), sum(counts.values())
    for number, count in enumerate(counts.values()):
        yield np.concatenate([[0], np.cumsum(dealt == number)]) - np.arange(total + 1) * count / total


def test_each_source_gets_exactly_its_count():
    assert np.bincount(sources(TABLE), minlength=7).tolist() == list(TABLE.values())


def test_the_schedule_never_changes():
    assert sources({"a": 5, "b": 3, "c": 2}).tolist() == [0, 1, 0, 2, 0, 1, 0, 2, 0, 1]


@settings(max_examples=60)
@given(COUNTS)
def test_every_position_is_found_again(counts):
    schedule = Schedule(counts)
    source, ordinal = schedule.deal(np.arange(schedule.sequences))
    for number, count in enumerate(counts.values()):
        mine = np.flatnonzero(source == number)
        assert ordinal[mine].tolist() == list(range(count))
        if count:
            assert schedule.gather(number, np.arange(count)).tolist() == mine.tolist()


@pytest.mark.parametrize("sequences", [1, 2, 3, 50, 200, 1000, 4097, 15_625, 700_001])
def test_table_1_is_held_to_within_one_sequence_at_every_position(sequences):
    for drift in drifts(largest_remainder(sequences, TABLE)):
        assert abs(drift).max() < 1
        assert drift.max() - drift.min() < 11 / 6 + 0.01


@settings(max_examples=60)
@given(COUNTS)
def test_no_source_is_farther_from_its_share_than_the_bound(counts):
    bound = Schedule(counts).bound()
    assert all(abs(drift).max() <= bound + 1e-9 for drift in drifts(counts))


@pytest.mark.parametrize(
    "counts, bound",
    [
        ({"a": 4}, 0),
        ({"a": 2, "b": 2}, 1 / 2),
        ({"a": 3, "b": 2}, 3 / 5),
        (dict(zip("abcdefg", [134, 30, 9, 9, 9, 5, 4], strict=True)), 35 / 36),
        ({name: 10 * count for name, count in TABLE.items()}, 11 / 12),
    ],
)
def test_the_bound_follows_from_the_tree(counts, bound):
    assert Schedule(counts).bound() == pytest.approx(bound)


def test_many_sources_are_held_to_within_two_sequences_and_found_again():
    counts = {f"{number}": 3 + number**2 for number in range(20)}
    test_every_position_is_found_again.hypothesis.inner_test(counts)
    assert all(abs(drift).max() < 2 for drift in drifts(counts))


def test_sources_may_be_listed_in_any_order():
    one, two = TABLE, dict(sorted(TABLE.items()))
    names = [np.array(list(counts))[sources(counts)].tolist() for counts in (one, two)]
    assert names[0] == names[1]


def test_the_largest_schedule_can_be_addressed_at_both_ends():
    half = MAX_SEQUENCES // 2
    schedule = Schedule({"a": MAX_SEQUENCES - half - 1, "b": half, "c": 1})
    positions = np.array([0, 1, half, MAX_SEQUENCES - 2, MAX_SEQUENCES - 1])
    source, ordinal = schedule.deal(positions)
    back = [schedule.gather(s, np.array([o]))[0] for s, o in zip(source, ordinal, strict=True)]
    assert back == positions.tolist()


@settings(max_examples=60)
@given(COUNTS, st.data())
def test_an_earlier_end_changes_nothing_before_it(counts, data):
    whole = Schedule(counts)
    until = data.draw(st.integers(1, whole.sequences))
    cut = Schedule(counts, until)
    assert (cut.sequences, sum(cut.counts), cut.is_cut) == (until, until, until < whole.sequences)
    source, ordinal = cut.deal(np.arange(until))
    assert np.bincount(source, minlength=len(counts)).tolist() == list(cut.counts)
    assert [found.tolist() for found in whole.deal(np.arange(until))] == [source.tolist(), ordinal.tolist()]
    assert all(
        abs(n * whole.sequences - until * of) < 2 * whole.sequences for n, of in zip(cut.counts, cut.dealt, strict=True)
    )


@given(COUNTS)
def test_what_comes_before_a_position_is_what_was_dealt(counts):
    schedule, dealt = Schedule(counts), sources(counts)
    for position in range(schedule.sequences + 1):
        assert schedule.before(position) == tuple(np.bincount(dealt[:position], minlength=len(counts)))


@pytest.mark.parametrize("until", [0, -1, 6])
def test_an_end_outside_the_schedule_is_refused(until):
    with pytest.raises(ValueError, match=f"a schedule of 5 sequences ends at 1 to 5, got {until}"):
        Schedule({"a": 3, "b": 2}, until)


@pytest.mark.parametrize("counts, found", [({"a": MAX_SEQUENCES + 1}, MAX_SEQUENCES + 1), ({"a": 0}, 0)])
def test_a_schedule_too_long_or_empty_is_refused(counts, found):
    with pytest.raises(ValueError, match=f"a schedule holds 1 to 3037000499 sequences, got {found}"):
        Schedule(counts)


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="a: sequences must be at least 0, got -1"):
        Schedule({"a": -1, "b": 2})
