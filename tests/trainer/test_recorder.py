"""Figures of steps go where they belong, and steps that change nothing say how to look into them."""

import json
import math
from dataclasses import replace

import pytest
import torch

from trainer import recorder
from trainer.errors import SettingsError, TrainingError
from trainer.parallel import World
from trainer.recorder import Recorder, StepSize
from trainer.sinks import Sinks
from trainer.step import StepResult
from trainer.step_span import StepSpan
from trainer.train import Training, train

CPU = World(device=torch.device("cpu"))
RESULT = StepResult(loss=3.0, source_losses={"c4": 3.0}, gradient_norm=0.5, learning_rate=0.1, skipped=False)


class Kept:
    def __init__(self):
        self.figures = []

    def write(self, step, figures):
        self.figures.append(figures)

    def close(self):
        pass


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recorded(tiny, array_stream, tmp_path):
    """`recorded(RESULT, …)`: the metrics, timings and what a sink got of these steps, a second each."""

    def record(*results, monkeypatch, world=CPU, **timings):
        clock, sink = iter(range(99)), Kept()
        monkeypatch.setattr(recorder.time, "perf_counter", lambda: next(clock))
        paths = {name: tmp_path / f"{name}.jsonl" for name in ("metrics", "timings")}
        begin = {"sinks": Sinks({"sink": lambda: sink}, pytest.fail), "done": 0, "sequences": 0}
        with Recorder(tiny(), array_stream(), world, say=lambda line: None, **paths, **begin) as writer:
            for step, result in enumerate(results, start=1):
                writer.write(StepSize(step=step, consumed=4 * step, sequence_tokens=16), result, timings)
        return lines(paths["metrics"]), lines(paths["timings"]), sink.figures

    return record


def test_metrics_do_not_know_how_long_a_step_took_and_timings_do(recorded, monkeypatch):
    (metrics,), (timings,), (figures,) = recorded(RESULT, monkeypatch=monkeypatch, data_wait_ms=250.0)
    assert metrics == {
        "step": 1, "tokens": 64, "loss": 3.0, "source_losses": {"c4": 3.0}, "gradient_norm": 0.5,
        "learning_rate": 0.1, "skipped": False, "clipped": False,
    }  # fmt: skip
    assert timings == {
        "step": 1, "data_wait_ms": 250.0, "step_ms": 1000.0, "tokens_per_second": 64.0, "mfu_full": "n/a",
        "mfu_causal": "n/a", "memory_allocated_gib": "n/a", "memory_reserved_gib": "n/a", "data_wait_share": 0.25,
    }  # fmt: skip
    assert (figures["source_losses/c4"], figures["data_wait_share"]) == (3.0, 0.25)


@pytest.mark.parametrize("norm, clipped", [(1.0, False), (1.01, True), (math.nan, False), (math.inf, True)])
def test_a_gradient_beyond_the_bound_was_clipped(recorded, monkeypatch, norm, clipped):
    (metrics,), _, _ = recorded(replace(RESULT, gradient_norm=norm), monkeypatch=monkeypatch)
    assert metrics["clipped"] is clipped
    assert metrics["gradient_norm"] == (norm if math.isfinite(norm) else None)


def test_a_gpu_tells_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 << 29)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2 << 30)
    told = {"memory_allocated_gib": 1.5, "memory_reserved_gib": 2.0}
    assert recorder._memory(torch.device("cuda")) == told


# The loop


@pytest.fixture
def training(array_stream, tiny, tmp_path):
    def build(folder="out", **settings):
        return Training(config=tiny(**settings), stream=array_stream(), output=tmp_path / folder, world=CPU, seed=1)

    return build


def test_steps_that_are_passed_over_change_nothing_and_shift_nothing(training):
    """Steps 3 and 4 of six are left out: the others read what they would have read, at their own learning rate."""
    whole, part = training("whole", steps=6), replace(training("part", steps=6), skip_steps=(StepSpan(3, 4),))
    said = []
    train(whole, lambda line: None)
    train(part, said.append)
    ours, theirs = lines(part.metrics), lines(whole.metrics)
    assert ours[:2] == theirs[:2] and ours[4]["loss"] != theirs[4]["loss"]
    assert [line["skipped"] for line in ours] == [False, False, True, True, False, False]
    assert [line["loss"] is None for line in ours] == [line["skipped"] for line in ours]
    for key in ("tokens", "learning_rate"):
        assert [line[key] for line in ours] == [line[key] for line in theirs]
    assert not any("is skipped" in line for line in said)


def test_a_run_broken_off_ends_in_the_same_bytes_though_steps_were_passed_over(training, monkeypatch):
    whole, broken = (replace(training(name, steps=6), skip_steps=(StepSpan(3, 4),)) for name in ("whole", "broken"))
    train(whole, lambda line: None)
    with monkeypatch.context() as patched, pytest.raises(InterruptedError):
        patched.setattr("trainer.train.pass_over", lambda *_: (_ for _ in ()).throw(InterruptedError))
        train(broken, lambda line: None)
    train(broken, lambda line: None)
    assert broken.metrics.read_bytes() == whole.metrics.read_bytes()


def test_steps_may_be_passed_over_from_a_checkpoint_before_them_on_and_stay_so(training):
    run = training(steps=6)
    train(run, lambda line: None)
    other = replace(run, skip_steps=(StepSpan(3, 4),))
    with pytest.raises(SettingsError, match=r"skip_steps = , not 3:4: .* goes on from step 2$"):
        train(other, lambda line: None)
    train(replace(other, replaces=True), lambda line: None)
    assert [line["skipped"] for line in lines(run.metrics)][2:4] == [True, True]
    with pytest.raises(SettingsError, match=r"skip_steps = 3:4, not : "):
        train(run, lambda line: None)


def test_a_step_that_is_skipped_says_how_to_look_into_it_and_many_end_the_run(training):
    run, said = training(steps=16, skip_sigma=0.0, learning_rate=1e38, warmup_steps=0), []
    with pytest.raises(
        TrainingError, match=r"the last 10 steps were skipped, .* --step \d+:\d+` names their documents"
    ):
        train(run, said.append)
    skipped = [line["step"] for line in lines(run.metrics) if line["skipped"]]
    (first, *_) = [line for line in said if "is skipped" in line]
    assert first.startswith(f"step {skipped[0]} is skipped: the loss is ")
    assert first.endswith(f"`tokenmill explain … --step {skipped[0]}` names its documents")


def test_a_trace_of_steps_is_written_where_it_is_asked_for(training, tmp_path):
    run = replace(training(steps=4), profile=StepSpan(2, 3), profile_to=tmp_path / "trace")
    train(run, lambda line: None)
    assert sorted(path.name for path in (tmp_path / "trace").iterdir()) == ["kernels-2-3.txt", "trace-2-3.json.gz"]
    assert "aten::" in (tmp_path / "trace/kernels-2-3.txt").read_text()
