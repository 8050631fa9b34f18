import pytest
import torch
from torch import nn

from trainer import step_parts
from trainer.step_parts import StepParts

CPU = torch.device("cpu")


class Clock:
    """Goes on by what it is told; each part of the model below takes a time of its own."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Model(nn.Module):
    def __init__(self, clock):
        super().__init__()
        self.embedding, self.clock = nn.Parameter(torch.ones(2)), clock

    def forward(self):
        self.clock.now += 0.010
        return (self.embedding * 2).sum()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(step_parts.time, "perf_counter", clock)
    return clock


def one_step(parts, model, clock, micro_batches, optimizer=0.007):
    parts.begin()
    for _ in range(micro_batches):
        clock.now += 0.001
        loss = model()
        clock.now += 0.020
        loss.backward()
    clock.now += optimizer
    parts.end()
    return parts.finish()


def test_a_step_is_the_sum_of_its_parts(clock):
    model = Model(clock)
    parts = StepParts(model, CPU)
    seconds = one_step(parts, model, clock, micro_batches=3)
    assert seconds == pytest.approx(0.100)
    assert parts.medians() == pytest.approx({"data": 3.0, "forward": 30.0, "backward": 60.0, "optimizer": 7.0})


def test_the_median_is_over_steps(clock):
    model = Model(clock)
    parts = StepParts(model, CPU)
    for optimizer in (0.005, 0.100, 0.006):
        one_step(parts, model, clock, micro_batches=1, optimizer=optimizer)
    assert parts.medians()["optimizer"] == pytest.approx(6.0)


def test_steps_of_the_warm_up_are_forgotten(clock):
    model = Model(clock)
    parts = StepParts(model, CPU)
    one_step(parts, model, clock, micro_batches=1, optimizer=0.900)
    parts.forget()
    one_step(parts, model, clock, micro_batches=1, optimizer=0.008)
    assert parts.medians()["optimizer"] == pytest.approx(8.0)


def test_a_step_whose_backward_is_not_seen_has_a_time_and_no_parts(clock):
    model = Model(clock)
    parts = StepParts(model, CPU)
    parts.begin()
    with torch.no_grad():
        model()
    parts.end()
    assert parts.finish() == pytest.approx(0.010)
    assert parts.medians() == "n/a"
