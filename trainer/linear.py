"""A product with a weight, and the sums in which gradients of bfloat16 weights are gathered in float32.

The gradient of a weight over a step's micro-batches is a sum of products. Where the weight is kept in bfloat16 (one
GPU), each product goes straight into a float32 sum, by one matrix multiplication where the device has it, so that
neither the sum nor a product is rounded to bfloat16, and no matrix's gradient is ever held beside its sum.

Shapes: M, N rows and columns of a product, K what is summed over; R rows of a weight, D its columns.
"""

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.float8 import allows_float8, float8_linear
from trainer.progress import Say


def linear(x: Tensor, weight: Tensor, *, float8: bool = False) -> Tensor:
    """x @ weight.T over x's last dimension, in x's precision; a weight (..., D) counts as a matrix of its rows.

    Where the weight has a gradient sum (`keep_gradient_sums`) its gradient is added there and `.grad` stays None. The
    sum is found on the parameter, so it is the parameter that has to be given, not a view or a copy of it.
    `float8` multiplies in eight bits where the sizes allow it (`trainer.float8`).
    """
    matrix_RD = weight.flatten(0, -2).to(x.dtype)
    gradient_sum = getattr(weight, "gradient_sum", None)
    gradient_sum_RD = None if gradient_sum is None else gradient_sum.flatten(0, -2)
    if float8 and allows_float8(x, matrix_RD):
        return float8_linear(x, matrix_RD, gradient_sum_RD)
    if gradient_sum_RD is None:
        return F.linear(x, matrix_RD)
    return _LinearIntoSum.apply(x, matrix_RD, gradient_sum_RD)  # type: ignore[no-any-return]


class _LinearIntoSum(torch.autograd.Function):
    """The weight gets no gradient: it is in the sum by then."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_RD: Tensor, gradient_sum_RD: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight_RD)
        # Not among what is saved, which nothing may change before it is used: other backwards add to the sum.
        ctx.gradient_sum_RD = gradient_sum_RD
        return F.linear(x, weight_RD)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        x, weight_RD = ctx.saved_tensors
        (gradient,) = gradients
        add_weight_gradient(gradient, x, ctx.gradient_sum_RD)
        return gradient @ weight_RD if ctx.needs_input_grad[0] else None, None, None


# An operator of its own, because a compiled backward may change no tensor but through one.
@torch.library.custom_op("tokenmill::add_weight_gradient", mutates_args=("gradient_sum_RD",))
def add_weight_gradient(gradient: Tensor, x: Tensor, gradient_sum_RD: Tensor) -> None:
    """Adds gradient.T @ x, over all but their last dimensions, to the sum in place."""
    add_product(gradient_sum_RD, gradient.flatten(0, -2).t(), x.flatten(0, -2))


@add_weight_gradient.register_fake
def _(gradient: Tensor, x: Tensor, gradient_sum_RD: Tensor) -> None:
    return None


def product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    """a @ b in at least float32: a product of bfloat16 matrices as it was summed, not rounded to bfloat16.

    On a GPU that cannot, rounded. A CPU multiplies in float32, which it does no slower.
    """
    if a_MK.dtype != torch.bfloat16:
        return a_MK @ b_KN
    if sums_in_float32(a_MK.device):
        return torch.mm(a_MK, b_KN, out_dtype=torch.float32)
    if a_MK.device.type == "cpu":
        return a_MK.float() @ b_KN.float()
    return (a_MK @ b_KN).float()


def add_product(sum_MN: Tensor, a_MK: Tensor, b_KN: Tensor) -> None:
    """Adds a @ b to a sum in at least float32, in place: bfloat16 matrices in one go where the device can."""
    if a_MK.dtype == torch.bfloat16 and sums_in_float32(a_MK.device):
        torch.addmm(sum_MN, a_MK, b_KN, out_dtype=torch.float32, out=sum_MN)
    else:
        sum_MN.add_(product(a_MK, b_KN))


@functools.cache
def sums_in_float32(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices into a float32 sum, rightly: tried once, on random data."""
    generator = torch.Generator().manual_seed(0)
    a_MK, b_KN = (torch.randn(64, 64, generator=generator).to(torch.bfloat16) for _ in range(2))
    wanted_MN = 1 + a_MK.double() @ b_KN.double()
    sum_MN = torch.ones(64, 64, device=device)
    a_MK, b_KN = a_MK.to(device), b_KN.to(device)
    try:
        torch.addmm(sum_MN, a_MK, b_KN, out_dtype=torch.float32, out=sum_MN)
        product_MN = torch.mm(a_MK, b_KN, out_dtype=torch.float32)
    except (NotImplementedError, RuntimeError, TypeError):
        return False
    # A result that went through bfloat16 is off by up to 0.06 here.
    return all((got.double().cpu() - wanted_MN).abs().max().item() < 1e-3 for got in (sum_MN, product_MN + 1))


def keep_gradient_sums(model: nn.Module, say: Say | None = None) -> None:
    """Gives each weight of the model a float32 sum of its gradients, `weight.gradient_sum`, that starts at zero.

    What is not multiplied by `linear` (norms, the embedding) is given a gradient first, in its own precision; it is
    moved into the sum as soon as it is there. Says so once where the device cannot add a product to a float32 sum.
    """
    for weight in model.parameters():
        weight.gradient_sum = torch.zeros_like(weight, dtype=torch.float32)  # type: ignore[attr-defined]
        weight.register_post_accumulate_grad_hook(_move_into_sum)  # type: ignore[no-untyped-call]
    device = next(model.parameters()).device
    if say is not None and device.type != "cpu" and not sums_in_float32(device):
        say("gradients: this device rounds each product to bfloat16 before it is summed in float32")


def _move_into_sum(weight: Tensor) -> None:
    if weight.grad is not None:
        weight.gradient_sum.add_(weight.grad)  # type: ignore[attr-defined]
        weight.grad = None


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """The gradient of each weight by name: its float32 sum where it has one, else `.grad`, zero where there is none."""
    found = {}
    for name, weight in model.named_parameters():
        gradient = getattr(weight, "gradient_sum", weight.grad)
        found[name] = torch.zeros_like(weight) if gradient is None else gradient
    return found


def clear_gradients(model: nn.Module) -> None:
    """Sets all gradients to zero."""
    for weight in model.parameters():
        weight.grad = None
        if hasattr(weight, "gradient_sum"):
            weight.gradient_sum.zero_()
