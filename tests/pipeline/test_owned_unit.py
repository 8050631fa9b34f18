"""What one unit decides of its pages, from what it is told of other units' claims."""

import numpy as np
import pytest

from pipeline.owned_unit import ANSWER, LEAVES, LINE, PAGE, STAYS, UNDECIDED, OwnedUnit


def unit_of(pages, lines, unit=0, min_sentences=3):
    """Pages as ranks, lines as (row, key, sentences)."""
    held = np.zeros(len(pages), PAGE)
    held["rank"], held["page"] = pages, np.arange(len(pages)) + 100
    rows = np.zeros(len(lines), LINE)
    rows["row"], rows["key"], rows["sentences"] = (list(column) for column in zip(*lines, strict=True))
    return OwnedUnit(unit, held, rows, min_sentences)


def answers(*rows):
    """Rows of (key, rank, unit, stays)."""
    return np.array(list(rows), ANSWER)


def states(unit):
    return unit.pages["state"].tolist()


def test_a_unit_that_is_told_nothing_decides_alone():
    unit = unit_of([1, 2], [(0, 10, 2), (0, 11, 1), (1, 10, 2), (1, 12, 1)])
    unit.decide(answers())
    assert states(unit) == [STAYS, LEAVES]
    assert unit.settle().tolist() == []
    assert (unit.leaving().tolist(), unit.pages["sure"].tolist(), len(unit.lines)) == ([101], [3, 0], 0)


def test_a_line_of_a_page_that_leaves_goes_to_the_next():
    unit = unit_of([1, 2], [(0, 10, 2), (1, 10, 2), (1, 12, 1)])
    unit.decide(answers())
    assert states(unit) == [LEAVES, STAYS]


@pytest.mark.parametrize(
    "answer, state, lost, left",
    [
        ((10, 1, 7, 1), LEAVES, [], 0),  # Another unit's page before ours owns the line: too little is left.
        ((10, 1, 7, 0), UNDECIDED, [], 3),  # It may own the line.
        ((10, 5, 0, 0), STAYS, [], 1),  # Ours is the first, and says so in the next round.
        ((10, 5, 0, 1), STAYS, [], 0),  # The others have heard it.
    ],
)
def test_an_answer_says_whose_a_shared_line_may_be(answer, state, lost, left):
    unit = unit_of([5], [(0, 10, 1), (0, 11, 1), (0, 12, 1)])
    unit.decide(answers(answer))
    assert states(unit) == [state]
    assert (unit.settle().tolist(), len(unit.lines)) == (lost, left)


def test_a_lost_line_is_told_of_a_page_that_may_still_stay():
    unit = unit_of([5], [(0, 10, 1), (0, 11, 2), (0, 12, 1)])
    unit.decide(answers((10, 1, 7, 1), (12, 2, 3, 0)))
    assert states(unit) == [UNDECIDED]
    assert unit.settle().tolist() == [[100, 10]]
    assert unit.lines["key"].tolist() == [11, 12]


def test_nobody_here_knows_who_is_next_when_the_page_that_claimed_a_line_leaves():
    unit = unit_of([1, 2], [(0, 10, 1), (1, 10, 1), (1, 11, 2)])
    unit.decide(answers((10, 1, 0, 0)))
    assert states(unit) == [LEAVES, UNDECIDED]
    unit.settle()
    assert unit.claims().tolist() == [(10, 2, 0), (11, 2, 0)]


def test_of_equal_ranks_the_first_row_is_first():
    unit = unit_of([1, 1], [(1, 10, 3), (0, 10, 3)])
    unit.decide(answers())
    assert states(unit) == [STAYS, LEAVES]


def test_claims_are_of_the_first_page_of_each_line():
    unit = unit_of([9, 4, 6], [(0, 10, 1), (1, 10, 1), (2, 11, 1)])
    unit.pages["state"][1] = STAYS
    assert unit.claims().tolist() == [(10, 4, 1), (11, 6, 0)]


def test_who_is_undecided_can_be_kept_and_is_short_when_too_little_is_left():
    unit = unit_of([5, 6], [(0, 10, 1), (0, 11, 2), (1, 10, 2), (1, 12, 1)])
    unit.keep_undecided()
    unit.decide(answers((10, 1, 7, 1)))
    assert unit.settle().tolist() == [[100, 10], [101, 10]]
    assert (states(unit), unit.short().tolist()) == ([STAYS, STAYS], [100, 101])


def test_a_kept_page_without_any_line_is_not_short():
    unit = unit_of([5], [(0, 10, 1)])
    unit.keep_undecided()
    unit.decide(answers((10, 1, 7, 1)))
    unit.settle()
    assert unit.short().tolist() == []


def test_pages_about_which_nothing_is_left_to_say_are_forgotten():
    unit = unit_of([1, 2, 3], [(0, 10, 3), (1, 10, 3), (2, 11, 1), (2, 12, 2)])
    unit.decide(answers((11, 1, 7, 0)))
    unit.settle()
    unit.forget()
    assert unit.pages["page"].tolist() == [102]
    assert unit.lines["row"].tolist() == [0, 0]
