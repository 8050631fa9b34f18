"""AdamW, its learning rate and the bound on the gradient. Nothing here waits for the device.

What depends on the data (the gradient's norm, whether a step is taken, how many were) stays in tensors on the device.
The arithmetic stands here in plain torch, and as one kernel in `trainer.adamw_kernel` with the same bits: every
multiplication, addition, division and root is rounded by itself, so no fused operation (lerp, addcmul) has a place.
"""

import functools
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from trainer.config import TrainerConfig
from trainer.masters import join, split
from trainer.parallel import local

Tensors = Mapping[str, Tensor]
Update = Callable[[Tensor, Tensor | None, Tensor, Tensor, Tensor, Tensor, bool], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerState:
    """Running means of each weight's gradient and of its square, and the number of updates made, all changed in place.

    `remainder` holds what rounding took off weights that are kept in bfloat16 (`trainer.masters`), and only theirs.
    """

    first: dict[str, Tensor]
    second: dict[str, Tensor]
    remainder: dict[str, Tensor]
    updates: Tensor


def initial_optimizer(weights: Tensors) -> OptimizerState:
    """Zeros, laid out like the weights; moments in float32, in float64 for weights of that."""

    def zeros(weight: Tensor) -> Tensor:
        return torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32), requires_grad=False)

    with torch.no_grad():
        return OptimizerState(
            first={name: zeros(weight) for name, weight in weights.items()},
            second={name: zeros(weight) for name, weight in weights.items()},
            remainder={
                name: torch.zeros_like(weight, dtype=torch.int16, requires_grad=False)
                for name, weight in weights.items()
                if weight.dtype == torch.bfloat16
            },
            updates=torch.zeros((), dtype=torch.int64, device=next(iter(weights.values())).device),
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
def gradient_norm(gradients: Tensors) -> Tensor:
    """The common norm of all gradients, float64; where they lie on many processes each calls and gets the same bits."""
    world = dist.get_world_size() if any(isinstance(gradient, DTensor) for gradient in gradients.values()) else 1
    norms: dict[int, list[Tensor]] = {}
    # In order of name: a checkpoint gives weights in another order than they were made in, and sums hang on theirs.
    for name in sorted(gradients):
        part = local(gradients[name])
        norm = torch.linalg.vector_norm(part, dtype=torch.promote_types(part.dtype, torch.float32))
        norms.setdefault(world // _parts(gradients[name]), []).append(norm)
    squares = [torch.stack(some).double().square().sum() / copies for copies, some in sorted(norms.items())]
    total = torch.stack(squares).sum()
    if world > 1:
        dist.all_reduce(total)
    return total.sqrt()


def _parts(gradient: Tensor) -> int:
    """Into how many parts a gradient is cut; every part lies on as many processes."""
    if not isinstance(gradient, DTensor):
        return 1
    if any(placement.is_partial() for placement in gradient.placements):
        raise ValueError(f"gradients must be summed before their norm is taken, got {gradient.placements}")
    cuts = zip(gradient.device_mesh.shape, gradient.placements, strict=True)
    return math.prod(size for size, placement in cuts if not placement.is_replicate())


def clip_scale(norm: Tensor, max_norm: float) -> Tensor:
    """What gradients of a norm are to be multiplied by, for a norm of at most `max_norm`."""
    return (max_norm / norm).clamp(max=1.0)


@torch.no_grad()
def adamw_step(
    weights: Tensors,
    gradients: Tensors,
    state: OptimizerState,
    *,
    clip: Tensor,
    apply: Tensor,
    learning_rate: float,
    config: TrainerConfig,
) -> None:
    """One AdamW update in place by the gradients times `clip`, or none where `apply` is false, whatever they hold.

    Source: Loshchilov and Hutter 2019, algorithm 2; Kingma and Ba 2015, the order of operations that ends section 2.
    Differs: weight decay is on matrices only, embeddings among them, and not on norms: the LLaMA paper does not say.
    `clip` and `apply` are scalars on the weights' device. Gradients stay as they are.
    """
    apply = apply.bool()
    if apply.is_cpu and not apply:
        return
    numbers = _coefficients(state, clip, apply, learning_rate, config)
    for name, weight in weights.items():
        parts = (local(gradients[name]), local(state.first[name]), local(state.second[name]))
        remainder = state.remainder.get(name)
        update = _update_for(local(weight), remainder, *parts)
        update(local(weight), remainder, *parts, numbers, weight.ndim >= 2)
    state.updates.add_(apply)


def _coefficients(
    state: OptimizerState, clip: Tensor, apply: Tensor, learning_rate: float, config: TrainerConfig
) -> Tensor:
    """The eight numbers of an update that `plain_update` names, in the moments' precision, worked out in float64.

    The bias corrections are drawn into epsilon and divisor: one root and one product fewer for each weight.
    """
    updates = (state.updates + 1).double()
    first_correction = 1.0 - torch.pow(config.beta1, updates)
    root = (1.0 - torch.pow(config.beta2, updates)).sqrt()
    one = torch.ones_like(updates)
    numbers_and_idle = (
        (one * clip * (1.0 - config.beta1), 0.0),
        (one * config.beta1, 1.0),
        (one * ((1.0 - config.beta2) / (1.0 - config.beta1) ** 2), 0.0),
        (one * config.beta2, 1.0),
        (root * config.adam_epsilon, math.inf),
        (first_correction / (root * learning_rate), 1.0),
        (one * (1.0 - learning_rate * config.weight_decay), 1.0),
        (one, 0.0),
    )
    # Filled, not chosen by an index or read: that would wait for the device.
    filled = [number.masked_fill(~apply, idle) for number, idle in numbers_and_idle]
    return torch.stack(filled).to(next(iter(state.first.values())).dtype)


@torch.no_grad()
def plain_update(
    weight: Tensor,
    remainder: Tensor | None,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    coefficients: Tensor,
    decays: bool,
) -> None:
    """The update of one weight, in place: what the kernel is tested by, and what runs where there is none.

    The gradient comes in times 1 - beta1, as the first moment takes it; `square_share` makes up for it in the second.
    """
    numbers = coefficients.unbind()
    gradient_scale, first_kept, square_share, second_kept, epsilon, divisor, weight_kept, is_applied = numbers
    work = gradient.to(first.dtype) * gradient_scale
    if not work.is_cpu:
        # Filled, not multiplied by zero: a gradient that is skipped may be no number. A CPU never comes here to skip.
        work.masked_fill_(~is_applied.bool(), 0.0)
    first.mul_(first_kept).add_(work)
    second.mul_(second_kept).add_(work.mul_(work).mul_(square_share))
    _root_into(work, second).add_(epsilon).mul_(divisor)
    master = weight if remainder is None else join(weight, remainder)
    if decays:
        master.mul_(weight_kept)
    master.addcdiv_(first, work, value=-1.0)  # With -1 there is no product to be fused into the sum.
    if remainder is not None:
        for half, changed in zip((weight, remainder), split(master), strict=True):
            half.copy_(changed)


def _root_into(root: Tensor, square: Tensor) -> Tensor:
    """The root, rounded as IEEE 754 asks: torch's is so on a GPU; on a CPU MKL's is one unit off every sixth time."""
    if square.is_cpu:
        np.sqrt(square.numpy(), out=root.numpy())
    else:
        torch.sqrt(square, out=root)
    return root


def _update_for(weight: Tensor, *others: Tensor | None) -> Update:
    """The kernel where it runs and can read the tensors, the plain update elsewhere."""
    if weight.is_cuda and weight.dtype != torch.float64:
        kernel = _proven_kernel(weight.device)
        if kernel and all(tensor is None or tensor.is_contiguous() for tensor in (weight, *others)):
            return kernel
    return plain_update


@functools.cache
def _proven_kernel(device: torch.device) -> Update | None:
    """The kernel, once it has given the plain update's bits on the device; else None, and one warning says why."""
    try:
        from trainer import adamw_kernel
    except ImportError as error:
        problem = str(error)
    else:
        problem = adamw_kernel.find_problem(plain_update, device)
        if not problem:
            return adamw_kernel.kernel_update
    _log.warning("AdamW runs in plain torch, slower but with the same bits: %s", problem)
    return None
