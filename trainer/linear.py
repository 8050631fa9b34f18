"""A product with a weight, and the sums in which gradients of bfloat16 weights are gathered in float32.

The gradient of a weight over a step's micro-batches is a sum of products. Where the weight is kept in bfloat16 (one
GPU), each product goes straight into a float32 sum, by one matrix multiplication where the device has it, so that
neither the sum nor a product is rounded to bfloat16, and no gradient in bfloat16 is ever held.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.progress import Say


def linear(x: Tensor, weight: Tensor, *, float8: bool = False) -> Tensor:
    """x @ weight.T over x's last dimension, in x's precision; a weight (..., D) counts as a matrix of its rows.

    Where the weight has a gradient sum (`keep_gradient_sums`) its gradient is added there and `.grad` stays None. May
    be compiled as one graph; sums have to be there before the first call of what is compiled.
    """
    matrix = weight.flatten(0, -2).to(x.dtype)
    gradient_sum = getattr(weight, "gradient_sum", None)
    if gradient_sum is None:
        return F.linear(x, matrix)
    return _LinearIntoSum.apply(x, matrix, gradient_sum.flatten(0, -2))  # type: ignore[no-any-return]


class _LinearIntoSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, gradient_sum):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, weight, gradient_sum)
        return F.linear(x, weight)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        x, weight, gradient_sum = ctx.saved_tensors
        add_weight_gradient(gradient, x, gradient_sum)
        return gradient @ weight if ctx.needs_input_grad[0] else None, None, None


@torch.library.custom_op("tokenmill::add_weight_gradient", mutates_args=("gradient_sum",))
def add_weight_gradient(gradient: Tensor, x: Tensor, gradient_sum: Tensor) -> None:
    """Adds gradient.T @ x, summed over all but the last dimensions, to a float32 (rows, D) in place."""
    gradient, x = gradient.flatten(0, -2), x.flatten(0, -2)
    gradient_sum.add_(gradient.t().float() @ x.float())


@add_weight_gradient.register_fake
def _(gradient: Tensor, x: Tensor, gradient_sum: Tensor) -> None:
    return None


def keep_gradient_sums(model: nn.Module, say: Say | None = None) -> None:
    """Gives each weight of the model a float32 sum of its gradients, `weight.gradient_sum`, that starts at zero."""
    for weight in model.parameters():
        weight.gradient_sum = torch.zeros_like(weight, dtype=torch.float32)  # type: ignore[attr-defined]
        weight.register_post_accumulate_grad_hook(_move_into_sum)  # type: ignore[no-untyped-call]


def _move_into_sum(weight: Tensor) -> None:
    weight.gradient_sum.add_(weight.grad)  # type: ignore[attr-defined]
    weight.grad = None


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """The gradient of each weight by name: its float32 sum where it has one, else `.grad`."""
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
