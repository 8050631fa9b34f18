import logging
import math
import sys
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from worlds import in_processes

import trainer
from trainer import optimizer
from trainer.config import TrainerConfig
from trainer.guard import Guard
from trainer.masters import join, split
from trainer.optimizer import adamw_step, clip_scale, gradient_norm, initial_optimizer, learning_rate_at
from trainer.parallel import joined

TAKEN, SKIPPED, UNCLIPPED = torch.tensor(True), torch.tensor(False), torch.tensor(1.0)
NAN = float("nan")


def tensors(seed: int, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"matrix": (5, 3), "norm": (4,), "fused": (2, 3, 5)}
    return {name: torch.randn(shape, generator=generator, dtype=dtype) for name, shape in shapes.items()}


def step(weights, gradients, state, config, *, clip=UNCLIPPED, apply=TAKEN, learning_rate=1e-2):
    adamw_step(weights, gradients, state, clip=clip, apply=apply, learning_rate=learning_rate, config=config)


@pytest.mark.parametrize("steps", [1, 50])
def test_clipped_steps_equal_those_of_torch(tiny, steps):
    config = tiny(weight_decay=0.1)
    weights, theirs = tensors(0), tensors(0)
    decays = [{"params": [theirs[name]], "weight_decay": 0.0 if name == "norm" else 0.1} for name in theirs]
    oracle = torch.optim.AdamW(decays, lr=1e-2, betas=(0.9, 0.95), eps=1e-8)
    state = initial_optimizer(weights)
    for seed in range(1, steps + 1):
        gradients = tensors(seed)
        norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm()
        for name, weight in theirs.items():
            weight.grad = gradients[name] * min(1.0, 1.0 / norm.item())
        oracle.step()
        step(weights, gradients, state, config, clip=clip_scale(gradient_norm(gradients), 1.0))
    for name in weights:
        torch.testing.assert_close(weights[name], theirs[name], rtol=1e-12, atol=1e-14)


def test_weights_in_two_halves_train_as_float32_does_bit_for_bit(tiny):
    config, masters = tiny(weight_decay=0.1), tensors(0, torch.float32)
    weights = {name: split(master)[0] for name, master in masters.items()}
    state, plain = initial_optimizer(weights), initial_optimizer(masters)
    for name, master in masters.items():
        state.remainder[name].copy_(split(master)[1])
    for seed in range(50):
        gradients = tensors(seed, torch.float32)
        for kept, moments in ((masters, plain), (weights, state)):
            step(kept, gradients, moments, config, clip=torch.tensor(0.3), learning_rate=1e-4)
        for name, master in masters.items():
            assert torch.equal(join(weights[name], state.remainder[name]), master)
            assert torch.equal(weights[name], split(master)[0])
            assert torch.equal(state.second[name], plain.second[name])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_skipped_step_changes_nothing_whatever_the_gradients_hold(tiny, dtype, steps_before):
    weights = {name: tensor.to(dtype) for name, tensor in tensors(0).items()}
    state = initial_optimizer(weights)
    for seed in range(1, steps_before + 1):
        step(weights, tensors(seed, torch.float32), state, tiny())
    kept = [weights, state.first, state.second, state.remainder]
    before = [{name: tensor.clone() for name, tensor in kind.items()} for kind in kept]
    gradients = {name: torch.full_like(weight, NAN, dtype=torch.float32) for name, weight in weights.items()}
    step(weights, gradients, state, tiny(), clip=torch.tensor(NAN), apply=SKIPPED)
    for old, new in zip(before, kept, strict=True):
        assert all(torch.equal(old[name], new[name]) for name in new)
    assert state.updates.item() == steps_before


def test_a_skipped_step_does_not_count_in_the_bias_correction(tiny):
    results = []
    for kinds in ((TAKEN, TAKEN), (SKIPPED, TAKEN, SKIPPED, TAKEN)):
        weights, seed = tensors(0), 0
        state = initial_optimizer(weights)
        for apply in kinds:
            seed += int(apply)
            step(weights, tensors(seed), state, tiny(), apply=apply)
        results.append(weights)
        assert state.updates.item() == 2
    assert all(torch.equal(results[0][name], results[1][name]) for name in weights)


def test_only_matrices_decay(tiny):
    weights = {"matrix": torch.ones(2, 2), "fused": torch.ones(3, 2, 2), "norm": torch.ones(2)}
    zeros = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    step(weights, zeros, initial_optimizer(weights), tiny(weight_decay=0.5), learning_rate=0.1)
    assert weights["matrix"].flatten().tolist() == [pytest.approx(0.95)] * 4
    assert weights["fused"].flatten().tolist() == [pytest.approx(0.95)] * 12
    assert weights["norm"].tolist() == [1.0, 1.0]


def test_an_update_too_small_for_bfloat16_is_not_lost(tiny):
    weights = {"norm": torch.ones(3, dtype=torch.bfloat16)}
    state = initial_optimizer(weights)
    for _ in range(100):
        step(weights, {"norm": torch.ones(3)}, state, tiny(), learning_rate=1e-4)
    assert join(weights["norm"], state.remainder["norm"]).tolist() == [pytest.approx(0.99, rel=1e-5)] * 3


def test_gradients_stay_as_they_are_and_may_be_bfloat16(tiny):
    weights, gradients = tensors(0, torch.float32), tensors(1, torch.bfloat16)
    before = {name: gradient.clone() for name, gradient in gradients.items()}
    step(weights, gradients, initial_optimizer(weights), tiny(), clip=torch.tensor(0.5))
    assert all(torch.equal(gradients[name], before[name]) for name in gradients)
    other = tensors(0, torch.float32)
    exact = {name: gradient.float() for name, gradient in gradients.items()}
    step(other, exact, initial_optimizer(other), tiny(), clip=torch.tensor(0.5))
    assert all(torch.equal(weights[name], other[name]) for name in weights)


def test_a_rate_of_zero_changes_no_weight(tiny):
    weights, before = tensors(0, torch.float32), tensors(0, torch.float32)
    step(weights, tensors(1, torch.float32), initial_optimizer(weights), tiny(), learning_rate=0.0)
    assert all(torch.equal(weights[name], before[name]) for name in weights)


@pytest.mark.parametrize("kept, moments", [(torch.float64, torch.float64), (torch.float32, torch.float32)])
def test_moments_have_the_weights_precision(kept, moments):
    state = initial_optimizer({"a": torch.nn.Parameter(torch.ones(2, 3, dtype=kept))})
    assert (state.first["a"].dtype, state.second["a"].dtype, state.remainder) == (moments, moments, {})
    assert state.first["a"].tolist() == [[0.0] * 3] * 2
    assert not state.first["a"].requires_grad


def test_bfloat16_weights_have_float32_moments_and_a_remainder():
    state = initial_optimizer({"a": torch.nn.Parameter(torch.ones(2, 3, dtype=torch.bfloat16))})
    assert (state.first["a"].dtype, state.remainder["a"].dtype) == (torch.float32, torch.int16)
    assert state.remainder["a"].tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("norm, scale", [(0.0, 1.0), (4.0, 1.0), (5.0, 1.0), (10.0, 0.5), (math.inf, 0.0)])
def test_gradients_are_scaled_down_to_the_largest_norm(norm, scale):
    assert clip_scale(torch.tensor(norm), 5.0).item() == scale


def test_the_norm_is_that_of_all_gradients_together():
    gradients = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[4.0]], dtype=torch.bfloat16)}
    assert gradient_norm(gradients).item() == 5.0
    assert gradient_norm({"a": torch.zeros(3)}).item() == 0.0
    assert gradient_norm({"a": torch.tensor([1.0, NAN])}).isnan()


def test_the_norm_does_not_hang_on_the_order_of_the_weights():
    generator = torch.Generator().manual_seed(0)
    gradients = {f"w{index}": torch.randn(97, generator=generator) * 10.0 ** (index % 7) for index in range(41)}
    orders = [sorted(gradients, key=lambda name: (int(name[1:]) * factor) % 43) for factor in range(1, 12)]
    assert len({float(gradient_norm({name: gradients[name] for name in order})) for order in orders}) == 1


def cut(whole: dict[str, torch.Tensor], mesh: Any) -> dict[str, torch.Tensor]:
    """Over two processes: one on both, one cut unevenly, and one that both have without being told of each other."""
    norm = distribute_tensor(whole["norm"], mesh, [Replicate()])
    matrix = distribute_tensor(whole["matrix"], mesh, [Shard(0)])
    return {"norm": norm, "matrix": matrix, "fused": whole["fused"].clone()}


def together(config: TrainerConfig) -> dict[str, Any]:
    """A step of cut weights, in one of two processes."""
    with joined(config, "cpu") as world:
        assert world.mesh is not None
        mesh = world.mesh["shards"]
        weights, gradients = cut(tensors(0), mesh), cut(tensors(1), mesh)
        norm = gradient_norm(gradients)
        state = initial_optimizer(weights)
        step(weights, gradients, state, config, clip=clip_scale(norm, 1.0))
        not_summed = DTensor.from_local(torch.ones(2), mesh, [Partial()])
        with pytest.raises(ValueError, match="must be summed"):
            gradient_norm({"a": not_summed})
        whole = {n: w.full_tensor() if isinstance(w, DTensor) else w for n, w in weights.items()}
        return {"norm": norm.item(), "weights": {name: tensor.tolist() for name, tensor in whole.items()}}


def test_cut_weights_and_gradients_make_the_same_step(tiny):
    config = tiny()
    results = in_processes(2, together, config)
    weights, gradients = tensors(0), tensors(1)
    norm = gradient_norm(gradients)
    step(weights, gradients, initial_optimizer(weights), config, clip=clip_scale(norm, 1.0))
    assert len({result["norm"] for result in results}) == 1
    assert results[0]["norm"] == pytest.approx(norm.item(), rel=1e-14)
    for name, weight in weights.items():
        for result in results:
            torch.testing.assert_close(torch.tensor(result["weights"][name], dtype=torch.float64), weight)


@pytest.mark.parametrize("kept", [torch.float32, torch.bfloat16])
def test_nothing_waits_for_the_device(tiny, monkeypatch, kept):
    monkeypatch.setattr(optimizer, "_proven_kernel", lambda device: None)
    device = torch.device("cuda")
    with FakeTensorMode():  # Tensors without content: what asks for it raises.
        weights = {"matrix": torch.empty(3, 4, device=device, dtype=kept), "norm": torch.empty(4, device=device)}
        gradients = {name: torch.empty_like(weight, dtype=torch.float32) for name, weight in weights.items()}
        norm, state = gradient_norm(gradients), initial_optimizer(weights)
        apply = Guard(device).judge(norm, norm, 6.0)
        step(weights, gradients, state, tiny(), clip=clip_scale(norm, 1.0), apply=apply)
        assert {norm.device.type, apply.device.type, state.updates.device.type} == {"cuda"}


def test_without_the_kernel_one_warning_says_so(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "trainer.adamw_kernel", None)  # As where triton is not installed.
    monkeypatch.delattr(trainer, "adamw_kernel", raising=False)
    optimizer._proven_kernel.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [optimizer._proven_kernel(torch.device("cuda", 0)) for _ in range(2)] == [None, None]
    optimizer._proven_kernel.cache_clear()
    assert len(caplog.messages) == 1
    assert "AdamW runs in plain torch" in caplog.text


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
