"""The measurement itself, on a GPU and with a model that takes seconds."""

import json

import pytest
import torch

from trainer.cli import main
from trainer.hardware import Sampler, device_facts

pytestmark = pytest.mark.gpu


def bench(capsys, *options):
    sizes = ("--preset", "tiny", "--sequence-tokens", "256", "--batch-tokens", "8192", "--vocabulary-size", "512")
    assert main(["bench", *sizes, "--device", "cuda", "--seconds", "3", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_measurement_knows_its_device(capsys):
    found = bench(capsys)
    assert found["device"]["name"] == torch.cuda.get_device_name(0)
    assert found["computed_in"] == "bfloat16"
    assert found["gradient_sums"].startswith("float32")
    assert found["memory"]["reserved_bytes"] >= found["memory"]["allocated_bytes"] > 0


def test_the_parts_of_a_step_add_up_to_it(capsys):
    found = bench(capsys)
    seconds = sorted(found["step_seconds"])[len(found["step_seconds"]) // 2]
    assert sum(found["breakdown_ms"].values()) == pytest.approx(1000 * seconds, rel=0.2)


def test_no_product_is_faster_than_the_peak(capsys):
    found = bench(capsys)
    if found["peak_flops"] == "n/a":
        pytest.skip(f"no peak is known of {found['device']['name']}")
    rates = found["probe"]["flops_per_second"]
    assert rates["square"]["forward"] < found["peak_flops"]
    assert 0 < found["mfu_causal"] < found["mfu_full"] < 1


def test_clocks_are_sampled_where_nvidia_smi_answers(gpu):
    if device_facts(gpu)["driver"] == "n/a":
        pytest.skip("nvidia-smi does not answer here")
    with Sampler(gpu, seconds=0.05) as sampler:
        for _ in range(20):
            torch.randn(4096, 4096, device=gpu) @ torch.randn(4096, 4096, device=gpu)
            torch.cuda.synchronize()
    assert sampler.summary()["samples"] > 0
