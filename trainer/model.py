"""LLaMA as plain functions over a dictionary of weights.

Shapes are named in suffixes: B sequences, T tokens, D dimension, H heads, K head size, F feed-forward, V vocabulary,
L layers; P = 3 * D is the fused query, key and value, G = 2 * F the fused gate and up.

Pre-norm RMSNorm, rotary embedding, SwiGLU, no bias, input and output embeddings not tied, causal attention over the
whole sequence: documents packed in one sequence see each other, since the paper speaks of no mask between them.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.config import TrainerConfig

Weights = dict[str, Tensor]


class Rope(NamedTuple):
    """Cosine and sine of every position's angle, for the first half of a head's columns."""

    cos_TK: Tensor
    sin_TK: Tensor

    def first(self, tokens: int) -> "Rope":
        """Of the first positions: a shorter sequence's are a longer one's."""
        return Rope(self.cos_TK[:tokens], self.sin_TK[:tokens])


def weight_shapes(config: TrainerConfig, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
    """Each weight's name and shape, in the order in which they are drawn and stored."""
    width, inner = config.dimension, config.feed_forward
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, width)}
    for layer in range(config.layers):
        shapes |= {
            f"layers.{layer}.attention_norm": (width,),
            f"layers.{layer}.wqkv": (3 * width, width),
            f"layers.{layer}.wo": (width, width),
            f"layers.{layer}.feed_forward_norm": (width,),
            f"layers.{layer}.w1w3": (2 * inner, width),
            f"layers.{layer}.w2": (width, inner),
        }
    return shapes | {"norm": (width,), "output": (vocabulary_size, width)}


def initial_weights(config: TrainerConfig, vocabulary_size: int, *, seed: int, device: str = "cpu") -> Weights:
    """Float32 weights: norms are one, matrices normal with `initial_std`, and those that write to the residual
    narrower by sqrt(2 * layers), as in GPT-2. Drawn on the CPU, so that a seed means the same weights on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for name, shape in weight_shapes(config, vocabulary_size).items():
        if device == "meta":
            weights[name] = torch.empty(shape, device=device)
        elif len(shape) == 1:
            weights[name] = torch.ones(shape, device=device)
        else:
            narrower = math.sqrt(2 * config.layers) if name.endswith(("wo", "w2")) else 1.0
            weight = torch.empty(shape).normal_(0.0, config.initial_std / narrower, generator=generator)
            weights[name] = weight.to(device)
    return weights


def count_parameters(weights: Weights) -> int:
    """How many numbers the model learns."""
    return sum(weight.numel() for weight in weights.values())


def rope_table(config: TrainerConfig, tokens: int, device: str | torch.device = "cpu") -> Rope:
    """Angles position * base^(-2i / head size), worked out in float64."""
    columns_K = torch.arange(0, config.head_size, 2, dtype=torch.float64)
    frequency_K = config.rope_base ** (-columns_K / config.head_size)
    angle_TK = torch.outer(torch.arange(tokens, dtype=torch.float64), frequency_K)
    return Rope(angle_TK.cos().to(device), angle_TK.sin().to(device))


def rotate(x_BHTK: Tensor, rope: Rope) -> Tensor:
    """Turns column i and column i + K/2 by the position's angle (the half layout of HuggingFace; Meta's release pairs
    columns 2i and 2i + 1, the same model with the rows of wq and wk permuted). At least float32 inside.
    """
    wide = torch.promote_types(x_BHTK.dtype, torch.float32)
    first, second = x_BHTK.to(wide).chunk(2, dim=-1)
    cos_TK, sin_TK = rope.cos_TK.to(wide), rope.sin_TK.to(wide)
    turned = torch.cat((first * cos_TK - second * sin_TK, second * cos_TK + first * sin_TK), dim=-1)
    return turned.to(x_BHTK.dtype)


def rms_norm(x_BTD: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
    """x / rms(x) * weight, in at least float32; the weight is applied before the result is cast back."""
    wide = torch.promote_types(x_BTD.dtype, torch.float32)
    x = x_BTD.to(wide)
    scaled = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)
    return (scaled * weight_D.to(wide)).to(x_BTD.dtype)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T in x's precision: weights stay float32, and so do their gradients."""
    return F.linear(x, weight.to(x.dtype))


def attention(x_BTD: Tensor, wqkv_PD: Tensor, wo_DD: Tensor, rope: Rope, heads: int) -> Tensor:
    """Causal attention of all heads."""
    batch, tokens, width = x_BTD.shape
    qkv_BTP = linear(x_BTD, wqkv_PD)
    q_BHTK, k_BHTK, v_BHTK = qkv_BTP.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    mixed_BHTK = F.scaled_dot_product_attention(rotate(q_BHTK, rope), rotate(k_BHTK, rope), v_BHTK, is_causal=True)
    return linear(mixed_BHTK.transpose(1, 2).reshape(batch, tokens, width), wo_DD)


def feed_forward(x_BTD: Tensor, w1w3_GD: Tensor, w2_DF: Tensor) -> Tensor:
    """SwiGLU: w2(silu(w1 x) * w3 x)."""
    gate_BTF, up_BTF = linear(x_BTD, w1w3_GD).chunk(2, dim=-1)
    return linear(F.silu(gate_BTF) * up_BTF, w2_DF)


def hidden_states(weights: Weights, tokens_BT: Tensor, rope: Rope, config: TrainerConfig, dtype: torch.dtype) -> Tensor:
    """The last layer's normed output, (B, T, D), computed in `dtype`."""
    x_BTD = F.embedding(tokens_BT, weights["embedding"]).to(dtype)
    for layer in range(config.layers):
        at = f"layers.{layer}."
        normed_BTD = rms_norm(x_BTD, weights[at + "attention_norm"], config.norm_epsilon)
        x_BTD = x_BTD + attention(normed_BTD, weights[at + "wqkv"], weights[at + "wo"], rope, config.heads)
        normed_BTD = rms_norm(x_BTD, weights[at + "feed_forward_norm"], config.norm_epsilon)
        x_BTD = x_BTD + feed_forward(normed_BTD, weights[at + "w1w3"], weights[at + "w2"])
    return rms_norm(x_BTD, weights["norm"], config.norm_epsilon)


def logits(weights: Weights, tokens_BT: Tensor, rope: Rope, config: TrainerConfig, dtype: torch.dtype) -> Tensor:
    """Scores of the next token at every position, (B, T, V), in `dtype`."""
    return linear(hidden_states(weights, tokens_BT, rope, config, dtype), weights["output"])


def sequence_losses(
    weights: Weights, tokens_BT: Tensor, rope: Rope, config: TrainerConfig, dtype: torch.dtype
) -> Tensor:
    """Summed cross entropy in nats of each sequence's T - 1 predictions, (B,), in at least float32.

    All T tokens go through the layers, so that attention sees the round length its kernels want.
    """
    hidden_BTD = hidden_states(weights, tokens_BT, rope, config, dtype)[:, :-1]
    targets_BT = tokens_BT[:, 1:]
    logits_BTV = linear(hidden_BTD, weights["output"])
    wide = torch.promote_types(dtype, torch.float32)
    losses = F.cross_entropy(logits_BTV.flatten(0, 1).to(wide), targets_BT.flatten(), reduction="none")
    return losses.view_as(targets_BT).sum(dim=1)
