"""Trains a LLaMA model on a token stream, and goes on where it stopped.

Writes `metrics.jsonl`, `evaluation.jsonl` and `checkpoints/` below the output: on a CPU the same bytes on every run of
the same stream, settings, seed and thread count, broken off or not (a GPU's sums are not ordered, but for
`deterministic`). What differs goes to the timings.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from trainer import speed
from trainer.batches import TokenStream, batches_from, check_stream, lengths, next_batch, tokens_before
from trainer.checkpoint import Checkpoints
from trainer.config import TrainerConfig
from trainer.errors import TrainingError
from trainer.evaluation import HeldOut, evaluate, is_due, line_of
from trainer.metrics import MetricsFile, TimingsFile, count_steps
from trainer.model import Rope, count_parameters, rope_table
from trainer.parallel import World
from trainer.progress import Progress, Say
from trainer.state import TrainingState, compute_dtype, draw_weights, new_state
from trainer.step import StepFigures, StepResult, train_step

MAX_SKIPS = 10
"""So many steps in a row that change nothing end a run: it will not mend itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One run: what to train, on what, where, and with which seed."""

    config: TrainerConfig
    stream: TokenStream
    output: Path
    world: World
    seed: int
    timings: Path | None = None
    replaces: bool = False
    """Whether checkpoints of another stream or other settings in the output folder give way."""
    held_out: HeldOut | None = None

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.output / "checkpoints"

    @property
    def metrics(self) -> Path:
        """File of the metrics."""
        return self.output / "metrics.jsonl"

    @property
    def evaluations(self) -> Path:
        """File of the figures of held-out documents."""
        return self.output / "evaluation.jsonl"

    def is_evaluation_due(self, step: int) -> bool:
        """Whether figures after so many steps are wanted, and not there yet."""
        return self.held_out is not None and is_due(self.evaluations, self.config, step)

    @property
    def sources(self) -> tuple[str, ...]:
        """The stream's sources, as batches number them."""
        return tuple(self.stream.sources)

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
class _Launched:
    """A step whose figures are still on their way from the device."""

    step: int
    consumed: int
    sequence_tokens: int
    figures: StepFigures
    timings: dict[str, Any] = field(default_factory=dict)


def train(training: Training, say: Say) -> None:
    """Trains to the last step; does nothing where that is done.

    Raises SettingsError before any work, TrainingError where the run cannot go on.
    """
    config, world, vocabulary_size = training.config, training.world, training.stream.vocabulary_size
    check_stream(training.stream, config)
    training.output.mkdir(parents=True, exist_ok=True)
    with Checkpoints(
        training.checkpoints, keep=config.keep_checkpoints, keep_every_steps=config.keep_every_steps, say=say
    ) as checkpoints:
        done = count_steps(training.metrics)
        found = checkpoints.newest_good(training.identity, max_step=done, replace=training.replaces)
        if found is not None and found.step == config.steps and not training.is_evaluation_due(found.step):
            say(f"already trained: {found.step} steps, {training.output}")
            return
        state = new_state(config, vocabulary_size, world)
        if found is None:
            torch.manual_seed(training.seed)
            draw_weights(state, config, training.seed)
        else:
            checkpoints.load(found, state.tensors(world))
            state.step, state.sequences = found.step, found.sequences
            say(f"resumes after step {state.step}")
        _describe(training, say)
        with _Loop(training, state, checkpoints, say) as loop:
            loop.run()


class _Loop:
    """The steps that are left; each one's figures are read, and written, while the next is at work."""

    def __init__(self, training: Training, state: TrainingState, checkpoints: Checkpoints, say: Say) -> None:
        self._training, self._state, self._checkpoints, self._say = training, state, checkpoints, say
        config, stream, first = training.config, training.stream, training.world.is_first
        self._rope: Rope = rope_table(config, max(lengths(stream, config)), training.world.device)
        done, whole = (tokens_before(at, stream) for at in (state.sequences, config.steps * config.batch_sequences))
        self._progress = Progress(config.steps, done, whole, say)
        self._metrics = MetricsFile(training.metrics if first else None, steps=state.step)
        evaluates = first and (training.held_out is not None or training.evaluations.exists())
        self._evaluations = MetricsFile(training.evaluations if evaluates else None, steps=state.step, has_gaps=True)
        self._timings = TimingsFile(training.timings if first else None)
        self._batches = batches_from(state.sequences, stream, config)
        self._read_at = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._metrics, self._evaluations, self._timings, self._batches):
            file.__exit__(None, None, None)

    def run(self) -> None:
        """All steps, and between them checkpoints and looks at held-out documents."""
        config = self._training.config
        launched: _Launched | None = None
        self._evaluate_if_due()  # Where one was broken off: its checkpoint was written before.
        while self._state.step < config.steps:
            before, launched = launched, self._launch()
            if before is not None:
                self._finish(before)
            saves = launched.step % config.checkpoint_steps == 0 or launched.step == config.steps
            if saves or self._training.is_evaluation_due(launched.step):
                self._finish(launched)
                launched = None
                if saves:
                    self._save()
                self._evaluate_if_due()

    def _launch(self) -> _Launched:
        training, waited = self._training, self._batches.waited_seconds
        ready, batch = self._batches.ready, next_batch(self._batches, training.stream.vocabulary_size)
        figures = train_step(self._state, batch, training.sources, self._rope, training.config, training.world)
        data = {"data_wait_ms": round(1000 * (self._batches.waited_seconds - waited), 3), "batches_ready": ready}
        return _Launched(
            step=self._state.step,
            consumed=batch.consumed,
            sequence_tokens=batch.tokens.shape[1],
            figures=figures,
            timings=data,
        )

    def _finish(self, launched: _Launched) -> None:
        """Waits for a step's figures and writes them."""
        result, skips = launched.figures.read()
        now = time.perf_counter()
        seconds, self._read_at = now - self._read_at, now
        tokens = tokens_before(launched.consumed, self._training.stream)
        self._metrics.write({"step": launched.step, "tokens": tokens, **_finite(result)})
        self._timings.write({"step": launched.step, **launched.timings, **self._speed(launched, seconds)})
        self._progress.show(launched.step, result.loss, tokens)
        if skips >= MAX_SKIPS:
            raise TrainingError(
                f"step {launched.step}: the last {skips} steps were skipped, the loss is {result.loss}, the gradient's "
                f"norm {result.gradient_norm}; nothing was updated"
            )

    def _speed(self, launched: _Launched, seconds: float) -> dict[str, Any]:
        """Time and rates of a step, for its own length of sequence."""
        training, config = self._training, self._training.config
        rate = config.batch_sequences * launched.sequence_tokens / seconds
        flops = speed.flops_per_token(config, training.stream.vocabulary_size, launched.sequence_tokens)
        peak = speed.peak_flops(training.world.device, compute_dtype(config, training.world.device))
        return {
            "step_ms": round(1000 * seconds, 3),
            "tokens_per_second": round(rate, 1),
            **speed.utilisation(rate / training.world.size, flops, peak),
        }

    def _save(self) -> None:
        state, training = self._state, self._training
        self._metrics.to_disk()
        self._checkpoints.save(
            step=state.step,
            sequences=state.sequences,
            run=training.identity(state.sequences),
            tensors=state.tensors(training.world),
        )

    def _evaluate_if_due(self) -> None:
        training, state = self._training, self._state
        if training.held_out is None or not training.is_evaluation_due(state.step):
            return
        sequences = training.config.micro_batch_sequences
        figures = evaluate(state.model, training.held_out, self._rope, sequences=sequences, world=training.world)
        self._evaluations.write(line_of(state.step, figures))
        told = (f"{source} {some.bits_per_byte:.4f}" for source, some in figures.items())
        self._say(f"held-out documents after step {state.step}, bits per byte: {', '.join(told)}")
        self._read_at = time.perf_counter()


def _finite(result: StepResult) -> Mapping[str, Any]:
    """A result as JSON knows it: null for what is no number."""

    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: known(inner) for name, inner in value.items()}
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: known(value) for name, value in asdict(result).items()}


def _describe(training: Training, say: Say) -> None:
    config, world = training.config, training.world
    tokens = [f"{config.batch_sequences * length:,}" for length in lengths(training.stream, config)]
    dtype = str(compute_dtype(config, world.device)).removeprefix("torch.")
    say(
        f"trains {count_parameters(config, training.stream.vocabulary_size):,} parameters for {config.steps} steps of "
        f"{', then '.join(tokens)} tokens on {world}, in {dtype}"
    )
