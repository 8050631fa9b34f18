"""Checkpoints: folders of safetensors and JSON, each whole or absent, checked by digest before they are used.

`step-00000100/` holds what each process wrote (`trainer.tensor_files`) and `state.json`: step, sequences read, what run
it belongs to, how many processes wrote it, and the SHA-256 of each file. Nothing is a pickle. What a tensor is called
and how it is cut says nothing about the processes that load it: any number of them, on any mesh, reads any checkpoint.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from tokenmill.version import installed_version
from trainer.config import TrainerConfig
from trainer.errors import DamagedCheckpointError, OtherRunError, TrainingError
from trainer.progress import Say
from trainer.ranks import Ranks
from trainer.tensor_files import (
    Chunk,
    HostFile,
    Saveable,
    chunk_of,
    deal,
    file_digests,
    lay_out,
    load_tensors,
    read_index,
    write_files,
)

FORMAT = 2
# They say how the same sums are worked out, how often to save and to look; they may change between two starts.
FREE_SETTINGS = frozenset(
    {
        "activations", "checkpoint_steps", "compile", "deterministic", "evaluation_documents", "evaluation_steps",
        "keep_checkpoints", "keep_every_steps", "micro_batch_sequences", "replicas", "tensor_parallel", "threads",
    }
)  # fmt: skip
_UNNAMED = {"skip_steps": ""} | {item.name: item.default for item in fields(TrainerConfig)}
# Each process has random states of its own device: another number of processes has others.
_MAY_BE_MISSING = "random."
_FOLDER = re.compile(r"step-(\d{8,})")
_FILE = re.compile(r"rank-\d{5,}-part-\d{3,}\.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint's `state.json`; `run` says what it belongs to (stream, settings, seed)."""

    folder: Path
    step: int
    sequences: int
    run: Mapping[str, Any]
    sha256: Mapping[str, str]

    @property
    def files(self) -> list[Path]:
        """Its files of tensors."""
        return [self.folder / name for name in sorted(self.sha256)]


class Checkpoints:
    """The checkpoints of a run that is going on, which writes them beside its steps.

    Every process of the run makes it and calls its methods at the same place; rank 0 looks, names and removes for all,
    and where one process fails all fail with its reason. The folder is one that all of them see. Of the checkpoints
    the newest `keep` stay, and those of every `keep_every_steps` steps (0: none).

    The state is copied into host memory, page-locked where it comes from a GPU, and that memory is kept: 12 bytes a
    parameter, over the processes. An error while it is written is said at once and raised by the next call.
    """

    def __init__(self, folder: Path, *, keep: int, keep_every_steps: int = 0, say: Say) -> None:
        self._folder, self._keep, self._keep_every = folder, keep, keep_every_steps
        self._ranks = Ranks()
        self._say: Say = say if self._ranks.index == 0 else lambda line: None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None
        self._chunks: list[Chunk] = []
        self._files: list[HostFile] = []
        self._ranks.first(self._remove_unfinished)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.close()
        except TrainingError:
            if kind is None:  # Else it has been said, and is not to hide what ended the run.
                raise

    def save(self, step: int, sequences: int, run: Mapping[str, Any], tensors: Mapping[str, Saveable]) -> None:
        """Copies the state and returns; a background thread writes it, when the save before is through.

        Raises TrainingError where that one failed, or where the state cannot be copied.
        """
        self.wait()
        unfinished = self._folder / f"step-{step:08d}.tmp"
        try:
            self._ranks.first(lambda: _make_empty(unfinished))
            held = self._ranks.gather(lambda: [chunk_of(name, value) for name, value in tensors.items()])
            self._ranks.gather(lambda: self._copy(deal(held)[self._ranks.index], tensors))
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"the checkpoint of step {step} was not written: {error}") from error
        version = installed_version()
        state = {"format": FORMAT, "tokenmill": version, "step": step, "sequences": sequences, "run": dict(run)}
        self._pending = self._writer.submit(self._write, unfinished, state)

    def wait(self) -> None:
        """Until the last save is on disk; raises TrainingError where it is not."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Waits, and gives threads and memory back."""
        try:
            self.wait()
        finally:
            self._writer.shutdown()
            self._files = []
            self._ranks.close()

    def newest_good(
        self, run: Callable[[int], Mapping[str, Any]], *, max_step: int, replace: bool = False
    ) -> Checkpoint | None:
        """The newest whole checkpoint of at most `max_step` steps, or None; every file of it has been read.

        `run` says what a checkpoint after so many sequences belongs to. Newer ones than that are set aside as
        `step-….damaged`, and said. Raises OtherRunError where they are of another run; with `replace` these are
        removed instead, and said.
        """
        self.wait()
        while (found := self._ranks.first(lambda: self._newest(run, max_step, replace))) is not None:
            damages = self._ranks.gather(partial(self._damage, found))
            damage = next(filter(None, damages), None)
            if damage is None:
                return found
            self._ranks.first(partial(self._set_aside, found.folder, damage))
        return None

    def load(self, checkpoint: Checkpoint, tensors: Mapping[str, Saveable]) -> None:
        """Fills the tensors in place; random states that the checkpoint does not have stay as they are."""
        self.wait()
        self._ranks.gather(lambda: load_checkpoint(checkpoint, tensors))

    def _copy(self, mine: list[Chunk], tensors: Mapping[str, Saveable]) -> None:
        if mine != self._chunks:
            pinned = any(isinstance(value, Tensor) and value.is_cuda for value in tensors.values())
            self._files = []  # Before there are others: the host may not hold both.
            self._chunks, self._files = mine, lay_out(self._ranks.index, mine, pinned=pinned)
        for file in self._files:
            file.fill(tensors)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()

    def _write(self, unfinished: Path, state: dict[str, Any]) -> None:
        """In the background: each process its files, then rank 0 `state.json` and the name that makes them count."""
        try:
            digests = self._ranks.gather(lambda: write_files(unfinished, self._files))
            state |= {"world_size": self._ranks.count, "sha256": {n: d for own in digests for n, d in own.items()}}
            self._ranks.first(lambda: self._finish(unfinished, state))
        except (OSError, TrainingError) as error:
            if self._ranks.index == 0:
                shutil.rmtree(unfinished, ignore_errors=True)
            line = f"the checkpoint of step {state['step']} was not written: {error}"
            self._say(line)
            raise TrainingError(line) from error

    def _finish(self, unfinished: Path, state: Mapping[str, Any]) -> None:
        text = json.dumps(state, indent=1, sort_keys=True) + "\n"
        (unfinished / "state.json").write_text(text)
        for path in (unfinished / "state.json", unfinished):
            to_disk(path)
        unfinished.rename(unfinished.with_suffix(""))
        to_disk(self._folder)
        for old in checkpoint_folders(self._folder)[: -self._keep]:
            if not self._keep_every or _step(old) % self._keep_every:
                _remove(old)

    def _newest(self, run: Callable[[int], Mapping[str, Any]], max_step: int, replace: bool) -> Checkpoint | None:
        """The newest that looks whole: all but the digests is checked."""
        found: Checkpoint | None = None
        others: dict[Path, str] = {}
        for path in reversed(checkpoint_folders(self._folder)):
            try:
                checkpoint = read_checkpoint(path)
                if checkpoint.step != _step(path):
                    raise DamagedCheckpointError(f"state.json is of step {checkpoint.step}")
                _refuse_other_run(self._folder, checkpoint.run, run(checkpoint.sequences))
                read_index(checkpoint.files)
                if checkpoint.step <= max_step:
                    found = checkpoint
                    break
                self._set_aside(path, f"metrics.jsonl ends at step {max_step}")
            except OtherRunError as error:
                others[path] = str(error)
            except DamagedCheckpointError as error:
                self._set_aside(path, str(error))
        self._give_way(others, "begins anew" if found is None else f"goes on from step {found.step}", replace)
        return found

    def _give_way(self, others: Mapping[Path, str], onward: str, replace: bool) -> None:
        """Removes checkpoints of another run, or says how to go on: nobody's weeks of work go in silence."""
        if not others:
            return
        why = next(iter(others.values()))
        if not replace:
            raise OtherRunError(
                f"{why}: use another output folder, or --replace (trainer.replace of a recipe), "
                f"which removes what does not fit and {onward}"
            )
        self._say(f"{onward}: {why}")
        for path in others:
            _remove(path)

    def _damage(self, checkpoint: Checkpoint) -> str | None:
        """What is wrong with this process's share of the files."""
        try:
            check_files(checkpoint, self._ranks.index, self._ranks.count)
        except DamagedCheckpointError as error:
            return str(error)
        return None

    def _set_aside(self, folder: Path, reason: str) -> None:
        aside = folder.with_suffix(".damaged")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        self._say(f"{folder.name} is set aside as {aside.name}: {reason}")

    def _remove_unfinished(self) -> None:
        """Removes what a killed run left half written or half removed."""
        for path in self._folder.glob("step-*.tmp"):
            shutil.rmtree(path)


def checkpoint_folders(folder: Path) -> list[Path]:
    """Whole checkpoints by name, oldest first; their content is not looked at."""
    return sorted((path for path in folder.glob("step-*") if _FOLDER.fullmatch(path.name)), key=_step)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads `state.json`; raises DamagedCheckpointError where it is not one, OtherRunError where of another format."""
    for path in sorted(folder.glob("*")):
        if not os.access(path, os.R_OK):  # It is not damaged, and not to be set aside.
            raise TrainingError(f"{path} cannot be read: permission denied; give this user access and start again")
    try:
        state = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedCheckpointError(f"state.json: {error}") from error
    if isinstance(state, dict) and type(state.get("format")) is int and state["format"] != FORMAT:
        raise OtherRunError(f"{folder} is of format {state['format']}, and this version reads {FORMAT}")
    kinds = {"format": int, "step": int, "sequences": int, "run": dict, "world_size": int, "sha256": dict}
    if not isinstance(state, dict) or not all(type(state.get(key)) is kind for key, kind in kinds.items()):
        raise DamagedCheckpointError("state.json lacks what a checkpoint states")
    if min(state["step"], state["sequences"]) < 0:
        raise DamagedCheckpointError("state.json counts below zero")
    if not state["sha256"] or not all(map(_FILE.fullmatch, state["sha256"])):
        raise DamagedCheckpointError("state.json names no files, or other files than a checkpoint's")
    return Checkpoint(folder=folder, **{key: state[key] for key in ("step", "sequences", "run", "sha256")})


def check_files(checkpoint: Checkpoint, rank: int = 0, ranks: int = 1) -> None:
    """Reads every file, or one rank's share; raises DamagedCheckpointError where one is not what was written."""
    share = checkpoint.files[rank::ranks]
    try:
        digests = file_digests(share)
    except OSError as error:
        raise DamagedCheckpointError(f"{type(error).__name__}: {error}") from error
    for path, digest in zip(share, digests, strict=True):
        if checkpoint.sha256[path.name] != digest:
            raise DamagedCheckpointError(f"{path.name} is not what was written")


def load_checkpoint(checkpoint: Checkpoint, tensors: Mapping[str, Saveable]) -> None:
    """Fills tensors of any mesh in place; random states that the checkpoint does not have stay as they are.

    Raises DamagedCheckpointError where others are missing, or of another shape. What else is saved is not read.
    """
    index = read_index(checkpoint.files)
    wanted = {name: value for name, value in tensors.items() if name in index or not name.startswith(_MAY_BE_MISSING)}
    load_tensors(index, wanted)


def _refuse_other_run(folder: Path, saved: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    for key, value in asked.items():
        # A setting that a checkpoint does not know came later: until then it was what it is when nobody names it.
        before = saved.get(key, _UNNAMED.get(key))
        if key not in FREE_SETTINGS and before != value:
            raise OtherRunError(f"{folder} holds a run with {key} = {_short(before)}, not {_short(value)}")


def _short(value: Any) -> str:
    """A value as a message says it: of a digest the beginning."""
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _make_empty(folder: Path) -> None:
    """For what is to become a checkpoint; never in the place of one."""
    if folder.with_suffix("").exists():
        raise TrainingError(f"{folder.with_suffix('')} is there already: does another run write to this folder?")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _remove(folder: Path) -> None:
    """Renamed first: a kill in the middle of the removal leaves no checkpoint that looks whole."""
    unfinished = folder.with_suffix(".tmp")
    folder.rename(unfinished)
    shutil.rmtree(unfinished)


def to_disk(path: Path) -> None:
    """Waits until a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
