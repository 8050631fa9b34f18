"""Kills land in their stage at their moment; what ends by one is started again, what fails by itself is a fault."""

import itertools
import sys

import pytest

from pipeline.drill import hurt
from pipeline.drill.hurt import HurtRun
from pipeline.drill.kills import Kill, Stage
from pipeline.drill.processes import Store
from pipeline.errors import FatalError

TWO_STAGES = "begins('a'); time.sleep(1); begins('b')"


def kill(what="driver", stage=0, share=0.0):
    return Kill(what=what, stage=stage, share=share, pick=0.99, pause_seconds=0.1)


@pytest.fixture
def run(start):
    """`run([kills], "code of the first start", "of the second", …)`: the run, and what it said."""

    def done(kills, *codes, store=None, seconds=1.0):
        codes, said = itertools.chain(codes, itertools.repeat(codes[-1])), []
        stages = (Stage("a", seconds), Stage("b", seconds))
        made = HurtRun(number=1, stages=stages, start=lambda: start(next(codes)), say=said.append, store=store)
        made.to_its_end(kills)
        return made, said

    return done


def test_without_a_kill_a_run_is_started_once(run):
    made, said = run([], TWO_STAGES)
    assert (made.starts, made.landed, said) == (1, [], [])


def test_a_killed_driver_is_started_again(run):
    made, said = run([kill(stage=1, share=0.3)], "begins('a'); begins('b'); time.sleep(30)", TWO_STAGES)
    assert (made.starts, made.landed[0].stage, made.landed[0].outcome) == (2, "b", "started again")
    assert 0.3 <= made.landed[0].seconds < 30
    assert said == [str(made.landed[0])] and "driver in b, " in said[0]


def test_a_killed_worker_whose_run_goes_on_is_told_so(run):
    made, _ = run([kill("workers")], "begins('a'); worker(); worker().wait(); begins('b')")
    assert (made.starts, [landed.outcome for landed in made.landed]) == (1, ["the run went on"])
    assert "import time" in made.landed[0].process


def test_a_run_that_a_worker_takes_along_is_started_again_and_its_line_told(run):
    made, _ = run([kill("workers")], "begins('a'); worker().wait(); sys.exit('error: gone')", TWO_STAGES)
    assert made.landed[0].outcome == "the run ended (error: gone), started again"
    assert made.starts == 2


def test_a_kill_whose_stage_is_over_or_has_no_worker_does_not_count(run):
    made, said = run([kill(share=0.9), kill("workers", stage=1)], "begins('a'); begins('b'); time.sleep(0.5)")
    assert (made.starts, made.landed, said) == (1, [], [])


def test_a_store_is_killed_and_started_anew(run, tmp_path):
    log = tmp_path / "store.log"
    store = Store(f"echo up >> {log}; {sys.executable} -c 'import time; time.sleep(30)'", log.exists)
    store.start()
    made, said = run([kill("store")], "begins('a'); time.sleep(3); begins('b')", store=store)
    store.kill()
    assert (made.starts, made.landed[0].outcome, log.read_text()) == (1, "the run went on", "up\nup\n")
    assert "(0.1 s away): the run went on" in said[0]


def test_a_run_that_fails_unhurt_is_a_fault_even_behind_a_kill(run):
    said = "run 1 ended with exit code 1 and nothing had hurt it since its start: error: by itself"
    with pytest.raises(FatalError, match=said):
        run([], "sys.exit('error: by itself')")
    with pytest.raises(FatalError, match=said):
        run([kill()], "begins('a'); time.sleep(30)", "sys.exit('error: by itself')")


def test_a_run_that_hangs_is_a_fault(run, monkeypatch):
    monkeypatch.setattr(hurt, "PATIENCE_SECONDS", 2.0)
    with pytest.raises(FatalError, match="run 1 hangs: its last line was 'a begins'"):
        run([], "begins('a'); time.sleep(30)", seconds=0.0)
