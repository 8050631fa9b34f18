"""Parts of a step alone: products, attention by backend, the update, the loss, a copy. One JSON object.

python -m benchmarks.gpu_kernels --preset 7b --tokens 8192
"""

import json
from typing import Any

import click
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainer.config import PRESETS, TrainerConfig
from trainer.hardware import device_facts, versions
from trainer.loss import cross_entropy
from trainer.optimizer import adamw_step, initial_optimizer
from trainer.probe import probe, seconds_of

BACKENDS = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
SEQUENCE_TOKENS = 2048
_MATH_TOKENS = 2048  # It forms all weights: more would not fit beside the rest.


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="7b")
@click.option("--tokens", type=int, default=8192, help="That go together, in sequences of 2,048.")
@click.option("--vocabulary-size", type=int, default=32_000)
@click.option("--seconds", type=float, default=0.5, help="About how long to repeat each.")
@click.option("--device", default="cuda")
def main(preset: str, tokens: int, vocabulary_size: int, seconds: float, device: str) -> None:
    """Measure each kind of work that a step is made of."""
    config, where = PRESETS[preset], torch.device(device, 0) if device == "cuda" else torch.device(device)
    dtype = torch.bfloat16
    found = {
        "device": device_facts(where),
        "versions": versions(),
        "preset": preset,
        "products": probe(config, vocabulary_size, tokens=tokens, device=where, dtype=dtype, seconds=seconds),
        "attention": attention(config, tokens, where, seconds),
        "update": update(config, where, seconds),
        "loss": loss(config, vocabulary_size, tokens, where, seconds),
    }
    click.echo(json.dumps(found))


def attention(config: TrainerConfig, tokens: int, device: torch.device, seconds: float) -> dict[str, Any]:
    """By backend: FLOP/s forward and backward, the causal half alone counted; "n/a" where it does not run here."""
    return {name: _attention_rates(name, config, tokens, device, seconds) for name in BACKENDS}


def _attention_rates(name: str, config: TrainerConfig, tokens: int, device: torch.device, seconds: float) -> Any:
    length = min(SEQUENCE_TOKENS, tokens)
    count = max(1, (min(tokens, _MATH_TOKENS) if name == "math" else tokens) // length)
    shape = (count, length, config.heads, config.head_size)
    inputs = [torch.randn(shape, device=device, dtype=torch.bfloat16).transpose(1, 2) for _ in range(4)]
    q, k, v, upstream = inputs
    qkv = (q, k, v)
    for tensor in qkv:
        tensor.requires_grad_()
    flops = 2.0 * count * length**2 * config.dimension  # Two products forward, four times T * T / 2 * D in all.

    def forward() -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    try:
        with sdpa_kernel(BACKENDS[name]):
            ahead = seconds_of(forward, device, seconds)
            both = seconds_of(lambda: torch.autograd.grad(forward(), qkv, upstream), device, seconds)
    except RuntimeError as error:
        return f"n/a: {str(error).splitlines()[0]}"
    # Backward has five products where forward has two, one of them computed again; 2.5 is how papers count it.
    return {"forward": round(flops / ahead), "backward": round(2.5 * flops / max(both - ahead, 1e-9))}


def update(config: TrainerConfig, device: torch.device, seconds: float) -> dict[str, Any]:
    """Of one layer's feed-forward weight as it is trained on one GPU: seconds, and bytes/s of 30 bytes a parameter."""
    weight = torch.randn(2 * config.feed_forward, config.dimension, device=device).to(torch.bfloat16)
    weights, gradients = {"w1w3": weight}, {"w1w3": torch.randn(weight.shape, device=device)}
    state = initial_optimizer(weights)
    one, true = torch.ones((), device=device), torch.ones((), device=device, dtype=torch.bool)

    def step() -> None:
        adamw_step(weights, gradients, state, clip=one, apply=true, learning_rate=1e-4, config=config)

    taken = seconds_of(step, device, seconds)
    # Weight, remainder and moments are read and written, the gradient is read.
    moved = weight.numel() * (2 * (2 + 2 + 4 + 4) + 4)
    return {"parameters": weight.numel(), "seconds": taken, "bytes_per_second": round(moved / taken)}


def loss(
    config: TrainerConfig, vocabulary_size: int, tokens: int, device: torch.device, seconds: float
) -> dict[str, Any]:
    """Of the loss with its gradients: seconds, and FLOP/s of its three products."""
    hidden_BTD = torch.randn(1, tokens, config.dimension, device=device).to(torch.bfloat16).requires_grad_()
    weight_VD = torch.randn(vocabulary_size, config.dimension, device=device).to(torch.bfloat16).requires_grad_()
    targets_BT = torch.randint(vocabulary_size, (1, tokens), device=device)

    def step() -> None:
        found = cross_entropy(
            hidden_BTD, weight_VD, targets_BT, scale=1.0 / tokens, z_loss=0.0, compiled=device.type == "cuda"
        )
        found.total.backward()  # type: ignore[no-untyped-call]
        hidden_BTD.grad = weight_VD.grad = None

    taken = seconds_of(step, device, seconds)
    flops = 6.0 * tokens * vocabulary_size * config.dimension
    return {"tokens": tokens, "seconds": taken, "flops_per_second": round(flops / taken)}


if __name__ == "__main__":
    main()
