"""AdamW, its learning rate and the bound on the gradient, in plain torch: the arithmetic to test faster ones by."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.config import TrainerConfig

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Running means of each weight's gradient and of its square."""

    first: Tensors
    second: Tensors


def initial_moments(weights: Tensors) -> Moments:
    """Zeros in the shape of the weights."""
    return Moments(
        first={name: torch.zeros_like(weight) for name, weight in weights.items()},
        second={name: torch.zeros_like(weight) for name, weight in weights.items()},
    )


def learning_rate_at(step: int, config: TrainerConfig) -> float:
    """The rate of step 1, 2, … steps: linear warm-up to the peak at `warmup_steps`, then a cosine down to
    `min_learning_rate_fraction` of it at the last step. The paper does not give the warm-up's shape.
    """
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    lowest = config.learning_rate * config.min_learning_rate_fraction
    progress = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
    return lowest + (config.learning_rate - lowest) * 0.5 * (1.0 + math.cos(math.pi * progress))


@torch.no_grad()
def clip_gradients(gradients: Tensors, max_norm: float) -> Tensor:
    """Scales all gradients so that their common norm is at most `max_norm`; returns the norm before."""
    # In order of name: a checkpoint gives weights in another order than they were made in, and sums hang on theirs.
    norms = torch.stack([torch.linalg.vector_norm(gradients[name]) for name in sorted(gradients)])
    norm: Tensor = torch.linalg.vector_norm(norms)
    scale = (max_norm / norm).clamp(max=1.0)
    for gradient in gradients.values():
        gradient.mul_(scale)
    return norm


@torch.no_grad()
def adamw_step(
    weights: Tensors, gradients: Tensors, moments: Moments, *, step: int, learning_rate: float, config: TrainerConfig
) -> None:
    """One AdamW update in place; `step` counts from 1.

    Weight decay is on matrices only, embeddings among them, and not on norms: the paper does not say.
    """
    first_correction = 1.0 - config.beta1**step
    second_correction = 1.0 - config.beta2**step
    for name, weight in weights.items():
        gradient, first, second = gradients[name], moments.first[name], moments.second[name]
        first.lerp_(gradient, 1.0 - config.beta1)
        second.mul_(config.beta2).addcmul_(gradient, gradient, value=1.0 - config.beta2)
        if weight.ndim >= 2:
            weight.mul_(1.0 - learning_rate * config.weight_decay)
        spread = second.sqrt().div_(math.sqrt(second_correction)).add_(config.adam_epsilon)
        weight.addcdiv_(first, spread, value=-learning_rate / first_correction)
