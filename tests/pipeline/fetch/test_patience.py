"""Who is refused waits, longer each time, as long as is asked for, and not for ever."""

import threading

import pytest

from pipeline.fetch.patience import Patience, WallClock
from pipeline.fetch.transfer import AbsentError, BusyError, CutError, RefusedError


def failing(*errors):
    """Raises one error after another, then answers."""
    left = list(errors)

    def ask():
        if left:
            raise left.pop(0)
        return "bytes"

    return ask


def test_waits_double_up_to_a_limit_and_lie_between_half_and_all_of_it(clock):
    patience = Patience(clock=clock, say=print, first_seconds=2, max_seconds=30)
    for failed, whole in ((1, 4), (2, 8), (3, 16), (4, 30), (1000, 30)):
        assert whole / 2 <= patience.seconds("a", failed) <= whole


def test_waits_are_the_same_on_every_run_and_not_for_every_file(patience):
    assert patience.seconds("a", 3) == patience.seconds("a", 3)
    assert len({patience.seconds(name, 3) for name in "abcdef"}) == 6


def test_after_cuts_it_asks_again_until_it_answers(patience, clock, said):
    assert patience.persist("a", failing(CutError("cut"), CutError("cut"))) == "bytes"
    assert clock.waits == [patience.seconds("a", 1), patience.seconds("a", 2)]
    assert said[0] == f"a: cut; asks again in {clock.waits[0]:.0f} s"


def test_a_server_that_says_how_long_is_left_alone_so_long(patience, clock):
    patience.persist("a", failing(BusyError("503", 120)))
    assert clock.waits == [120]


def test_a_server_is_left_alone_for_as_long_as_anyone_waits(patience, clock):
    assert patience.persist("a", failing(BusyError("503", patience.max_seconds))) == "bytes"
    assert clock.waits == [patience.max_seconds]


def test_a_server_that_asks_for_less_than_the_back_off_gets_the_back_off(patience, clock):
    patience.persist("a", failing(BusyError("503", 0.01)))
    assert clock.waits == pytest.approx([patience.seconds("a", 1)])


def test_a_server_that_asks_for_longer_than_anyone_waits_is_not_asked_again(patience, clock):
    with pytest.raises(RefusedError, match="503; it asks to wait 3,600 s: try again then"):
        patience.persist("a", failing(BusyError("503", 3600)))
    with pytest.raises(RefusedError, match="not asked for: the server wants to be left alone for 3,600 s"):
        patience.persist("b", failing())
    assert clock.waits == []


def test_one_file_that_is_refused_holds_up_the_others(patience, clock):
    clock.wait = clock.waits.append  # Time stands still: the first has not waited yet.
    patience.persist("a", failing(BusyError("503", 60)))
    clock.waits.clear()
    assert patience.persist("b", failing()) == "bytes"
    assert clock.waits == [60]


def test_it_gives_up_after_so_many_attempts(patience, clock):
    with pytest.raises(RefusedError, match="cut; given up after 5 attempts"):
        patience.persist("a", failing(*[CutError("cut")] * 9))
    assert len(clock.waits) == 4


def test_a_dead_server_is_not_asked_for_every_file(patience):
    for i in range(patience.max_given_up):
        with pytest.raises(RefusedError, match="given up after 5 attempts"):
            patience.persist(f"{i}", failing(*[CutError("cut")] * 5))
    with pytest.raises(RefusedError, match="not asked for: the last 8 files were given up"):
        patience.persist("next", failing())


def test_a_server_that_answers_now_and_then_is_alive(patience):
    for _ in range(3 * patience.max_given_up):
        with pytest.raises(RefusedError, match="given up after 5 attempts"):
            patience.persist("a", failing(*[CutError("cut")] * 5))
        patience.persist("b", failing())


def test_an_attempt_that_brought_a_mebibyte_was_not_in_vain(patience):
    sizes = iter(range(0, 40 << 20, 1 << 20))
    assert patience.persist("a", failing(*[CutError("cut")] * 15), lambda: next(sizes)) == "bytes"


def test_bytes_that_were_there_before_do_not_count_again(patience):
    with pytest.raises(RefusedError):
        patience.persist("a", failing(*[CutError("cut")] * 15), lambda: 5 << 20)


@pytest.mark.parametrize("error", [AbsentError("404"), RefusedError("no")])
def test_what_no_patience_mends_is_told_at_once(patience, clock, error):
    with pytest.raises(type(error)):
        patience.persist("a", failing(error))
    assert clock.waits == []


def test_a_wait_ends_when_the_run_is_stopped():
    stopped = threading.Event()
    clock = WallClock(stopped)
    clock.wait(0)
    clock.wait(-5)
    stopped.set()
    with pytest.raises(KeyboardInterrupt):
        clock.wait(1000)


def test_the_clock_tells_the_time_of_day():
    assert WallClock(threading.Event()).time_of_day() > 1.7e9


def test_rest_that_a_server_asks_for_is_not_longer_where_the_clock_is_set_back(monkeypatch):
    waits, stopped = [], threading.Event()
    monkeypatch.setattr(stopped, "wait", waits.append)
    monkeypatch.setattr("time.time", failing(*[AssertionError("the clock was asked")] * 9))
    patience = Patience(clock=WallClock(stopped), say=print)
    patience.persist("a", failing(BusyError("503", 120)))
    assert waits[0] == pytest.approx(120, abs=1)
