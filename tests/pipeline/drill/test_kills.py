"""Kills are drawn from the seed alone, and spread over stages, not over time."""

from collections import Counter
from itertools import islice

import pytest

from pipeline.drill.kills import KINDS, Landed, Stage, draw

STAGES = (Stage("long", 1000.0), Stage("short", 0.5), Stage("over at once", 0.01))


def drawn(count, seed=0, kinds=KINDS, stages=STAGES):
    return list(islice(draw(seed, kinds, stages), count))


def test_a_seed_draws_the_same_kills_again_and_another_one_others():
    assert drawn(20) == drawn(20)
    assert drawn(20) != drawn(20, seed=1)


def test_a_short_stage_is_hit_as_often_as_a_long_one_and_one_without_a_moment_never():
    hit = Counter(kill.stage for kill in drawn(1000))
    assert set(hit) == {0, 1}
    assert 450 < hit[1] < 550


@pytest.mark.parametrize("kinds", [("workers",), ("driver", "store"), KINDS])
def test_all_kinds_that_are_asked_for_are_drawn_and_no_other(kinds):
    assert {kill.what for kill in drawn(50, kinds=kinds)} == set(kinds)


def test_shares_and_pauses_lie_within_their_bounds():
    kills = drawn(200)
    assert all(0 <= kill.share < 1 and 0 <= kill.pick < 1 and 0 <= kill.pause_seconds <= 3 for kill in kills)
    assert max(kill.share for kill in kills) > 0.9 and min(kill.share for kill in kills) < 0.1


def test_where_nothing_takes_a_moment_nothing_is_drawn():
    assert drawn(5, stages=STAGES[2:]) == []


def test_a_kill_is_told_in_a_line():
    landed = Landed(run=2, what="driver", stage="mix", seconds=1.26, process="run, process 7", outcome="started again")
    assert str(landed) == "driver in mix, 1.3 s into it (run, process 7): started again"
