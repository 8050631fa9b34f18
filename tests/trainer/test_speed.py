import pytest
import torch

from trainer.config import PRESETS, TrainerConfig
from trainer.speed import flops_per_token, peak_flops, utilisation


@pytest.mark.parametrize(
    "name, tokens, full, causal",
    [
        ("7b", 2048, 42.86, 41.25),
        ("7b", 4096, 46.09, 42.86),
        ("13b", 2048, 82.14, 79.63),
        ("33b", 2048, 203.7, 198.8),
        ("65b", 2048, 406.2, 398.2),
    ],
)
def test_both_conventions_count_the_paper_models(name, tokens, full, causal):
    flops = flops_per_token(PRESETS[name], 32000, tokens)
    assert flops.full / 1e9 == pytest.approx(full, rel=2e-4)
    assert flops.causal / 1e9 == pytest.approx(causal, rel=2e-4)


def test_the_papers_speed_of_65b_is_half_of_an_a100():
    flops = flops_per_token(PRESETS["65b"], 32000, 2048)
    assert utilisation(380.0, flops, 312e12) == {"mfu_full": 0.4948, "mfu_causal": 0.485}


def test_an_unknown_device_has_no_utilisation():
    flops = flops_per_token(TrainerConfig(), 32000, 2048)
    assert utilisation(1000.0, flops, None) == {"mfu_full": "n/a", "mfu_causal": "n/a"}


@pytest.mark.parametrize(
    "name, dtype, peak",
    [
        ("NVIDIA H200", torch.bfloat16, 989.5e12),
        ("NVIDIA H100 80GB HBM3", torch.bfloat16, 989.5e12),
        ("NVIDIA A100-SXM4-80GB", torch.bfloat16, 312e12),
        ("NVIDIA H100 PCIe", torch.bfloat16, None),
        ("NVIDIA H200", torch.float32, None),
    ],
)
def test_a_peak_is_known_by_exact_name_and_precision(monkeypatch, name, dtype, peak):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda", 0), dtype) == peak


def test_a_cpu_has_no_peak():
    assert peak_flops(torch.device("cpu"), torch.bfloat16) is None
