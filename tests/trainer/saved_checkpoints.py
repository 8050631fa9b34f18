"""Small checkpoints: what they hold, how they are saved, found and loaded."""

from pathlib import Path

import torch
from torch import Tensor

from trainer.checkpoint import (
    Checkpoint,
    Checkpoints,
    checkpoint_folders,
    load_checkpoint,
    read_checkpoint,
)

RUN = {"stream": "digest", "tokenizer": "pieces", "dimension": 8, "threads": 1}
FILE = "rank-00000-part-000.safetensors"


def some(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    names = ("weights.embedding", "weights.norm", "first.embedding", "second.embedding", "guard.losses")
    tensors = {name: torch.randn(3, 2, generator=generator) for name in names}
    return tensors | {"updates": torch.tensor(float(step)), "random.cpu": torch.arange(4, dtype=torch.uint8)}


def save(folder: Path, *steps: int, keep: int = 9, every: int = 0, run: dict = RUN) -> list[Path]:
    with Checkpoints(folder, keep=keep, keep_every_steps=every, say=lambda line: None) as checkpoints:
        for step in steps:
            checkpoints.save(step, 4 * step, run, some(step))
    return [folder / f"step-{step:08d}" for step in steps]


def newest(
    folder: Path, said: list[str], *, run: dict = RUN, max_step: int = 99, replace: bool = False
) -> Checkpoint | None:
    with Checkpoints(folder, keep=9, say=said.append) as checkpoints:
        return checkpoints.newest_good(lambda sequences: run, max_step=max_step, replace=replace)


def loaded(found: Checkpoint, **others: Tensor) -> dict[str, Tensor]:
    tensors = {name: torch.zeros_like(tensor) for name, tensor in some(0).items()} | others
    load_checkpoint(found, tensors)
    return tensors


def steps(folder: Path) -> list[int]:
    return [read_checkpoint(path).step for path in checkpoint_folders(folder)]
