"""Every way to lay a model over processes trains it as one process does."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributed.tensor import DTensor
from worlds import in_processes

from mixtures.loader import Batch
from trainer.config import TrainerConfig
from trainer.linear import gradients
from trainer.model import rope_table
from trainer.parallel import World, joined
from trainer.state import draw_weights, new_state
from trainer.step import train_step

VOCABULARY, TOKENS, STEPS = 32, 16, 3
SOURCES = ("books", "c4", "wikipedia", "absent")
CONFIG = TrainerConfig(
    dimension=16, layers=2, heads=4, feed_forward_multiple=8, steps=STEPS, batch_sequences=8, micro_batch_sequences=3,
    learning_rate=1e-2, warmup_steps=1, max_gradient_norm=0.5, initial_std=0.1, activations="none", compile="off",
)  # fmt: skip


def batch_of(step: int) -> Batch:
    """Eight sequences of documents that begin anywhere, with gaps (id 0) that a takedown left."""
    random = np.random.default_rng(step)
    tokens = random.integers(2, VOCABULARY, (8, TOKENS))
    tokens[random.random(tokens.shape) < 0.1] = 1
    tokens[0, 3:9] = 0
    return Batch(first=8 * step, tokens=tokens, sources=random.integers(0, 3, 8), consumed=8 * step + 8)


def whole(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().full_tensor() if isinstance(tensor, DTensor) else tensor.detach()
    return (
        tensor.clone().to(torch.promote_types(tensor.dtype, torch.float32)).numpy()
    )  # Not what the next step changes.


def trained(config: TrainerConfig, dtype: torch.dtype, world: World) -> dict[str, Any]:
    """What three steps gave: figures of each, gradients of the last, and weights before and after."""
    state = new_state(config, VOCABULARY, world, dtype=dtype)
    draw_weights(state, config, seed=1)
    rope = rope_table(config, TOKENS, dtype=torch.promote_types(dtype, torch.float32))
    result: dict[str, Any] = {"figures": [], "first": {name: whole(weight) for name, weight in state.weights.items()}}
    for step in range(STEPS):
        figures = train_step(state, batch_of(step), SOURCES, rope, config, world)
        result["figures"].append(figures.numbers.tolist())
    result["gradients"] = {name: whole(gradient) for name, gradient in gradients(state.model).items()}
    result["weights"] = {name: whole(weight) for name, weight in state.weights.items()}
    return result


def trained_together(config: TrainerConfig, dtype: torch.dtype) -> dict[str, Any]:
    with joined(config, "cpu") as world:
        return trained(config, dtype, world)


@cache
def trained_alone(config: TrainerConfig, dtype: torch.dtype) -> dict[str, Any]:
    return trained(config, dtype, World(device=torch.device("cpu")))


CASES = [
    ((1, 2, 1), {}),
    ((2, 1, 1), {"activations": "keep-linear"}),
    ((1, 1, 2), {"activations": "full", "z_loss": 1e-3}),
    ((1, 4, 1), {}),
    ((4, 1, 1), {}),
    ((1, 1, 4), {}),
    ((2, 2, 1), {}),
    ((2, 1, 2), {"activations": "keep-linear"}),
    ((1, 2, 2), {"activations": "none"}),
    ((1, 2, 2), {"activations": "keep-linear"}),
    ((1, 2, 2), {"activations": "full"}),
    ((1, 2, 2), {"document_mask": True, "z_loss": 1e-3}),
]


@pytest.mark.parametrize("sizes, settings", CASES)
def test_a_layout_trains_as_one_process_does(sizes, settings):
    replicas, shards, tensor = sizes
    config = replace(CONFIG, replicas=replicas, tensor_parallel=tensor, **settings)
    results = in_processes(replicas * shards * tensor, trained_together, config, torch.float64)
    expected = trained_alone(replace(CONFIG, **settings), torch.float64)
    assert all(result["figures"] == results[0]["figures"] for result in results)
    np.testing.assert_allclose(results[0]["figures"], expected["figures"], rtol=1e-10)
    for kind in ("first", "gradients", "weights"):
        for name, value in expected[kind].items():
            np.testing.assert_allclose(results[0][kind][name], value, rtol=1e-10, atol=1e-12, err_msg=f"{kind} {name}")
