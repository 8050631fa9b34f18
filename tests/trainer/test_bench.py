import json
import time
from dataclasses import replace

import pytest
import torch

from trainer import bench as benching
from trainer.bench import Case, bench, random_state
from trainer.config import PRESETS
from trainer.errors import SettingsError
from trainer.parallel import World
from trainer.speed import flops_per_token

CPU = World(device=torch.device("cpu"))


def case(seconds=0.0, **settings):
    small = {"dimension": 16, "heads": 2, "layers": 2, "batch_sequences": 4}
    config = replace(PRESETS["tiny"], **(small | settings))
    return Case(config=config, vocabulary_size=64, sequence_tokens=16, seconds=seconds)


@pytest.fixture(scope="module")
def measured():
    said = []
    return bench(case(micro_batch_sequences=2), CPU, said.append, began=time.perf_counter()), said


def test_a_measurement_is_one_json_object(measured):
    found, _ = measured
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"device", "versions", "code", "sampled", "attention", "gradient_sums", "probe", "memory"} <= set(found)


def test_the_case_is_described_in_full(measured):
    described = measured[0]["case"]
    assert (described["sequence_tokens"], described["batch_tokens"], described["vocabulary_size"]) == (16, 64, 64)
    assert (described["dimension"], described["feed_forward"], described["precision"]) == (16, 64, "bfloat16")
    assert described["parameters"] == 2 * 64 * 16 + 2 * (4 * 16**2 + 3 * 16 * 64 + 2 * 16) + 16
    assert measured[0]["computed_in"] == "float32"


def test_at_least_three_steps_are_timed_after_the_warm_up(measured):
    found, said = measured
    assert (found["steps"], len(found["step_seconds"])) == (3, 3)
    assert [line.split(":")[0] for line in said if not line.startswith("warm-up")] == ["step 1", "step 2", "step 3"]
    assert sum(line.startswith("warm-up") for line in said) == 3


def test_speed_is_tokens_by_time(measured):
    speed, seconds = measured[0]["tokens_per_second_per_gpu"], measured[0]["step_seconds"]
    assert speed["median"] == pytest.approx(64 / sorted(seconds)[1], rel=0.05)
    assert speed["min"] <= speed["median"] <= speed["max"]
    rounded = 0.05 * (2 + speed["spread"]) / speed["median"]  # The three are told to a tenth.
    assert speed["spread"] == pytest.approx((speed["max"] - speed["min"]) / speed["median"], abs=1e-3 + rounded)


def test_products_are_compared_with_what_the_device_was_seen_to_reach(measured):
    found, _ = measured
    products = flops_per_token(case().config, 64, 0).full * found["tokens_per_second_per_gpu"]["median"]
    ceiling = found["probe"]["flops_per_second"]["model"]
    assert found["products_of_measured"] == pytest.approx(products / ceiling, rel=0.01)
    assert found["mfu_full"] == found["peak_flops"] == "n/a"


def test_the_parts_of_a_step_are_told_apart(measured):
    parts = measured[0]["breakdown_ms"]
    assert set(parts) == {"data", "forward", "backward", "optimizer"}
    assert min(parts.values()) > 0 and sum(parts.values()) <= 1000 * sum(measured[0]["step_seconds"])


def test_the_loss_of_random_tokens_is_the_logarithm_of_the_vocabulary(measured):
    assert measured[0]["loss"] == pytest.approx(4.16, abs=0.3)
    assert measured[0]["skipped_steps"] == 0


def test_a_case_has_as_many_steps_as_fit_its_time(monkeypatch):
    monkeypatch.setattr(benching, "probe", lambda *_, **__: {"flops_per_second": {"model": 1.0}})
    found = bench(case(seconds=0.5), CPU, lambda _line: None, began=time.perf_counter())
    assert found["steps"] > 3
    assert sum(found["step_seconds"]) < 0.6


def test_a_micro_batch_is_planned_where_none_is_asked_for(monkeypatch):
    monkeypatch.setattr(benching, "probe", lambda *_, **__: {"flops_per_second": {"model": 1.0}})
    found = bench(case(batch_sequences=6, micro_batch_sequences=0), CPU, lambda _line: None, began=0.0)
    assert found["case"]["micro_batch_sequences"] == 4


def test_a_model_too_large_for_the_device_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(benching, "device_bytes", lambda device: 79 * 2**30)
    large = Case(config=replace(PRESETS["7b"]), vocabulary_size=32_000, sequence_tokens=2048, seconds=0.0)
    with pytest.raises(SettingsError, match="113 GiB of 79 GiB; 2 GPUs of 2 shards would do"):
        bench(large, CPU, lambda _line: None, began=0.0)


def test_weights_are_random_and_the_same_every_time():
    first, second = (random_state(case().config, 64, CPU).weights for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["layers.0.wqkv"].std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(first["norm"], torch.ones(16))


def test_how_gradients_are_summed_is_said():
    assert benching._gradient_sums(torch.float32, CPU) == "by autograd"
    assert benching._gradient_sums(torch.bfloat16, CPU) == "float32, after the product"
    assert benching._gradient_sums(torch.bfloat16, replace(CPU, size=2)) == "float32, after a sum over processes"
