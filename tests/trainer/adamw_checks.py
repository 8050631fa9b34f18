"""What holds of AdamW's kernel on any device, for tests on a GPU and, interpreted, on a CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from trainer import optimizer
from trainer.adamw_kernel import kernel_update
from trainer.config import TrainerConfig
from trainer.masters import split
from trainer.optimizer import Update, adamw_step, initial_optimizer, plain_update

CONFIG = TrainerConfig(dimension=16, layers=1, heads=2, steps=4, warmup_steps=2)
SHAPES = ((1,), (7,), (1023,), (1024,), (1025,), (3, 5, 7), (2, 2048), (0, 4))
CPU = torch.device("cpu")


@contextmanager
def using(update: Update) -> Iterator[None]:
    choose, optimizer._update_for = optimizer._update_for, lambda *_: update
    try:
        yield
    finally:
        optimizer._update_for = choose


def numbers(seed: int) -> dict[str, torch.Tensor]:
    """Of all magnitudes: squares of the smallest are subnormal, and some are zero."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {}
    for shape in SHAPES:
        magnitudes = 10.0 ** torch.empty(shape).uniform_(-20, 2, generator=generator)
        drawn[str(shape)] = torch.randn(shape, generator=generator) * magnitudes
        drawn[str(shape)].flatten()[::5] = 0.0
    return drawn


def trained(update: Update, device: torch.device, *, is_split: bool, gradients_in: torch.dtype = torch.float32) -> list:
    """All tensors after three steps, and one between them that is skipped since its gradients are no numbers."""
    masters = {name: tensor.to(device) for name, tensor in numbers(0).items()}
    weights = {name: split(master)[0] if is_split else master for name, master in masters.items()}
    state = initial_optimizer(weights)
    for name in state.remainder:
        state.remainder[name].copy_(split(masters[name])[1])
    clips = torch.tensor([1.0, 0.3, float("nan"), 1e-3], device=device)
    for seed, clip in enumerate(clips, start=1):
        gradients = {name: (tensor.to(device) * clip).to(gradients_in) for name, tensor in numbers(seed).items()}
        settings = {"clip": clip, "apply": clip.isfinite(), "learning_rate": 0.01, "config": CONFIG}
        with using(update):
            adamw_step(weights, gradients, state, **settings)
    kinds = (weights, state.first, state.second, state.remainder, {"updates": state.updates})
    return [tensor for kind in kinds for tensor in kind.values()]


def bits(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    kinds = {torch.float32: torch.int32, torch.bfloat16: torch.int16}
    return [tensor.cpu().view(kinds.get(tensor.dtype, tensor.dtype)) for tensor in tensors]


def has_the_bits_of(oracle_on: torch.device, device: torch.device, **layout) -> None:
    ours, theirs = bits(trained(kernel_update, device, **layout)), bits(trained(plain_update, oracle_on, **layout))
    assert len(ours) >= 3 * len(SHAPES)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def float32_weights(device: torch.device) -> None:
    has_the_bits_of(device, device, is_split=False)


def bfloat16_weights_and_remainders(device: torch.device) -> None:
    has_the_bits_of(device, device, is_split=True)


def bfloat16_gradients(device: torch.device) -> None:
    has_the_bits_of(device, device, is_split=True, gradients_in=torch.bfloat16)


def the_bits_of_a_cpu(device: torch.device) -> None:
    has_the_bits_of(CPU, device, is_split=True)


def a_skipped_step_touches_nothing(device: torch.device) -> None:
    zero = torch.zeros((), device=device)
    for weight in (torch.full((1500,), -0.0, device=device), torch.full((1500,), -0.0, device=device).bfloat16()):
        state = initial_optimizer({"": weight})
        parts = [weight, state.remainder.get(""), torch.full((1500,), float("nan"), device=device)]
        parts += [moment.fill_(-1e-45) for moment in (state.first[""], state.second[""])]
        before = bits([part.clone() for part in parts if part is not None])
        kernel_update(*parts, optimizer._coefficients(state, zero / zero, zero.bool(), 1.0, CONFIG), True)
        after = bits([part for part in parts if part is not None])
        assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def sizes_that_differ_are_refused(device: torch.device) -> None:
    four, five, six, eight = (torch.zeros(size, device=device) for size in (4, 5, 6, 8))
    for others in ((None, four, five, five), (None, five, six, five), (four.short(), five, five, five)):
        try:
            kernel_update(five, *others, eight, False)
        except ValueError as error:
            assert "the weight's 5 numbers" in str(error)
        else:
            raise AssertionError("was not refused")


def a_wrong_kernel_is_found_out(device: torch.device) -> None:
    from trainer.adamw_kernel import find_problem

    def wrong(weight: torch.Tensor, *others: torch.Tensor | None) -> None:
        plain_update(weight, *others)  # type: ignore[arg-type]
        weight.flatten()[17] += 0.5

    assert find_problem(plain_update, device) == ""
    assert find_problem(wrong, device) == "the kernel gives other bits"


CHECKS: tuple[Callable[[torch.device], None], ...] = (
    float32_weights,
    bfloat16_weights_and_remainders,
    bfloat16_gradients,
    the_bits_of_a_cpu,
    a_skipped_step_touches_nothing,
    sizes_that_differ_are_refused,
    a_wrong_kernel_is_found_out,
)
