"""How fast a step was, and what share of the device's peak that is (model FLOPs utilisation, MFU).

Two conventions are printed because both are in use: FULL counts attention as if it were not causal (PaLM, the LLaMA-era
papers), CAUSAL counts only the half that is needed (Megatron-LM and MaxText now). Recomputation is never counted.
"""

from dataclasses import dataclass

import torch

from trainer.config import TrainerConfig

# Dense bfloat16 peaks in FLOP/s from the vendor's data sheets, by the exact name that the driver reports.
_BFLOAT16_PEAK = {
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA H100 80GB HBM3": 989.5e12,
    "NVIDIA H200": 989.5e12,
}


@dataclass(frozen=True, slots=True)
class FlopsPerToken:
    """Floating-point operations of one token, forward and backward."""

    full: float
    causal: float


def flops_per_token(config: TrainerConfig, vocabulary_size: int, sequence_tokens: int) -> FlopsPerToken:
    """6 * (weights in matrix products) + 12 * L * d * s, attention halved for CAUSAL; the embedding is no product."""
    layer = 4 * config.dimension**2 + 3 * config.dimension * config.feed_forward
    products = 6.0 * (config.layers * layer + vocabulary_size * config.dimension)
    attention = 12.0 * config.layers * config.dimension * sequence_tokens
    return FlopsPerToken(full=products + attention, causal=products + attention / 2)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """The device's dense peak, or None where it is not known for certain: a guess would make a false MFU."""
    if device.type != "cuda" or dtype != torch.bfloat16:
        return None
    return _BFLOAT16_PEAK.get(torch.cuda.get_device_name(device))


def utilisation(tokens_per_second: float, flops: FlopsPerToken, peak: float | None) -> dict[str, float | str]:
    """`mfu_full` and `mfu_causal` as fractions, "n/a" where the peak is not known."""
    if peak is None:
        return {"mfu_full": "n/a", "mfu_causal": "n/a"}
    return {
        "mfu_full": round(tokens_per_second * flops.full / peak, 4),
        "mfu_causal": round(tokens_per_second * flops.causal / peak, 4),
    }
