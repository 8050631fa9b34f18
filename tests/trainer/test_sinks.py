import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.errors import SettingsError
from trainer.sinks import SinkChoice, Sinks

EVENTS = [(1, {"step": 1, "loss": 2.5, "mfu_full": "n/a", "source_losses": {"c4": 2.0}, "skipped": True})]


class Recording:
    """A sink that fails at what it is told to."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        self.fails, self.error, self.did = fails, error or OSError("disk full\nand more"), []

    def _does(self, what: str, *about: object) -> None:
        self.did.append((what, *about))
        if what == self.fails:
            raise self.error

    def write(self, step, figures):
        self._does("write", step, figures)

    def close(self):
        self._does("close")


def test_numbers_go_to_every_sink_and_those_inside_are_named_after_what_holds_them():
    sinks = Recording(), Recording()
    with Sinks({str(number): lambda sink=sink: sink for number, sink in enumerate(sinks)}, pytest.fail) as opened:
        opened.write(*EVENTS[0])
    figures = {"step": 1.0, "loss": 2.5, "source_losses/c4": 2.0, "skipped": 1.0}
    assert sinks[0].did == sinks[1].did == [("write", 1, figures), ("close",)]


@pytest.mark.parametrize("fails, done", [("write", 1), ("close", 4), ("", 4)])
def test_a_sink_that_fails_is_said_once_and_dropped_and_the_others_go_on(fails, done):
    bad, good, said = Recording(fails), Recording(), []
    with Sinks({"Bad": lambda: bad, "Good": lambda: good}, said.append) as opened:
        for step in (1, 2, 3):
            opened.write(step, {"loss": 1.0})
    assert said == (["goes on without Bad: OSError: disk full"] if fails else [])
    assert (len(bad.did), len(good.did)) == (done, 4)


def test_a_sink_that_does_not_open_is_said_and_dropped():
    said = []
    with Sinks({"Bad": lambda: 1 / 0}, said.append) as opened:
        opened.write(*EVENTS[0])
    assert said == ["goes on without Bad: ZeroDivisionError: division by zero"]


def test_an_interrupt_within_a_sink_stops_the_run():
    bad = Recording("write", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), Sinks({"Bad": lambda: bad}, pytest.fail) as opened:
        opened.write(*EVENTS[0])


@pytest.mark.parametrize("choice", [{"tensorboard": Path("events")}, {"wandb": "project"}])
def test_a_package_that_is_missing_is_refused_before_any_work_with_the_command_that_mends_it(choice, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"--(\w+): .* is not installed: pip install 'tokenmill\[\1\]'"):
        SinkChoice(**choice).check()
    SinkChoice().check()


def opened(choice: SinkChoice, folder: Path, first_step: int = 1) -> Sinks:
    choice.check()
    return Sinks(choice.openers(first_step=first_step, folder=folder, settings={"layers": 2}), pytest.fail)


def test_nothing_is_opened_that_is_not_asked_for(tmp_path):
    with opened(SinkChoice(), tmp_path) as sinks:
        sinks.write(*EVENTS[0])
    assert list(tmp_path.iterdir()) == []


# The packages themselves, read back.


def test_tensorboard_shows_each_step_once_though_the_run_was_broken_off(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for steps in ((1, 2, 3), (2, 3)):
        with opened(SinkChoice(tensorboard=tmp_path / "tb"), tmp_path, first_step=steps[0]) as sinks:
            for step in steps:
                sinks.write(step, {"loss": step + len(steps), "source_losses": {"c4": 1.0}})
    events = accumulator.EventAccumulator(str(tmp_path / "tb")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 4.0), (2, 4.0), (3, 5.0)]
    assert [event.step for event in events.Scalars("source_losses/c4")] == [1, 2, 3]


def records(path: Path) -> list:
    """The records of an offline run: 7 bytes, then for each one a checksum, its length, a kind, its content."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, found = path.read_bytes()[7:], []
    while content:
        size = int.from_bytes(content[4:6], "little")
        found.append(Record.FromString(content[7 : 7 + size]))
        content = content[7 + size :]
    return found


TWO_STEPS = """
import sys
from pathlib import Path
from trainer.sinks import SinkChoice, Sinks
openers = SinkChoice(wandb="tokenmill").openers(first_step=1, folder=Path(sys.argv[1]), settings={})
with Sinks(openers, sys.exit) as sinks:
    sinks.write(1, {"step": 1, "loss": 2.5})
    sinks.write(2, {"step": 2, "loss": 1.5})
"""


def test_weights_and_biases_holds_the_steps_without_a_network(tmp_path):
    """In a process of its own: the package leaves threads, handlers and settings behind in the one that it was in."""
    pytest.importorskip("wandb")
    command = [sys.executable, "-c", TWO_STEPS, str(tmp_path / "logs")]
    subprocess.run(command, env=os.environ | {"WANDB_MODE": "offline"}, check=True)
    (path,) = tmp_path.glob("logs/wandb/offline-run-*/*.wandb")
    steps = [
        {i.nested_key[0] or i.key: i.value_json for i in r.history.item} for r in records(path) if r.HasField("history")
    ]
    assert [(step["loss"], step["step"]) for step in steps] == [("2.5", "1"), ("1.5", "2")]
