import gc
import os

import pytest

from benchmarks.claims import (
    Claim,
    DisagreementError,
    Figures,
    machine,
    megabytes_a_second,
    one_core,
    quiet_collector,
    race,
    round_off,
    rounds,
)

FIGURES = Figures(ours=30.0, reference=10.0, reference_is="that", unit="MB/s", input_bytes=5)


def refuse(ours, reference):
    raise DisagreementError(f"{ours} is not {reference}")


def test_the_ratio_says_how_many_times_faster_ours_is():
    assert FIGURES.ratio == 3.0


def test_of_memory_less_is_better():
    assert Figures(ours=30.0, reference=10.0, reference_is="that", unit="MB", input_bytes=5).ratio == pytest.approx(
        1 / 3
    )


def test_a_line_holds_the_contract(inputs):
    claim = Claim(name="a", compares="b", goal=2, measure=lambda _: FIGURES)
    assert claim.line(FIGURES, inputs) == {
        "name": "a",
        "ours": 30.0,
        "reference": 10.0,
        "reference_is": "that",
        "unit": "MB/s",
        "ratio": 3.0,
        "goal": 2,
        "goal_of": "ratio",
        "input": "the demo's dumps",
        "input_bytes": 5,
        "machine": machine(),
    }


def test_both_sides_run_in_turns_after_a_warm_up():
    calls = []
    race(lambda: calls.append("ours"), lambda: calls.append("reference"), seconds=0, agree=lambda *_: None)
    assert calls == ["ours", "reference"] * 4


def test_answers_that_differ_give_no_figure():
    with pytest.raises(DisagreementError, match="1 is not 2"):
        race(lambda: 1, lambda: 2, seconds=0, agree=refuse)


@pytest.mark.parametrize(
    "once, seconds, expected", [(1, 0, 3), (1, 3, 3), (1, 4, 5), (1, 8, 9), (0, 1, 15), (1, 99, 15)]
)
def test_the_number_of_rounds_is_odd_and_bounded(once, seconds, expected):
    assert rounds(once, seconds) == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process to a core")
def test_one_core_is_used_and_the_others_given_back():
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_the_collector_leaves_the_inputs_alone_for_a_while():
    with quiet_collector():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_speed_is_millions_of_bytes_a_second():
    expected = Figures(ours=3.0, reference=2.0, reference_is="x", unit="MB/s", input_bytes=6_000_000)
    assert megabytes_a_second(6_000_000, (2.0, 3.0), "x") == expected


@pytest.mark.parametrize("value, expected", [(1234.5, 1230.0), (0.12345, 0.123), (0.0, 0.0)])
def test_figures_have_three_digits(value, expected):
    assert round_off(value) == expected


def test_the_machine_says_its_cores_and_python():
    assert f"{os.cpu_count()} cores" in machine()
    assert "Python 3." in machine()
