import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks import gpu_kernels
from benchmarks.gpu_kernels import main
from trainer.config import TrainerConfig

CPU = torch.device("cpu")
SMALL = TrainerConfig(dimension=32, heads=2, layers=1, feed_forward_multiple=8)


def test_every_kind_of_work_is_measured():
    options = ["--preset", "tiny", "--tokens", "32", "--vocabulary-size", "32", "--seconds", "0", "--device", "cpu"]
    found = json.loads(CliRunner().invoke(main, options, catch_exceptions=False).stdout)
    assert set(found) == {"device", "versions", "preset", "products", "attention", "update", "loss"}
    assert found["attention"]["math"]["forward"] > 0


def test_a_backend_that_does_not_run_here_says_why():
    assert gpu_kernels.attention(SMALL, 16, CPU, 0.0)["cudnn"].startswith("n/a: ")


def test_attention_counts_the_causal_half(monkeypatch):
    times = iter([1.0, 3.0])
    monkeypatch.setattr(gpu_kernels, "seconds_of", lambda call, device, seconds: next(times))
    monkeypatch.setattr(gpu_kernels, "BACKENDS", {"flash": gpu_kernels.BACKENDS["flash"]})
    found = gpu_kernels.attention(SMALL, 16, CPU, 0.0)["flash"]
    assert found == {"forward": 2 * 16**2 * 32, "backward": 2.5 * 2 * 16**2 * 32 / 2}


def test_an_update_moves_thirty_bytes_a_parameter_less_two(monkeypatch):
    monkeypatch.setattr(gpu_kernels, "seconds_of", lambda call, device, seconds: call() or 1.0)
    found = gpu_kernels.update(SMALL, CPU, 0.0)
    assert found["parameters"] == 2 * SMALL.feed_forward * 32
    assert found["bytes_per_second"] == 28 * found["parameters"]


def test_the_loss_has_three_products(monkeypatch):
    monkeypatch.setattr(gpu_kernels, "seconds_of", lambda call, device, seconds: call() or 1.0)
    assert gpu_kernels.loss(SMALL, 64, 8, CPU, 0.0)["flops_per_second"] == pytest.approx(6 * 8 * 64 * 32)
