"""One step of training: gradients of a batch, summed over micro-batches and processes, then one update.

Nothing here waits for the device: figures stay on it until `StepFigures.read`, which the loop calls a step later.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtures.loader import Batch
from trainer.attention import document_mask
from trainer.batches import MicroBatch, count_predictions, micro_batches
from trainer.config import TrainerConfig
from trainer.linear import clear_gradients, gradients
from trainer.model import Rope
from trainer.optimizer import adamw_step, clip_scale, gradient_norm, learning_rate_at
from trainer.parallel import World, before_micro_batch
from trainer.state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """Figures of one step; losses are nats a predicted token. A skipped step changed nothing."""

    loss: float
    source_losses: Mapping[str, float]
    gradient_norm: float
    learning_rate: float
    skipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """The same while they are still on their way from the device."""

    numbers: Tensor
    """Float64, on the host: nats of each source, the gradient's norm, whether the step was applied, skips in a row."""
    predictions: Mapping[str, int]
    learning_rate: float
    arrived: torch.cuda.Event | None = None
    """When the numbers are there; None: they are."""

    def read(self) -> tuple[StepResult, int]:
        """Waits for the device; gives the result and how many steps in a row were skipped."""
        if self.arrived is not None:
            self.arrived.synchronize()
        *nats, norm, applied, skips = self.numbers.tolist()
        by_source = dict(zip(self.predictions, nats, strict=True))
        result = StepResult(
            loss=sum(nats) / max(1, sum(self.predictions.values())),
            source_losses={name: by_source[name] / count for name, count in sorted(self.predictions.items()) if count},
            gradient_norm=norm,
            learning_rate=self.learning_rate,
            skipped=not applied,
        )
        return result, int(skips)


def train_step(
    state: TrainingState, batch: Batch, sources: tuple[str, ...], rope: Rope, config: TrainerConfig, world: World
) -> StepFigures:
    """The step after `state.step`, of a batch that every process has: weights and moments change in place."""
    predictions = count_predictions(batch, sources)
    rope = rope.first(batch.tokens.shape[1])
    clear_gradients(state.model)
    nats_S = _accumulate_gradients(state, batch, sources, rope, config, world, sum(predictions.values()))
    nats_S = world.sum(nats_S)
    found = gradients(state.model)
    norm = gradient_norm(found)
    apply = state.guard.judge(nats_S.sum() / max(1, sum(predictions.values())), norm, config.skip_sigma)
    rate = learning_rate_at(state.step + 1, config)
    clip = clip_scale(norm, config.max_gradient_norm)
    adamw_step(state.weights, found, state.optimizer, clip=clip, apply=apply, learning_rate=rate, config=config)
    state.step += 1
    state.sequences = batch.consumed
    rest = torch.stack([norm.double(), apply.double(), state.guard.consecutive().double()])
    numbers, arrived = _on_its_way(torch.cat([nats_S, rest]))
    return StepFigures(numbers=numbers, arrived=arrived, predictions=predictions, learning_rate=rate)


def _on_its_way(numbers: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Sends numbers to the host now: asked for later, they would come after all that was queued since."""
    if not numbers.is_cuda:
        return numbers, None
    on_host, arrived = numbers.to("cpu", non_blocking=True), torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record()
    return on_host, arrived


def pass_over(state: TrainingState, batch: Batch, sources: tuple[str, ...], config: TrainerConfig) -> StepFigures:
    """A step that is asked to be skipped: its batch is read and left, and nothing but the position changes."""
    rate = learning_rate_at(state.step + 1, config)
    state.step += 1
    state.sequences = batch.consumed
    numbers = torch.full((len(sources) + 3,), math.nan, dtype=torch.float64)
    numbers[-2:] = 0.0  # Not applied; and no sign of a run that has gone wrong.
    return StepFigures(numbers=numbers, predictions=count_predictions(batch, sources), learning_rate=rate)


def _accumulate_gradients(
    state: TrainingState,
    batch: Batch,
    sources: tuple[str, ...],
    rope: Rope,
    config: TrainerConfig,
    world: World,
    predictions: int,
) -> Tensor:
    """Adds up the gradients of the whole batch's mean loss a token: the same however it is cut into micro-batches.

    Gives this process's nats by source, float64.
    """
    nats_S = torch.zeros(len(sources), dtype=torch.float64, device=world.device)
    pieces = list(micro_batches(batch, config, world))
    for place, piece in enumerate(pieces, start=1):
        before_micro_batch(state.model, is_last=place == len(pieces))
        nats_S += _backward(state, piece, rope, config, 1.0 / max(1, predictions), len(sources))
    return nats_S


def _backward(
    state: TrainingState, piece: MicroBatch, rope: Rope, config: TrainerConfig, scale: float, sources: int
) -> Tensor:
    mask = document_mask(piece.tokens_BT) if config.document_mask else None
    losses = state.model(piece.tokens_BT, piece.targets_BT, rope, scale=scale, mask=mask)
    losses.total.backward()
    return piece.nats_by_source(losses.sequence_nats_B, sources)
