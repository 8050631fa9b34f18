import itertools

import pytest
import torch

from trainer import probe as probing
from trainer.config import PRESETS, TrainerConfig
from trainer.probe import copy_rate, model_shapes, probe, seconds_of
from trainer.speed import flops_per_token

CPU = torch.device("cpu")


@pytest.mark.parametrize("preset", ["7b", "1.3b", "tiny"])
def test_the_shapes_are_all_products_of_a_model(preset):
    shapes = model_shapes(PRESETS[preset], 32_000)
    products = sum(6 * shape.times * shape.inputs * shape.outputs for shape in shapes.values())
    assert products == flops_per_token(PRESETS[preset], 32_000, 0).full


def test_rates_are_operations_by_time(monkeypatch):
    monkeypatch.setattr(probing, "seconds_of", lambda call, device, seconds: len([call()]))
    config = TrainerConfig(dimension=8, heads=2, layers=3, feed_forward_multiple=8)
    found = probe(config, 32, tokens=5, device=CPU, dtype=torch.float32)
    rates = found["flops_per_second"]
    products = {"forward", "input_gradient", "weight_gradient"}
    assert rates["wqkv"] == dict.fromkeys(products, 2 * 5 * 8 * 24)
    assert rates["w2"] == dict.fromkeys(products, 2 * 5 * 8 * config.feed_forward)
    assert rates["output"] == dict.fromkeys(products, 2 * 5 * 8 * 32)
    assert rates["square"] == {"side": 8, "forward": 2 * 8**3}
    assert (found["tokens"], found["dtype"]) == (5, "float32")
    assert found["copy_bytes_per_second"] == 2 * 2**24


def test_the_rate_of_a_model_weighs_its_products_by_their_time():
    shapes = {"large": probing.Shape(4, 4, 3), "small": probing.Shape(2, 2, 1)}
    rates = {"large": dict.fromkeys("abc", 16.0), "small": dict.fromkeys("abc", 4.0)}
    # 3 * 16 operations at 16 take 3 seconds, 4 at 4 take 1: 52 in 4, three times over.
    assert probing._of_model(shapes, rates) == 52 / 4


def test_a_call_is_repeated_for_its_time_and_not_timed_at_first(monkeypatch):
    ticks, calls = itertools.count(), []
    monkeypatch.setattr(probing.time, "perf_counter", lambda: len(calls) * 0.25 + 0 * next(ticks))
    assert seconds_of(lambda: calls.append(1), CPU, 2.0) == 0.25
    assert len(calls) == 3 + 1 + 8


def test_a_copy_has_a_rate():
    assert copy_rate(CPU, 0.001) > 1e6


def test_bfloat16_is_measured_as_it_is_trained():
    config = TrainerConfig(dimension=16, heads=2, layers=1, feed_forward_multiple=8)
    found = probe(config, 32, tokens=4, device=CPU, dtype=torch.bfloat16, seconds=0.0)
    assert found["dtype"] == "bfloat16"
    assert found["flops_per_second"]["model"] > 0
