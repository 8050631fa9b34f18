"""AdamW's kernel on a GPU: the checks that a CPU runs interpreted, and what only a GPU can show."""

import pytest
import torch

pytest.importorskip("triton")

from adamw_checks import CHECKS, CONFIG

from trainer.guard import Guard
from trainer.optimizer import _proven_kernel, adamw_step, clip_scale, gradient_norm, initial_optimizer, plain_update

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda", 0)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_kernel_does_what_the_plain_update_does(check):
    check(CUDA)


def test_the_kernel_is_the_one_that_is_used(caplog):
    assert _proven_kernel(CUDA) is not None
    assert caplog.messages == []


def test_a_step_does_not_wait_for_the_device():
    weights = {"matrix": torch.ones(64, 64, device=CUDA, dtype=torch.bfloat16), "norm": torch.ones(64, device=CUDA)}
    gradients = {name: torch.ones_like(weight, dtype=torch.float32) for name, weight in weights.items()}
    state, guard = initial_optimizer(weights), Guard(CUDA)
    for mode in ("default", "error"):  # The first step proves the kernel, and waits.
        torch.cuda.set_sync_debug_mode(mode)
        try:
            norm = gradient_norm(gradients)
            apply = guard.judge(norm, norm, 6.0)
            clip = clip_scale(norm, 1.0)
            adamw_step(weights, gradients, state, clip=clip, apply=apply, learning_rate=1e-3, config=CONFIG)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert state.updates.item() == 2


def test_a_weight_of_more_numbers_than_an_int32_counts_is_updated_to_its_end():
    elements, tail = 2**31 + 5, 1000
    if torch.cuda.mem_get_info(CUDA)[0] < 40 * 2**30:
        pytest.skip("needs 40 GiB of free device memory")
    kernel = _proven_kernel(CUDA)
    assert kernel is not None
    weight = torch.ones(elements, device=CUDA, dtype=torch.bfloat16)
    parts = [
        torch.zeros_like(weight, dtype=kind) for kind in (torch.int16, torch.bfloat16, torch.float32, torch.float32)
    ]
    parts[1][-tail:] = torch.randn(tail, device=CUDA)
    ends = [part[-tail:].clone() for part in (weight, *parts)]
    coefficients = torch.tensor([0.1, 0.9, 5.0, 0.95, 1e-9, 300.0, 0.999, 1.0], device=CUDA)
    kernel(weight, *parts, coefficients, True)
    plain_update(*ends, coefficients, True)
    assert all(torch.equal(whole[-tail:], end) for whole, end in zip((weight, *parts), ends, strict=True))
