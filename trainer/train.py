"""Trains a LLaMA model on a token stream, and goes on where it stopped.

    python -m trainer.train --stream DIR --output DIR --settings FILE.json

Writes `metrics.jsonl` and `checkpoints/` below the output: on a CPU the same bytes on every run of the same stream,
settings, seed and thread count, broken off or not (a GPU's sums are not ordered). What differs goes to `--timings`.
Exit codes: 0 trained, 1 the run could not go on, 2 a wrong setting, 130 interrupted; after 1 and 130 a rerun goes on.
"""

import argparse
import json
import math
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from mixtures.loader import Batch
from mixtures.stream import Stream, VirtualStream
from trainer import model, speed
from trainer.batches import (
    TokenStream,
    batches_from,
    check_stream,
    lengths,
    micro_batches,
    next_batch,
    tokens_before,
)
from trainer.checkpoint import Checkpoint, newest_good, remove_partial, save_checkpoint
from trainer.config import TrainerConfig
from trainer.errors import OtherRunError, SettingsError, TrainingError
from trainer.metrics import MetricsFile, TimingsFile, count_steps
from trainer.optimizer import adamw_step, clip_gradients, initial_moments, learning_rate_at
from trainer.progress import Progress, Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One run: what to train, on what, where, and with which seed."""

    config: TrainerConfig
    stream: TokenStream
    output: Path
    device: torch.device
    seed: int
    timings: Path | None = None
    replaces: bool = False
    """Whether a run of another stream or other settings in the output folder gives way."""

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.output / "checkpoints"

    @property
    def metrics(self) -> Path:
        """File of the metrics."""
        return self.output / "metrics.jsonl"

    @property
    def dtype(self) -> torch.dtype:
        """What the layers compute in: on a CPU always float32, since bfloat16 is slower there."""
        return torch.float32 if self.device.type == "cpu" else getattr(torch, self.config.precision)

    def identity(self, sequences: int) -> dict[str, Any]:
        """What a checkpoint after so many sequences must share with this run to be gone on from."""
        return {
            "tokenizer": self.stream.tokenizer_digest,
            "stream": self.stream.digest_until(sequences),
            "vocabulary_size": self.stream.vocabulary_size,
            "sequence_tokens": self.stream.sequence_tokens,
            "seed": self.seed,
            **asdict(self.config),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """Figures of one step; losses are nats a predicted token."""

    loss: float
    source_losses: Mapping[str, float]
    gradient_norm: float
    learning_rate: float


def train(training: Training, say: Say) -> None:
    """Trains to the last step; does nothing where that is done.

    Raises SettingsError before any work, TrainingError where the run cannot go on.
    """
    check_stream(training.stream, training.config)
    training.output.mkdir(parents=True, exist_ok=True)
    remove_partial(training.checkpoints)
    torch.manual_seed(training.seed)
    state = _resumed_or_new(training, say)
    if state.step == training.config.steps:
        say(f"already trained: {state.step} steps, {training.output}")
        return
    if state.step:
        say(f"resumes after step {state.step}")
    with MetricsFile(training.metrics, steps=state.step) as metrics, TimingsFile(training.timings) as timings:
        _go_on(training, state, metrics, timings, say)


def train_step(training: Training, state: Checkpoint, rope: model.Rope, batch: Batch) -> StepResult:
    """The step after `state.step`, from the batch at `state.sequences`: weights and moments change in place."""
    config = training.config
    losses, sources = _accumulate_gradients(training, state, rope, batch)
    gradients = {name: _gradient(weight) for name, weight in state.weights.items()}
    norm = float(clip_gradients(gradients, config.max_gradient_norm))
    predictions = batch.tokens.shape[1] - 1
    loss = math.fsum(losses) / (len(losses) * predictions)
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise TrainingError(
            f"step {state.step + 1}: the loss is {loss}, the gradient's norm {norm}; nothing was updated"
        )
    rate = learning_rate_at(state.step + 1, config)
    adamw_step(state.weights, gradients, state.moments, step=state.step + 1, learning_rate=rate, config=config)
    for weight in state.weights.values():
        weight.grad = None
    by_source: dict[str, list[float]] = {}
    for source, of_sequence in zip(sources, losses, strict=True):
        by_source.setdefault(source, []).append(of_sequence)
    return StepResult(
        loss=loss,
        source_losses={name: math.fsum(some) / (len(some) * predictions) for name, some in sorted(by_source.items())},
        gradient_norm=norm,
        learning_rate=rate,
    )


def _accumulate_gradients(
    training: Training, state: Checkpoint, rope: model.Rope, batch: Batch
) -> tuple[list[float], list[str]]:
    """Adds up the gradients of the whole batch's mean loss a token: the same however it is cut into micro-batches."""
    config = training.config
    predictions = batch.tokens[:, 1:].size
    rope = rope.first(batch.tokens.shape[1])
    losses: list[Tensor] = []
    sources: list[str] = []
    for micro_batch in micro_batches(batch, training.stream, config, training.device):
        losses_B = model.sequence_losses(state.weights, micro_batch.tokens_BT, rope, config, training.dtype)
        (losses_B.sum() / predictions).backward()  # type: ignore[no-untyped-call]
        losses.append(losses_B.detach())
        sources += micro_batch.sources
    # One wait for the device a step: everything before is only queued.
    return torch.cat(losses).tolist(), sources


def _gradient(weight: Tensor) -> Tensor:
    if weight.grad is None:
        raise TrainingError("a weight took no part in the loss")
    return weight.grad


def _resumed_or_new(training: Training, say: Say) -> Checkpoint:
    done = count_steps(training.metrics)
    try:
        state = newest_good(training.checkpoints, training.device, run=training.identity, max_step=done, say=say)
    except OtherRunError as error:
        if not training.replaces:
            raise
        say(f"begins anew: {error}")
        shutil.rmtree(training.checkpoints)
        state = None
    if state is None:
        weights = model.initial_weights(
            training.config, training.stream.vocabulary_size, seed=training.seed, device=str(training.device)
        )
        run = training.identity(0)
        state = Checkpoint(step=0, sequences=0, run=run, weights=weights, moments=initial_moments(weights))
    for weight in state.weights.values():
        weight.requires_grad_()
    return state


def _go_on(training: Training, state: Checkpoint, metrics: MetricsFile, timings: TimingsFile, say: Say) -> None:
    config, stream = training.config, training.stream
    rope = model.rope_table(config, max(lengths(stream, config)), training.device)
    done, whole = (tokens_before(at, stream) for at in (state.sequences, config.steps * config.batch_sequences))
    progress = Progress(config.steps, done, whole, say)
    _describe(training, state, say)
    with batches_from(state.sequences, stream, config) as loader:
        for step in range(state.step + 1, config.steps + 1):
            began, waited = time.perf_counter(), loader.waited_seconds
            ready, batch = loader.ready, next_batch(loader)
            result = train_step(training, state, rope, batch)
            state = Checkpoint(
                step=step,
                sequences=batch.consumed,
                run=training.identity(batch.consumed),
                weights=state.weights,
                moments=state.moments,
            )
            tokens = tokens_before(batch.consumed, stream)
            metrics.write({"step": step, "tokens": tokens, **asdict(result)})
            data = {"data_wait_ms": round(1000 * (loader.waited_seconds - waited), 3), "batches_ready": ready}
            timings.write({"step": step, **data, **_speed(training, batch, time.perf_counter() - began)})
            progress.show(step, result.loss, tokens)
            if step % config.checkpoint_steps == 0 or step == config.steps:
                metrics.to_disk()
                save_checkpoint(training.checkpoints, state, keep=config.keep_checkpoints)


def _speed(training: Training, batch: Batch, seconds: float) -> dict[str, Any]:
    """Time and rates of a step, for its own length of sequence."""
    rate = batch.tokens.size / seconds
    flops = speed.flops_per_token(training.config, training.stream.vocabulary_size, batch.tokens.shape[1])
    peak = speed.peak_flops(training.device, training.dtype)
    return {
        "step_ms": round(1000 * seconds, 3),
        "tokens_per_second": round(rate, 1),
        **speed.utilisation(rate, flops, peak),
    }


def _describe(training: Training, state: Checkpoint, say: Say) -> None:
    config = training.config
    tokens = [f"{config.batch_sequences * length:,}" for length in lengths(training.stream, config)]
    say(
        f"trains {model.count_parameters(state.weights):,} parameters for {config.steps} steps of "
        f"{', then '.join(tokens)} tokens on {training.device}, in {str(training.dtype).removeprefix('torch.')}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    for stop in (signal.SIGINT, signal.SIGTERM):  # Also where a script started us in the background, deaf to SIGINT.
        signal.signal(stop, _interrupt)
    try:
        train(_prepared(options), _say)
    except SettingsError as error:
        _say(f"error: {error}")
        return 2
    except torch.OutOfMemoryError as error:
        _say(f"error: out of device memory, lower micro_batch_sequences: {str(error).splitlines()[0]}")
        return 1
    except (TrainingError, OSError) as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted: run the same command again to go on from the newest checkpoint")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.train", description="Train a LLaMA model on a token stream."
    )
    parser.add_argument("--stream", required=True, help="folder of the stream to read, a path or an fsspec address")
    parser.add_argument(
        "--tokens",
        help="folder of the sources' token shards: read the sequences from them, not from the stream's shards",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for metrics.jsonl and checkpoints/")
    parser.add_argument(
        "--settings", type=Path, required=True, help="JSON file with the keys of the recipe's [trainer]"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="begin anew where --output holds a run of another stream or of other settings, and remove that",
    )
    parser.add_argument("--timings", type=Path, help="JSON lines of speed a step, appended; none without it")
    return parser


def _prepared(options: argparse.Namespace) -> Training:
    """The run that the command line asks for, with torch set up for it."""
    config = _read_settings(options.settings)
    if options.seed < 0:
        raise SettingsError(f"--seed must be >= 0, got {options.seed}")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda: torch sees no GPU here")
    cuda = options.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    if config.threads:
        torch.set_num_threads(config.threads)
    if not cuda:
        torch.use_deterministic_algorithms(True)
        # It would fill every fresh tensor to catch reads of memory never written; that is 2% of a small model's step.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        stream = VirtualStream.open(options.stream, options.tokens) if options.tokens else Stream.open(options.stream)
        stream.check()
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"--stream {options.stream}: {error}") from error
    return Training(
        config=config,
        stream=stream,
        output=options.output,
        device=device,
        seed=options.seed,
        timings=options.timings,
        replaces=options.replace,
    )


def _read_settings(path: Path) -> TrainerConfig:
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"--settings {path}: {error}") from error
    if not isinstance(settings, dict):
        raise SettingsError(f"--settings {path}: must be one JSON object")
    return TrainerConfig.from_mapping(settings)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
