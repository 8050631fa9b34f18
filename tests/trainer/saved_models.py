"""Small models and their checkpoints, for the tests of what is done with a trained model."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import Checkpoints
from trainer.config import TrainerConfig
from trainer.model import Llama, new_model, rope_table
from trainer.parallel import World
from trainer.saved_model import ImportedModel, SavedModel, open_model, save_imported, weight_shapes
from trainer.state import new_state, set_master

PIECES = 600
"""Of the tokenizer of the fixture `vocabulary_path`."""

SMALL = TrainerConfig(dimension=24, layers=2, heads=2, feed_forward_multiple=8, initial_std=0.2, rope_base=500.0)


def small_model(config: TrainerConfig = SMALL, vocabulary_size: int = PIECES, seed: int = 1) -> Llama:
    """With norms that are not one."""
    model = new_model(config, vocabulary_size, seed=seed).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return model


def imported(config: TrainerConfig = SMALL, tokenizer: Path | None = None, **changed: Any) -> ImportedModel:
    """The small model as an import would have it."""
    weights = dict(small_model(config).named_parameters())
    about: dict[str, Any] = {"vocabulary_size": PIECES, "context_tokens": 64, "read": weights.__getitem__}
    return ImportedModel(config=config, tokenizer=tokenizer, **about | changed)


def saved(folder: Path, config: TrainerConfig = SMALL, tokenizer: Path | None = None) -> SavedModel:
    """The small model out of a checkpoint."""
    save_imported(imported(config, tokenizer), folder)
    return open_model(folder)


def train_checkpoint(output: Path, steps: int = 3, tokenizer: str = "tokenizer") -> Llama:
    """Writes a checkpoint as a training does, with moments and all; gives the model in it."""
    world, config = World(device=torch.device("cpu")), TrainerConfig(**asdict(SMALL) | {"precision": "float32"})
    state, model = new_state(config, PIECES, world), small_model(seed=steps)
    for name, weight in model.named_parameters():
        set_master(state, name, weight)
    run = {"tokenizer": tokenizer, "vocabulary_size": PIECES, "sequence_tokens": 64, "seed": 0, **asdict(config)}
    with Checkpoints(output / "checkpoints", keep=3, say=lambda line: None) as checkpoints:
        checkpoints.save(steps, 0, run, state.tensors(world))
    return model


def logits_of(model: Llama, tokens_BT: torch.Tensor, config: TrainerConfig = SMALL) -> torch.Tensor:
    """Scores of the next token."""
    return model.logits(tokens_BT, rope_table(config, tokens_BT.shape[1], dtype=torch.float64))


def all_weights(model: SavedModel | ImportedModel) -> dict[str, torch.Tensor]:
    """Every weight by name."""
    return {name: model.read(name) for name in weight_shapes(model.config, model.vocabulary_size)}


def same_tensors(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """The same names, and bit for bit the same tensors."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def edit_json(path: Path, **changed: Any) -> Path:
    """Changes a file's keys, takes out those that become "gone", and gives its folder."""
    about = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({key: value for key, value in about.items() if value != "gone"}))
    return path.parent
