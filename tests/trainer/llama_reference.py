"""LLaMA from the paper in forty lines of float64, sharing no code with the trainer; shapes as in trainer/model.py.

`layout` says which columns of a head are turned together: "halves" i and i + K/2 (HuggingFace), "pairs" 2i and 2i + 1
(Meta's release).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.config import TrainerConfig

Weights = Mapping[str, Tensor]


def reference_logits(weights: Weights, tokens_BT: Tensor, config: TrainerConfig, layout: str = "halves") -> Tensor:
    """Scores of the next token, (B, T, V), in the weights' precision."""
    x_BTD = weights["embedding"][tokens_BT]
    for layer in range(config.layers):
        w = {name.split(".")[-1]: weight for name, weight in weights.items() if name.startswith(f"layers.{layer}.")}
        normed_BTD = _norm(x_BTD, w["attention_norm"], config)
        x_BTD = x_BTD + _attention(normed_BTD, w["wqkv"], config, layout) @ w["wo"].T
        normed_BTD = _norm(x_BTD, w["feed_forward_norm"], config)
        gate_BTF, up_BTF = (normed_BTD @ w["w1w3"][half].T for half in range(2))
        x_BTD = x_BTD + (gate_BTF / (1 + torch.exp(-gate_BTF)) * up_BTF) @ w["w2"].T
    return _norm(x_BTD, weights["norm"], config) @ weights["output"].T


def reference_nats(weights: Weights, tokens_BT: Tensor, config: TrainerConfig) -> Tensor:
    """Nats of each next token, (B, T - 1)."""
    logits_BTV = reference_logits(weights, tokens_BT, config)[:, :-1]
    chosen_BT = logits_BTV.gather(2, tokens_BT[:, 1:, None]).squeeze(2)
    return torch.log(torch.exp(logits_BTV).sum(dim=2)) - chosen_BT


def _norm(x_BTD: Tensor, weight_D: Tensor, config: TrainerConfig) -> Tensor:
    return weight_D * x_BTD / torch.sqrt((x_BTD * x_BTD).mean(dim=2, keepdim=True) + config.norm_epsilon)


def _attention(x_BTD: Tensor, wqkv_3DD: Tensor, config: TrainerConfig, layout: str) -> Tensor:
    tokens, size = x_BTD.shape[1], config.head_size
    later_TT = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    q_BTD, k_BTD, v_BTD = (x_BTD @ wqkv_3DD[which].T for which in range(3))
    heads = []
    for head in range(config.heads):
        at = slice(head * size, (head + 1) * size)
        q_BTK, k_BTK = (turned(part[..., at], config.rope_base, layout) for part in (q_BTD, k_BTD))
        scores_BTT = torch.einsum("btk,bsk->bts", q_BTK, k_BTK) / math.sqrt(size)
        exponents_BTT = torch.exp(scores_BTT).masked_fill(later_TT, 0.0)
        heads.append(exponents_BTT / exponents_BTT.sum(dim=2, keepdim=True) @ v_BTD[..., at])
    return torch.cat(heads, dim=2)


def turned(x_BTK: Tensor, base: float, layout: str = "halves") -> Tensor:
    """Pair i of a head's columns, as a complex number, times exp(i * position * base^(-2i / K))."""
    columns = torch.arange(x_BTK.shape[2])
    first, second = columns.chunk(2) if layout == "halves" else (columns[::2], columns[1::2])
    frequencies = base ** (-torch.arange(0, len(columns), 2, dtype=torch.float64) / len(columns))
    angles_TK = torch.arange(x_BTK.shape[1], dtype=torch.float64)[:, None] * frequencies
    spun = torch.complex(x_BTK[..., first].double(), x_BTK[..., second].double()) * torch.exp(1j * angles_TK)
    out = torch.empty_like(x_BTK)
    out[..., first], out[..., second] = spun.real.to(x_BTK.dtype), spun.imag.to(x_BTK.dtype)
    return out
