import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mixtures.loader import Batch
from trainer.batches import batches_from, next_batch
from trainer.config import TrainerConfig
from trainer.model import rope_table
from trainer.parallel import World
from trainer.state import TrainingState, draw_weights, new_state
from trainer.step import StepFigures, StepResult, train_step

ALONE = World(device=torch.device("cpu"))
SOURCES = ("c4", "books")


@pytest.fixture
def first_batch(array_stream, tiny) -> Batch:
    with batches_from(0, array_stream(), tiny()) as loader:
        return next_batch(loader, 32)


@pytest.fixture
def fresh() -> Callable[..., TrainingState]:
    def build(config: TrainerConfig, dtype: torch.dtype = torch.float32) -> TrainingState:
        state = new_state(config, 32, ALONE, dtype=dtype)
        draw_weights(state, config, seed=1)
        return state

    return build


def step(state: TrainingState, batch: Batch, config: TrainerConfig, dtype: torch.dtype = torch.float32) -> StepResult:
    rope = rope_table(config, batch.tokens.shape[1], dtype=dtype)
    return train_step(state, batch, SOURCES, rope, config, ALONE).read()[0]


@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_do_not_change_the_step(fresh, first_batch, tiny, micro):
    """In float64, so that only a wrong weighting of the uneven last piece could show."""
    results: list[Any] = []
    for size in (micro, 4):
        config = tiny(micro_batch_sequences=size)
        state = fresh(config, torch.float64)
        results.append((step(state, first_batch, config, torch.float64), state.weights))
    (split, ours), (whole, theirs) = results
    assert split.loss == pytest.approx(whole.loss, rel=1e-13)
    assert split.gradient_norm == pytest.approx(whole.gradient_norm, rel=1e-10)
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-8, atol=1e-9)


def test_a_step_lowers_the_loss_of_its_own_batch(fresh, first_batch, tiny):
    config = tiny(learning_rate=1e-3, warmup_steps=0)
    state = fresh(config)
    assert step(state, first_batch, config).loss > step(state, first_batch, config).loss
    assert (state.step, state.sequences) == (2, 4)


def test_gradients_do_not_pile_up_from_step_to_step(fresh, first_batch, tiny):
    config = tiny(learning_rate=1e-12, warmup_steps=0, weight_decay=0.0)
    state = fresh(config)
    norms = [step(state, first_batch, config).gradient_norm for _ in range(2)]
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)


def test_losses_are_means_over_predictions_in_all_and_by_source(fresh, first_batch, tiny):
    config = tiny()
    result = step(fresh(config), first_batch, config)
    assert list(result.source_losses) == ["books", "c4"]
    assert sum(result.source_losses.values()) / 2 == pytest.approx(result.loss, rel=1e-6)
    assert result.loss == pytest.approx(math.log(32), abs=0.1)
    assert result.learning_rate == pytest.approx(0.005) and not result.skipped


def test_what_a_takedown_has_masked_counts_nothing(fresh, first_batch, tiny):
    """A batch whose sequences but one are masked has the loss, and the gradient, of that one alone."""
    config = tiny(micro_batch_sequences=4)
    masked = np.where(np.arange(4)[:, None] == 2, first_batch.tokens, 0)
    alone = replace(first_batch, tokens=first_batch.tokens[2:3], sources=first_batch.sources[2:3])
    ours = step(fresh(config), replace(first_batch, tokens=masked), config)
    theirs = step(fresh(config), alone, config)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-6)
    assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-5)
    assert list(ours.source_losses) == ["c4"]


def test_a_loss_that_is_no_number_skips_the_step_and_changes_nothing(fresh, first_batch, tiny):
    config = tiny()
    state = fresh(config)
    with torch.no_grad():
        state.weights["norm"][0] = float("nan")
    before = {name: weight.clone() for name, weight in state.weights.items()}
    figures = train_step(state, first_batch, SOURCES, rope_table(config, 16), config, ALONE)
    result, skips = figures.read()
    assert result.skipped and math.isnan(result.loss) and skips == 1
    assert all(torch.equal(weight.nan_to_num(), before[name].nan_to_num()) for name, weight in state.weights.items())
    assert state.optimizer.updates.item() == 0 and state.step == 1


def test_a_spike_is_skipped_once_the_guard_knows_what_is_usual(fresh, first_batch, tiny):
    config = tiny(steps=100, warmup_steps=0, learning_rate=1e-4)
    state = fresh(config)
    usual = [step(state, first_batch, config).skipped for _ in range(70)]
    with torch.no_grad():
        state.weights["output"].mul_(300)
    assert not any(usual)
    assert step(state, first_batch, config).skipped
    assert state.optimizer.updates.item() == 70


@pytest.mark.parametrize("settings", [{"document_mask": True}, {"z_loss": 1e-2}, {"activations": "keep-linear"}])
def test_settings_reach_the_step(fresh, first_batch, tiny, settings):
    plain, other = tiny(), tiny(**settings)
    ours, theirs = fresh(other), fresh(plain)
    norms = step(ours, first_batch, other).gradient_norm, step(theirs, first_batch, plain).gradient_norm
    assert (norms[0] == norms[1]) == ("activations" in settings)


def test_both_layouts_take_the_same_step(fresh, first_batch, tiny):
    """Layers in bfloat16 over an exact float32 master come close to the float32 step."""
    config = tiny(precision="bfloat16", warmup_steps=0)
    split, plain = fresh(config, torch.bfloat16), fresh(config)
    ours, theirs = step(split, first_batch, config), step(plain, first_batch, config)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-2)
    assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=3e-2)
    assert split.weights["layers.0.wqkv"].dtype == torch.bfloat16
    assert not split.weights["layers.0.wqkv"].grad


def test_figures_are_read_when_they_have_arrived():
    numbers = torch.full((4,), -1.0, dtype=torch.float64)

    class Arrival:
        def synchronize(self) -> None:
            numbers.copy_(torch.tensor([6.0, 0.5, 1.0, 0.0]))

    figures = StepFigures(numbers=numbers, predictions={"c4": 3}, learning_rate=1.0, arrived=Arrival())
    result, skips = figures.read()
    assert (result.loss, result.gradient_norm, result.skipped, skips) == (2.0, 0.5, False, 0)
