import pytest
import torch

from trainer.optimizer import adamw_step, clip_gradients, initial_moments, learning_rate_at


def tensors(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"matrix": (5, 3), "norm": (4,)}
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


@pytest.mark.parametrize("steps", [1, 50])
def test_steps_equal_those_of_torch(tiny, steps):
    config = tiny(weight_decay=0.1)
    weights, theirs = tensors(0), tensors(0)
    groups = [{"params": [theirs["matrix"]], "weight_decay": 0.1}, {"params": [theirs["norm"]], "weight_decay": 0.0}]
    oracle = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95), eps=1e-8)
    moments = initial_moments(weights)
    for step in range(1, steps + 1):
        gradients = tensors(step)
        for name, weight in theirs.items():
            weight.grad = gradients[name].clone()
        oracle.step()
        adamw_step(weights, gradients, moments, step=step, learning_rate=1e-2, config=config)
    for name in weights:
        torch.testing.assert_close(weights[name], theirs[name], rtol=1e-12, atol=1e-14)


def test_only_matrices_decay(tiny):
    weights = {"matrix": torch.ones(2, 2), "norm": torch.ones(2)}
    zeros = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    settings = tiny(weight_decay=0.5)
    adamw_step(weights, zeros, initial_moments(weights), step=1, learning_rate=0.1, config=settings)
    assert weights["matrix"].tolist() == [[pytest.approx(0.95)] * 2] * 2
    assert weights["norm"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("largest, scale", [(1.0, 0.2), (5.0, 1.0), (6.0, 1.0)])
def test_gradients_are_scaled_together_down_to_the_largest_norm(largest, scale):
    gradients = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[4.0]])}
    assert clip_gradients(gradients, largest).item() == pytest.approx(5.0)
    assert gradients["a"].tolist() == pytest.approx([3.0 * scale, 0.0])
    assert gradients["b"].item() == pytest.approx(4.0 * scale)


def test_gradients_of_nothing_stay_zero():
    gradients = {"a": torch.zeros(3)}
    assert clip_gradients(gradients, 1.0).item() == 0.0
    assert gradients["a"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("step, rate", [(1, 0.1), (5, 0.5), (10, 1.0), (60, 0.55), (110, 0.1)])
def test_the_rate_warms_up_then_falls_to_a_tenth(tiny, step, rate):
    config = tiny(steps=110, warmup_steps=10, learning_rate=1.0, min_learning_rate_fraction=0.1)
    assert learning_rate_at(step, config) == pytest.approx(rate)


def test_the_rate_never_rises_after_the_warm_up(tiny):
    config = tiny(steps=50, warmup_steps=5)
    rates = [learning_rate_at(step, config) for step in range(1, 51)]
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)


@pytest.mark.parametrize("warmup, first, last", [(0, 1.0, 0.1), (4, 0.25, 1.0)])
def test_a_run_without_warm_up_and_one_of_nothing_else(tiny, warmup, first, last):
    config = tiny(steps=4, warmup_steps=warmup, learning_rate=1.0)
    assert learning_rate_at(1, config) == pytest.approx(first, abs=0.2)
    assert learning_rate_at(4, config) == pytest.approx(last)


def test_the_norm_does_not_hang_on_the_order_of_the_weights():
    generator = torch.Generator().manual_seed(0)
    gradients = {f"w{index}": torch.randn(97, generator=generator) * 10.0 ** (index % 7) for index in range(41)}
    orders = [sorted(gradients, key=lambda name: (int(name[1:]) * factor) % 43) for factor in range(1, 12)]
    norms = {float(clip_gradients({name: gradients[name].clone() for name in order}, 1e30)) for order in orders}
    assert len(norms) == 1
