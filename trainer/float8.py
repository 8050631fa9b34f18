"""Products of a layer in eight bits, each tensor scaled as a whole at the moment it is used.

Activations and weights become e4m3, of which 448 is the largest number, gradients e5m2 with 57344: more range, less
precision. A tensor's largest magnitude is scaled to its format's largest number. Products are summed in float32; the
forward one may sum in the GPU's faster, less exact way, the two of gradients may not. The output layer, the embedding
and all that is not a product stay as they are.

Source: pytorch/ao, torchao/float8, recipe "tensorwise".
Differs: plain functions instead of a tensor subclass, and a weight's gradient leaves its product in float32.

Shapes: N tokens of all sequences, R rows of a weight, D its columns.
"""

from typing import Any

import torch
from torch import Tensor

from trainer.errors import SettingsError

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
# What cuBLAS wants of the sizes of eight-bit matrices.
_SIZE_STEP = 16
_LEAST_CAPABILITY = (8, 9)
# Keeps the scale of a tensor of zeros finite.
_LEAST_MAGNITUDE = 1e-30


def check_float8(device: torch.device) -> None:
    """Raises SettingsError where the device has no eight-bit products. A CPU has them, slowly."""
    if device.type != "cuda":
        return
    capability = torch.cuda.get_device_capability(device)
    if capability < _LEAST_CAPABILITY:
        least, got = (".".join(map(str, version)) for version in (_LEAST_CAPABILITY, capability))
        name = torch.cuda.get_device_name(device)
        raise SettingsError(f"precision = float8 needs a GPU of compute capability >= {least}, {name} has {got}")


def allows_float8(x: Tensor, weight_RD: Tensor) -> bool:
    """Whether tokens, rows and columns are multiples of 16, as eight-bit products want them."""
    tokens = x.numel() // x.shape[-1]
    return all(size % _SIZE_STEP == 0 for size in (tokens, *weight_RD.shape))


def float8_linear(x: Tensor, weight_RD: Tensor, gradient_sum_RD: Tensor | None = None) -> Tensor:
    """x @ weight.T in x's precision, multiplied in eight bits; so are both gradients.

    The weight's gradient is added to `gradient_sum_RD` where there is one, else returned.
    """
    y_NR = _Float8Linear.apply(x.flatten(0, -2), weight_RD, gradient_sum_RD)
    return y_NR.view(*x.shape[:-1], -1)  # type: ignore[no-any-return]


class _Float8Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_ND: Tensor, weight_RD: Tensor, gradient_sum_RD: Tensor | None) -> Tensor:
        x_scale, weight_scale = scale_for(x_ND, E4M3), scale_for(weight_RD, E4M3)
        ctx.save_for_backward(x_ND, x_scale, weight_RD, weight_scale, gradient_sum_RD)
        x8_ND, weight8_RD = cast(x_ND, x_scale, E4M3), cast(weight_RD, weight_scale, E4M3)
        return _multiply(x8_ND, weight8_RD.t(), x_scale, weight_scale, x_ND.dtype, fast=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x_ND, x_scale, weight_RD, weight_scale, gradient_sum_RD = ctx.saved_tensors
        (gradient_NR,) = gradients
        scale = scale_for(gradient_NR, E5M2)
        gradient8_NR = cast(gradient_NR, scale, E5M2)
        # The second matrix of a product lies column by column in memory: hence two transposed copies.
        weight8_DR = cast(weight_RD, weight_scale, E4M3).t().contiguous()
        x_gradient_ND = _multiply(gradient8_NR, weight8_DR.t(), scale, weight_scale, x_ND.dtype, fast=False)
        gradient8_RN = gradient8_NR.t().contiguous()
        x8_DN = cast(x_ND, x_scale, E4M3).t().contiguous()
        if gradient_sum_RD is not None:
            add_scaled_product(gradient8_RN, x8_DN, scale, x_scale, gradient_sum_RD)
            return x_gradient_ND, None, None
        weight_gradient_RD = _multiply(gradient8_RN, x8_DN.t(), scale, x_scale, torch.float32, fast=False)
        return x_gradient_ND, weight_gradient_RD.to(weight_RD.dtype), None


def scale_for(x: Tensor, format: torch.dtype) -> Tensor:
    """What takes the tensor's largest magnitude to the format's largest number: a float32 scalar on the device."""
    magnitude = x.abs().amax().to(torch.float32).clamp(min=_LEAST_MAGNITUDE)
    return torch.finfo(format).max / magnitude


def cast(x: Tensor, scale: Tensor, format: torch.dtype) -> Tensor:
    """x * scale in the format. The largest is at most a rounding of float32 above the end of its range: at the end."""
    return (x.to(torch.float32) * scale).to(format)


def _multiply(a8: Tensor, b8: Tensor, a_scale: Tensor, b_scale: Tensor, dtype: torch.dtype, *, fast: bool) -> Tensor:
    return torch._scaled_mm(
        a8, b8, scale_a=a_scale.reciprocal(), scale_b=b_scale.reciprocal(), out_dtype=dtype, use_fast_accum=fast
    )


# An operator of its own, because a compiled backward may change no tensor but through one.
@torch.library.custom_op("tokenmill::add_scaled_product", mutates_args=("sum_RD",))
def add_scaled_product(a8_RN: Tensor, b8_DN: Tensor, a_scale: Tensor, b_scale: Tensor, sum_RD: Tensor) -> None:
    """Adds a8 @ b8.T, both scaled back, to a float32 sum in place."""
    sum_RD.add_(_multiply(a8_RN, b8_DN.t(), a_scale, b_scale, torch.float32, fast=False))


@add_scaled_product.register_fake
def _(a8_RN: Tensor, b8_DN: Tensor, a_scale: Tensor, b_scale: Tensor, sum_RD: Tensor) -> None:
    return None
