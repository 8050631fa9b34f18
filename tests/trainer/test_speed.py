import pytest
import torch

from trainer.config import PRESETS, TrainerConfig
from trainer.speed import block_matrix_weights, flops_per_token, peak_flops, utilisation


# FLOPs a token in units of 10^9, by hand from 6 * N_mm + 12 * L * d * s (6 for CAUSAL), to four digits.
@pytest.mark.parametrize(
    "name, products, full_2048, causal_2048, full_4096, causal_4096",
    [
        ("1.3b", 7.679, 8.887, 8.283, 10.095, 8.887),
        ("7b", 39.64, 42.86, 41.25, 46.09, 42.86),
        ("13b", 77.11, 82.14, 79.63, 87.18, 82.14),
        ("33b", 193.9, 203.7, 198.8, 213.5, 203.7),
        ("65b", 390.1, 406.2, 398.2, 422.3, 406.2),
    ],
)
def test_both_conventions_count_to_four_digits(name, products, full_2048, causal_2048, full_4096, causal_4096):
    found = [flops_per_token(PRESETS[name], 32000, tokens) for tokens in (0, 2048, 4096)]
    half_a_digit = {"rel": 1.3e-4}
    assert [flops.full / 1e9 for flops in found] == pytest.approx([products, full_2048, full_4096], **half_a_digit)
    assert [flops.causal / 1e9 for flops in found] == pytest.approx(
        [products, causal_2048, causal_4096], **half_a_digit
    )


# Parameters less the input embedding and all norms.
@pytest.mark.parametrize(
    "name, in_products",
    [
        ("1.3b", 1_279_787_008),
        ("7b", 6_607_077_376),
        ("13b", 12_851_609_600),
        ("33b", 32_315_146_240),
        ("65b", 65_022_197_760),
    ],
)
def test_the_weights_in_products_are_counted_exactly(name, in_products):
    config = PRESETS[name]
    assert config.layers * block_matrix_weights(config) + 32000 * config.dimension == in_products


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
        ("NVIDIA H200", torch.float8_e4m3fn, 1979e12),
        ("NVIDIA A100-SXM4-80GB", torch.float8_e4m3fn, None),
        ("NVIDIA H200", torch.float32, None),
        ("nvidia h200", torch.bfloat16, None),
    ],
)
def test_a_peak_is_known_by_exact_name_and_precision(monkeypatch, name, dtype, peak):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda", 0), dtype) == peak


def test_a_cpu_has_no_peak():
    assert peak_flops(torch.device("cpu"), torch.bfloat16) is None
