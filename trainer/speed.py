"""How fast a step was, and what share of the device's peak that is (model FLOPs utilisation, MFU).

Two conventions are printed because both are in use: FULL counts attention as if it were not causal (PaLM, the LLaMA-era
papers), CAUSAL counts only the half that is needed (Megatron-LM and MaxText now). Recomputation is never counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from trainer.config import TrainerConfig

# Dense peaks in FLOP/s from the vendor's data sheets, by the exact name that the driver reports. A chip of another form
# (PCIe, NVL, a smaller memory) has other clocks and another peak: a name that is not here has none.
PEAKS: Mapping[torch.dtype, Mapping[str, float]] = MappingProxyType(
    {
        torch.bfloat16: {
            "NVIDIA A100-SXM4-40GB": 312e12,
            "NVIDIA A100-SXM4-80GB": 312e12,
            "NVIDIA A100 80GB PCIe": 312e12,
            "NVIDIA H100 80GB HBM3": 989.5e12,
            "NVIDIA H200": 989.5e12,
        },
        torch.float8_e4m3fn: {"NVIDIA H100 80GB HBM3": 1979e12, "NVIDIA H200": 1979e12},
    }
)


@dataclass(frozen=True, slots=True)
class FlopsPerToken:
    """Floating-point operations of one token, forward and backward."""

    full: float
    causal: float


def block_matrix_weights(config: TrainerConfig) -> int:
    """Weights of one layer that take part in matrix products: all but its two norms."""
    return 4 * config.dimension**2 + 3 * config.dimension * config.feed_forward


def flops_per_token(config: TrainerConfig, vocabulary_size: int, sequence_tokens: int) -> FlopsPerToken:
    """6 * (weights in matrix products) + 12 * L * d * s, attention halved for CAUSAL; the embedding is no product."""
    products = 6.0 * (config.layers * block_matrix_weights(config) + vocabulary_size * config.dimension)
    attention = 12.0 * config.layers * config.dimension * sequence_tokens
    return FlopsPerToken(full=products + attention, causal=products + attention / 2)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """The device's dense peak, or None where it is not known for certain: a guess would make a false MFU."""
    if device.type != "cuda":
        return None
    return PEAKS.get(dtype, {}).get(torch.cuda.get_device_name(device))


def utilisation(tokens_per_second: float, flops: FlopsPerToken, peak: float | None) -> dict[str, float | str]:
    """`mfu_full` and `mfu_causal` as fractions, "n/a" where the peak is not known."""
    if peak is None:
        return {"mfu_full": "n/a", "mfu_causal": "n/a"}
    return {
        "mfu_full": round(tokens_per_second * flops.full / peak, 4),
        "mfu_causal": round(tokens_per_second * flops.causal / peak, 4),
    }
