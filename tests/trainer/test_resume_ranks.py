"""A run that goes on with another number of processes, by the loop itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from worlds import in_processes

from mixtures.stream import Stream
from trainer.checkpoint import Checkpoints, load_checkpoint, read_checkpoint
from trainer.config import TrainerConfig
from trainer.parallel import joined
from trainer.train import Training, train

STEPS = 8


class BrokenOffError(Exception):
    """What stands for the end of a job's time."""


def part_of_run(config: TrainerConfig, stream: Path, output: Path, until: int) -> list[str]:
    """In each process: trains up to the save after `until` steps, which is broken off; what was said."""
    said: list[str] = []
    save = Checkpoints.save

    def save_until(self: Checkpoints, step: int, **state: Any) -> None:
        if step > until:
            raise BrokenOffError
        save(self, step, **state)

    with joined(config, "cpu") as world, pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_until)
        run = Training(config=config, stream=Stream.open(str(stream)), output=output, world=world, seed=1)
        try:
            train(run, said.append)
        except BrokenOffError:
            said.append("broken off")
    return said


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def weights(output: Path) -> dict[str, torch.Tensor]:
    """Of the last checkpoint, whoever wrote it."""
    folder = output / "checkpoints" / f"step-{STEPS:08d}"
    shapes = {name: tensor.shape for name, tensor in load_file(folder / "rank-00000-part-000.safetensors").items()}
    tensors = {name: torch.zeros(shape) for name, shape in shapes.items() if name.startswith("weights.")}
    load_checkpoint(read_checkpoint(folder), tensors)
    return tensors


def test_a_run_goes_on_with_any_number_of_processes_as_if_it_had_been_one(tiny, stream_folder, tmp_path):
    config, cut = tiny(steps=STEPS), tiny(steps=STEPS, tensor_parallel=2)
    place, other = (stream_folder, tmp_path / "out"), (stream_folder, tmp_path / "whole")
    together = in_processes(2, part_of_run, config, *place, 2)
    parts = [part_of_run(config, *place, 4), in_processes(2, part_of_run, cut, *place, 6)[0]]
    parts.append(part_of_run(config, *place, STEPS))
    part_of_run(config, *other, STEPS)
    assert [said[0] for said in parts] == [f"resumes after step {step}" for step in (2, 4, 6)]
    assert [said[-1] for said in (*together, *parts[:2])] == ["broken off"] * 4
    ours, whole = lines(place[1]), lines(other[1])
    assert [(line["step"], line["tokens"]) for line in ours] == [(line["step"], line["tokens"]) for line in whole]
    assert [line["loss"] for line in ours] == pytest.approx([line["loss"] for line in whole], rel=1e-5)
    torch.testing.assert_close(weights(place[1]), weights(other[1]), rtol=1e-3, atol=1e-5)
