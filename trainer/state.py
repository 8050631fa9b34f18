"""What training changes from step to step: weights, moments, the guard's memory and how far the stream was read.

Weights lie in one of two layouts, which hold the same float32 numbers. *Plain*: float32 parameters, of which layers
gather a copy in what they compute in. *Split*, on one GPU: the parameters are the rounded bfloat16 weights that layers
compute in, and what rounding took off lies beside the moments (`trainer.masters`), so that nothing is cast in a step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.activations import prepare_block
from trainer.config import TrainerConfig
from trainer.guard import Guard
from trainer.linear import keep_gradient_sums
from trainer.masters import join, split
from trainer.model import Llama, initial_weight
from trainer.optimizer import OptimizerState, initial_optimizer
from trainer.parallel import World, distribute, set_weight
from trainer.progress import Say
from trainer.tensor_files import Converted, Saveable


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """All that the next step depends on."""

    model: Llama
    optimizer: OptimizerState
    guard: Guard
    step: int = 0
    sequences: int = 0

    @property
    def weights(self) -> dict[str, Tensor]:
        """The parameters by name: float32, or in the split layout the rounded halves."""
        return dict(self.model.named_parameters())

    def tensors(self, world: World) -> dict[str, Saveable]:
        """What a checkpoint holds, by name; the same names and numbers in either layout, on any mesh."""
        found: dict[str, Saveable] = {f"weights.{name}": self._master(name) for name in self.weights}
        found |= {f"first.{name}": moment for name, moment in self.optimizer.first.items()}
        found |= {f"second.{name}": moment for name, moment in self.optimizer.second.items()}
        found |= {f"guard.{name}": tensor for name, tensor in self.guard.tensors().items()}
        found["updates"] = self.optimizer.updates
        found["random.cpu"] = _random(torch.get_rng_state, torch.set_rng_state)
        if world.device.type == "cuda":
            found[f"random.cuda.{world.rank}"] = _random(torch.cuda.get_rng_state, torch.cuda.set_rng_state)
        return found

    def _master(self, name: str) -> Saveable:
        weight, remainder = self.weights[name], self.optimizer.remainder.get(name)
        if remainder is None:
            return weight.detach()
        return Converted(
            shape=tuple(weight.shape),
            give=lambda: join(weight.detach(), remainder).cpu(),
            take=lambda master: set_master(self, name, master),
        )


def _random(give: Callable[[], Tensor], take: Callable[[Tensor], None]) -> Converted:
    return Converted(shape=tuple(give().shape), dtype=torch.uint8, give=give, take=take)


def compute_dtype(config: TrainerConfig, device: torch.device) -> torch.dtype:
    """What the layers compute in: on a CPU always float32, since bfloat16 is slower there."""
    return torch.float32 if device.type == "cpu" or config.precision == "float32" else torch.bfloat16


def new_state(
    config: TrainerConfig,
    vocabulary_size: int,
    world: World,
    *,
    dtype: torch.dtype | None = None,
    say: Say | None = None,
) -> TrainingState:
    """The state before the first step, laid out over the world; `draw_weights` or a checkpoint sets its weights.

    `dtype` overrules `compute_dtype`.
    """
    dtype = dtype or compute_dtype(config, world.device)
    is_split = dtype == torch.bfloat16 and world.size == 1
    stored = dtype if is_split else torch.promote_types(dtype, torch.float32)
    model = Llama(config, vocabulary_size, device="meta", dtype=stored)
    distribute(model, world, dtype)
    model.to_empty(device=world.device)
    if is_split:
        keep_gradient_sums(model, say)
    compiled = config.compile == "on" or (config.compile == "auto" and world.device.type == "cuda")
    for block in model.blocks:
        prepare_block(block, config.activations, compiled=compiled)
    return TrainingState(
        model=model, optimizer=initial_optimizer(dict(model.named_parameters())), guard=Guard(world.device)
    )


def draw_weights(state: TrainingState, config: TrainerConfig, seed: int) -> None:
    """Sets all weights to those that training begins with."""
    for name, weight in state.weights.items():
        set_master(state, name, initial_weight(name, tuple(weight.shape), config, seed))


def set_master(state: TrainingState, name: str, value: Tensor) -> None:
    """Sets a weight to a whole float32 value, in either layout."""
    weight = state.weights[name]
    remainder = state.optimizer.remainder.get(name)
    if remainder is None:
        set_weight(weight, value)
        return
    with torch.no_grad():
        rounded, rest = split(value.to(weight.device, torch.float32))
        weight.copy_(rounded)
        remainder.copy_(rest)
