"""Every way to lay a model over processes trains it as one process does."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters
from torch.distributed.tensor import DTensor
from worlds import in_processes

from mixtures.loader import Batch
from trainer.config import TrainerConfig
from trainer.linear import gradients
from trainer.loss import Losses
from trainer.masters import join
from trainer.model import rope_table
from trainer.parallel import World, joined
from trainer.state import TrainingState, draw_weights, new_state
from trainer.step import train_step

VOCABULARY, TOKENS, STEPS = 32, 16, 3
SOURCES = ("books", "c4", "wikipedia", "absent")
# Two or four share a batch in micro-batches of three: rests of one and two. The gradient's norm begins above its bound.
CONFIG = TrainerConfig(
    dimension=16, layers=2, heads=4, feed_forward_multiple=8, steps=STEPS, batch_sequences=8, micro_batch_sequences=3,
    learning_rate=1e-2, warmup_steps=1, max_gradient_norm=0.5, initial_std=0.1, activations="none", compile="off",
)  # fmt: skip


class Case(NamedTuple):
    """A layout (replicas, shards, tensor) and what is trained in it."""

    sizes: tuple[int, int, int]
    settings: dict[str, Any]
    dtype: torch.dtype = torch.float64

    @property
    def config(self) -> TrainerConfig:
        return replace(CONFIG, replicas=self.sizes[0], tensor_parallel=self.sizes[2], **self.settings)

    def __str__(self) -> str:
        return f"{self.sizes} {self.settings} {self.dtype}"


CASES = [
    Case((1, 2, 1), {}),
    Case((1, 2, 1), {}, torch.bfloat16),
    Case((2, 1, 1), {"activations": "keep-linear"}),
    Case((1, 1, 2), {"activations": "full", "z_loss": 1e-3}),
    Case((1, 4, 1), {}),
    Case((4, 1, 1), {}),
    Case((1, 1, 4), {}),
    Case((2, 2, 1), {}),
    Case((2, 1, 2), {"activations": "keep-linear"}),
    Case((1, 2, 2), {}),
    Case((1, 2, 2), {"activations": "keep-linear"}),
    Case((1, 2, 2), {"activations": "full"}),
    Case((1, 2, 2), {"document_mask": True, "z_loss": 1e-3}),
    Case((1, 2, 2), {}, torch.float32),
    Case((1, 2, 2), {}, torch.bfloat16),
    Case((1, 2, 2), {"activations": "keep-linear", "compile": "on"}, torch.float32),
]
ROUNDING = {torch.float64: 1e-10, torch.float32: 2e-5}
each_case = pytest.mark.parametrize("case", [case for case in CASES if case.dtype in ROUNDING], ids=str)


def batch_of(step: int) -> Batch:
    """Eight sequences of documents that begin anywhere, with gaps (id 0) that a takedown left."""
    random = np.random.default_rng(step)
    tokens = random.integers(2, VOCABULARY, (8, TOKENS))
    tokens[random.random(tokens.shape) < 0.1] = 1
    tokens[0, 3:9] = 0
    return Batch(first=8 * step, tokens=tokens, sources=random.integers(0, 3, 8), consumed=8 * step + 8)


def whole(tensor: torch.Tensor) -> np.ndarray:
    """A copy of all of it, since the next step changes it in place."""
    tensor = tensor.detach()
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).clone().numpy()


def weights(state: TrainingState) -> dict[str, np.ndarray]:
    halves = state.optimizer.remainder
    return {
        name: whole(join(weight.detach(), halves[name]) if name in halves else weight)
        for name, weight in state.weights.items()
    }


@contextmanager
def quick_compiler() -> Iterator[None]:
    """Traces and cuts as the default compiler does, and leaves out only the last part: generating C++."""
    with patch.object(torch, "compile", functools.partial(torch.compile, backend="aot_eager_decomp_partition")):
        yield


def break_gradients(state: TrainingState, world: World) -> None:
    """From now on the last process's gradients are no numbers, though its losses are."""

    def broken(_model: Any, _inputs: Any, losses: Losses) -> Losses:
        return losses._replace(total=losses.total * torch.nan)

    if world.rank == world.size - 1:
        state.model.register_forward_hook(broken)


def trained(config: TrainerConfig, dtype: torch.dtype, world: World) -> dict[str, Any]:
    """What three steps gave: figures of each, gradients of the last, weights before and after; and a fourth's figures
    and weights, in which the last process fails.
    """
    with quick_compiler():
        state = new_state(config, VOCABULARY, world, dtype=dtype)
    draw_weights(state, config, seed=1)
    rope = rope_table(config, TOKENS, dtype=torch.promote_types(dtype, torch.float32))
    result: dict[str, Any] = {"figures": [], "drawn": weights(state)}
    for step in range(STEPS + 1):
        result["graphs"] = counters["stats"]["unique_graphs"]
        if step == STEPS:
            result |= {"gradients": {name: whole(some) for name, some in gradients(state.model).items()}}
            result |= {"weights": weights(state)}
            break_gradients(state, world)
        figures = train_step(state, batch_of(step), SOURCES, rope, config, world)
        result["figures"].append(figures.numbers.tolist())
    return result | {"weights after failure": weights(state)}


def trained_together(cases: list[Case]) -> list[dict[str, Any]]:
    with joined(cases[0].config, "cpu") as world:
        results = [trained(case.config, case.dtype, world) for case in cases]
    return results if world.is_first else [{"figures": result["figures"]} for result in results]


def trained_alone(case: Case) -> dict[str, Any]:
    return _trained_alone(replace(case.config, replicas=1, tensor_parallel=1, compile="off"), case.dtype)


@functools.cache
def _trained_alone(config: TrainerConfig, dtype: torch.dtype) -> dict[str, Any]:
    return trained(config, dtype, World(device=torch.device("cpu")))


@functools.cache
def of_world(sizes: tuple[int, int, int]) -> dict[str, list[dict[str, Any]]]:
    """The results of all processes, by case, of a world that is made once."""
    cases = [case for case in CASES if case.sizes == sizes]
    ranks = in_processes(int(np.prod(sizes)), trained_together, cases)
    return {str(case): list(results) for case, results in zip(cases, zip(*ranks, strict=True), strict=True)}


def first_of(case: Case) -> dict[str, Any]:
    return of_world(case.sizes)[str(case)][0]


@each_case
def test_losses_by_source_and_the_gradients_norm_are_one_process_s(case):
    """A row a step: nats of four sources, the norm, whether the step was taken, and how many were not."""
    expected = trained_alone(case)["figures"]
    assert expected[0][4] > CONFIG.max_gradient_norm
    np.testing.assert_allclose(first_of(case)["figures"], expected, rtol=ROUNDING[case.dtype])


@each_case
@pytest.mark.parametrize("kind", ["gradients", "weights"])
def test_every_gradient_and_every_weight_is_one_process_s(case, kind):
    found, rounding = first_of(case)[kind], ROUNDING[case.dtype]
    for name, value in trained_alone(case)[kind].items():
        np.testing.assert_allclose(found[name], value, rtol=rounding, atol=rounding / 10, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights_begin_with_one_process_s_bits(case):
    found = first_of(case)["drawn"]
    for name, value in trained_alone(case)["drawn"].items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_processes_see_the_same_bits_and_skip_the_same_step(case):
    """In the fourth step one process's gradients are no numbers: none takes the step."""
    figures = np.array([result["figures"] for result in of_world(case.sizes)[str(case)]])
    np.testing.assert_array_equal(figures, np.broadcast_to(figures[0], figures.shape))
    assert figures[0, :, -2:].tolist() == [[1, 0]] * STEPS + [[0, 1]] and np.isfinite(figures[0, STEPS, :4]).all()
    for name, value in first_of(case)["weights"].items():
        np.testing.assert_array_equal(first_of(case)["weights after failure"][name], value, err_msg=name)


@pytest.mark.parametrize("case", [case for case in CASES if case.dtype == torch.bfloat16], ids=str)
def test_layers_in_bfloat16_err_by_bfloat16_s_rounding_however_they_lie(case):
    """The first step, from the same weights: both are as far from the truth as bfloat16 is exact."""
    truth = trained_alone(case._replace(dtype=torch.float32))["figures"][0][:5]
    for figures in (first_of(case)["figures"], trained_alone(case)["figures"]):
        np.testing.assert_allclose(figures[0][:5], truth, rtol=4e-3)
    assert first_of(case)["gradients"]["layers.0.w2"].dtype == np.float32


def test_two_layers_share_one_graph_for_each_size_of_micro_batch():
    """Compiled is the policy within; FSDP's hooks, which are no graph, stay without."""
    assert [first_of(case)["graphs"] for case in CASES if "compile" in case.settings] == [2]
