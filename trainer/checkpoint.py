"""Checkpoints: folders of safetensors and JSON, each whole or absent, checked by digest before they are used.

`step-00000100/` holds `weights.safetensors`, `optimizer.safetensors` (both moments and the random state) and
`state.json` (step, stream position, stream digest, settings, and the SHA-256 of the two files). Nothing is a pickle.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer.errors import OtherRunError, SettingsError
from trainer.optimizer import Moments

FORMAT = 1
FREE_SETTINGS = frozenset({"checkpoint_steps", "keep_checkpoints", "micro_batch_sequences", "threads"})
_NAME = re.compile(r"step-(\d{8,})")
_TENSOR_FILES = ("weights.safetensors", "optimizer.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that the next step depends on; `run` says what the checkpoint belongs to (stream, settings, seed)."""

    step: int
    sequences: int
    run: Mapping[str, Any]
    weights: dict[str, Tensor]
    moments: Moments


class DamagedCheckpointError(Exception):
    """A checkpoint folder that does not hold what its `state.json` says."""


def checkpoint_folders(folder: Path) -> list[Path]:
    """Whole checkpoints by name, oldest first; their content is not looked at."""
    found = [(int(match[1]), path) for path in folder.glob("step-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Writes the checkpoint beside its place, renames it there, and removes all but the newest `keep`."""
    final = folder / f"step-{checkpoint.step:08d}"
    partial = final.with_suffix(".tmp")
    for leftover in (partial, final):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(_contiguous(checkpoint.weights), partial / _TENSOR_FILES[0])
    save_file(_contiguous(_optimizer_tensors(checkpoint.moments)), partial / _TENSOR_FILES[1])
    state = {
        "format": FORMAT,
        "step": checkpoint.step,
        "sequences": checkpoint.sequences,
        "run": dict(checkpoint.run),
        "sha256": {name: _file_digest(partial / name) for name in _TENSOR_FILES},
    }
    (partial / "state.json").write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    for path in (*partial.iterdir(), partial):
        _to_disk(path)
    partial.rename(final)
    _to_disk(folder)
    for old in checkpoint_folders(folder)[:-keep]:
        _remove(old)
    return final


def load_checkpoint(folder: Path, device: torch.device) -> Checkpoint:
    """Reads a checkpoint and sets torch's random state; raises DamagedCheckpointError where it is not as written."""
    state = read_state(folder)
    try:
        for name in _TENSOR_FILES:
            if _file_digest(folder / name) != state["sha256"][name]:
                raise DamagedCheckpointError(f"{name} is not what was written")
        weights = load_file(folder / _TENSOR_FILES[0], device=str(device))
        tensors = load_file(folder / _TENSOR_FILES[1], device=str(device))
        checkpoint = Checkpoint(
            step=state["step"],
            sequences=state["sequences"],
            run=state["run"],
            weights=weights,
            moments=Moments(
                first={name: tensors[f"first.{name}"] for name in weights},
                second={name: tensors[f"second.{name}"] for name in weights},
            ),
        )
        _restore_random_state(tensors)
    except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpointError(f"{type(error).__name__}: {error}") from error
    return checkpoint


def read_state(folder: Path) -> dict[str, Any]:
    """The checkpoint's `state.json`."""
    try:
        state = json.loads((folder / "state.json").read_text())
    except (FileNotFoundError, ValueError, RecursionError) as error:
        raise DamagedCheckpointError(f"state.json: {error}") from error
    kinds = {"format": int, "step": int, "sequences": int, "run": dict, "sha256": dict}
    if not isinstance(state, dict) or not all(isinstance(state.get(key), kind) for key, kind in kinds.items()):
        raise DamagedCheckpointError("state.json lacks what a checkpoint states")
    if state["format"] != FORMAT:
        raise SettingsError(f"{folder} is of format {state['format']}, this version reads {FORMAT}")
    return state


def newest_good(
    folder: Path,
    device: torch.device,
    *,
    run: Callable[[int], Mapping[str, Any]],
    max_step: int,
    say: Callable[[str], None],
) -> Checkpoint | None:
    """The newest whole checkpoint of at most `max_step` steps, or None.

    `run` says what a checkpoint after so many sequences belongs to. Newer ones than that are set aside as
    `step-….damaged`, and said. Raises OtherRunError where one is of another run.
    """
    for path in reversed(checkpoint_folders(folder)):
        try:
            state = read_state(path)
            _refuse_other_run(folder, state["run"], run(state["sequences"]))
            if state["step"] <= max_step:
                return load_checkpoint(path, device)
            reason = f"metrics.jsonl ends at step {max_step}"
        except DamagedCheckpointError as error:
            reason = str(error)
        aside = path.with_suffix(".damaged")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        say(f"{path.name} is set aside as {aside.name}: {reason}")
    return None


def _refuse_other_run(folder: Path, saved: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Settings that only say how often to save and how to split the sums may change between two starts."""
    for key, value in asked.items():
        if key not in FREE_SETTINGS and saved.get(key) != value:
            raise OtherRunError(
                f"{folder} holds a run with {key} = {saved.get(key)}, not {value}: use another output folder"
            )


def remove_partial(folder: Path) -> None:
    """Removes what a killed run left half written or half removed."""
    for path in folder.glob("step-*.tmp"):
        shutil.rmtree(path)


def _remove(folder: Path) -> None:
    """Renamed first: a kill in the middle of the removal leaves no checkpoint that looks whole."""
    partial = folder.with_suffix(".tmp")
    folder.rename(partial)
    shutil.rmtree(partial)


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _optimizer_tensors(moments: Moments) -> dict[str, Tensor]:
    tensors = {f"first.{name}": tensor for name, tensor in moments.first.items()}
    tensors |= {f"second.{name}": tensor for name, tensor in moments.second.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if any(tensor.is_cuda for tensor in moments.first.values()):
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    return tensors


def _restore_random_state(tensors: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random.cpu"].cpu())
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"].cpu())


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
