"""A plan of the small demo, made in this process: its sample, the run of it, what was measured."""

import pickle
from dataclasses import dataclass

import pytest

from pipeline.measured_engine import MeasuredEngine, MeasuredGroup
from pipeline.planning.estimate import Stratum
from pipeline.planning.figures import Measured, measure
from pipeline.planning.prediction import Prediction, predict
from pipeline.planning.sample_run import SampleRun, run_sample
from pipeline.planning.sampling import draw
from pipeline.run import Run
from pipeline.storage import Folder


class HereEngine(MeasuredEngine):
    """Does all pieces in this process, one after another."""

    def run(self, work):
        for index, _ in work.sizes():
            work.do(index)

    def run_exchanges(self, works):
        for work in (MeasuredGroup(work, self.output) for work in works):
            sent = gathered(work.send(index) for index, _ in work.senders())
            straight = {key: sent.pop(key) for key in [key for key in sent if key < 0]}
            for number in range(work.rounds()):
                sent = gathered(work.judge(number, key, iter(sent[key])) for key in sorted(sent))
            for index in work.receivers():
                work.receive(index, iter([*sent.get(index, []), *straight.get(-1 - index, [])]))


def gathered(streams):
    found = {}
    for stream in streams:
        for key, block in stream:
            found.setdefault(key, []).append(block)
    return found


@dataclass
class Planned:
    whole: Run
    held: SampleRun
    strata: list[Stratum]
    measured: Measured
    found: Prediction


@pytest.fixture(scope="session")
def planned(small_run, once) -> Planned:
    """Not to be written to. With the small run's models, so that none is trained."""

    def make(folder):
        made = small_run.run()
        whole = Run(made.recipe, Folder(str(folder / "listing")))
        sample, strata = draw(whole, 0.001, 1)
        engine = HereEngine(output=Folder(str(folder / "output")))
        held = run_sample(made.recipe, sample, strata, engine, made.output)
        measured = measure(held.run)
        plan = Planned(whole, held, strata, measured, predict(whole, held, strata, measured))
        (folder / "plan").write_bytes(pickle.dumps(plan))

    return pickle.loads((once("plan", make) / "plan").read_bytes())
