"""AdamW's update of one weight as one Triton kernel: each number is read once and written once.

The arithmetic, and its names, are those of `trainer.optimizer.plain_update`, with the same bits: products and sums are
not fused, root and quotient are rounded as IEEE 754 asks. Of a weight it moves 28 bytes: bfloat16 half, remainder and
both moments are read and written, the gradient is read.
"""

import subprocess
from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

from trainer.masters import join, split

Update = Callable[[Tensor, Tensor | None, Tensor, Tensor, Tensor, Tensor, bool], None]

_BLOCK = 1024  # Eight numbers a thread: loads of sixteen bytes, also of the halves.
_OPTIONS = {"enable_fp_fusion": False, "num_warps": 4}


@triton.jit  # type: ignore[untyped-decorator]
def _adamw(  # type: ignore[no-untyped-def]
    weight_at,
    remainder_at,
    gradient_at,
    first_at,
    second_at,
    coefficients_at,
    elements,
    IS_SPLIT: tl.constexpr,
    DECAYS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One block of a weight; in the split layout `weight_at` is of the bfloat16's bits as int16."""
    if tl.load(coefficients_at + 7) != 0.0:
        at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = at < elements
        gradient = tl.load(gradient_at + at, mask=inside).to(tl.float32) * tl.load(coefficients_at)
        first = tl.load(first_at + at, mask=inside) * tl.load(coefficients_at + 1) + gradient
        square = gradient * gradient * tl.load(coefficients_at + 2)
        second = tl.load(second_at + at, mask=inside) * tl.load(coefficients_at + 3) + square
        tl.store(first_at + at, first, mask=inside)
        tl.store(second_at + at, second, mask=inside)
        spread = (tl.sqrt_rn(second) + tl.load(coefficients_at + 4)) * tl.load(coefficients_at + 5)
        master = tl.load(weight_at + at, mask=inside)
        if IS_SPLIT:
            bits = (master.to(tl.int32) << 16) + tl.load(remainder_at + at, mask=inside).to(tl.int32)
            master = bits.to(tl.float32, bitcast=True)
        if DECAYS:
            master = master * tl.load(coefficients_at + 6)
        master = master - tl.div_rn(first, spread)
        if IS_SPLIT:
            bits = master.to(tl.int32, bitcast=True)
            tl.store(weight_at + at, ((bits + 0x8000) >> 16).to(tl.int16), mask=inside)
            tl.store(remainder_at + at, bits.to(tl.int16), mask=inside)
        else:
            tl.store(weight_at + at, master, mask=inside)


@torch.no_grad()
def kernel_update(
    weight: Tensor,
    remainder: Tensor | None,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    coefficients: Tensor,
    decays: bool,
) -> None:
    """What `plain_update` does, for contiguous tensors: float32 weights, or bfloat16 ones with their remainder."""
    is_split, elements = remainder is not None, weight.numel()
    for tensor in (gradient, first, second, *((remainder,) if remainder is not None else ())):
        if tensor.numel() != elements:
            raise ValueError(f"gradient, moments and remainder must have the weight's {elements} numbers")
    if elements:
        _adamw[(triton.cdiv(elements, _BLOCK),)](
            weight.view(torch.int16) if is_split else weight,
            remainder if is_split else weight,
            gradient,
            first,
            second,
            coefficients,
            elements,
            IS_SPLIT=is_split,
            DECAYS=decays,
            BLOCK=_BLOCK,
            **_OPTIONS,
        )


def find_problem(oracle: Update, device: torch.device) -> str:
    """Why a device is not to use the kernel: it does not run there, or gives other bits than `oracle`; else nothing."""
    try:
        same = _agrees(oracle, device, is_split=False) and _agrees(oracle, device, is_split=True)
    # KeyError: options that a backend does not know. The others: no compiler, no driver, no such instruction.
    except (triton.TritonError, RuntimeError, ValueError, OSError, KeyError, subprocess.CalledProcessError) as error:
        return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return "" if same else "the kernel gives other bits"


def _agrees(oracle: Update, device: torch.device, *, is_split: bool) -> bool:
    """Whether two updates of some random numbers come out the same."""
    generator = torch.Generator().manual_seed(0)
    start, first, *gradients = torch.randn((4, 3000), generator=generator).to(device)
    coefficients = torch.tensor([0.1, 0.9, 5.0, 0.95, 1e-9, 300.0, 0.999, 1.0]).to(device)
    results = []
    for update in (oracle, kernel_update):
        weight, remainder = split(start) if is_split else (start.clone(), None)
        moments = first.clone(), first.square()
        for gradient in gradients:
            update(weight, remainder, gradient, *moments, coefficients, is_split)
        results.append((join(weight, remainder) if remainder is not None else weight, *moments))
    return all(torch.equal(theirs, ours) for theirs, ours in zip(*results, strict=True))
