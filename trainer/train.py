"""Trains a LLaMA model on a token stream, and goes on where it stopped.

Writes `metrics.jsonl`, `evaluation.jsonl` and `checkpoints/` below the output: on a CPU the same bytes on every run of
the same stream, settings, seed and thread count, broken off or not (a GPU's sums are not ordered, but for
`deterministic`). What differs goes to the timings.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from trainer.batches import TokenStream, batches_from, check_stream, lengths, next_batch
from trainer.checkpoint import Checkpoints
from trainer.config import TrainerConfig
from trainer.errors import TrainingError
from trainer.evaluation import HeldOut, evaluate, is_due, line_of
from trainer.metrics import MetricsFile, count_steps
from trainer.model import Rope, count_parameters, rope_table
from trainer.parallel import World
from trainer.profiling import Profiler, memory_snapshot
from trainer.progress import Say
from trainer.recorder import Recorder, StepSize
from trainer.saved_model import SavedModel
from trainer.sinks import SinkChoice, Sinks
from trainer.state import TrainingState, compute_dtype, draw_weights, new_state, set_master
from trainer.step import StepFigures, pass_over, train_step
from trainer.step_parts import PARTS, Marks, StepParts
from trainer.step_span import StepSpan

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
    skip_steps: tuple[StepSpan, ...] = ()
    """Steps whose sequences are passed over; the others read what they would have read."""
    sinks: SinkChoice = field(default_factory=SinkChoice)
    profile: StepSpan | None = None
    profile_to: Path | None = None
    memory_snapshot: Path | None = None
    initial: SavedModel | None = None
    """The model to begin with; without it weights are drawn from the seed."""

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
        done = sequences // self.config.batch_sequences
        skipped = (StepSpan(span.first, min(span.last, done)) for span in sorted(self.skip_steps) if span.first <= done)
        return {
            "skip_steps": ",".join(map(str, skipped)),
            "tokenizer": self.stream.tokenizer_digest,
            "stream": self.stream.digest_until(sequences),
            "vocabulary_size": self.stream.vocabulary_size,
            "sequence_tokens": self.stream.sequence_tokens,
            "seed": self.seed,
            **({"initial": self.initial.digest} if self.initial is not None else {}),
            **asdict(self.config),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launched:
    """A step whose figures are still on their way from the device."""

    size: StepSize
    figures: StepFigures
    marks: Marks
    passed_over: bool
    timings: dict[str, Any]


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
        state = new_state(config, vocabulary_size, world, say=say)
        if found is None:
            torch.manual_seed(training.seed)
            _set_first_weights(training, state)
        else:
            checkpoints.load(found, state.tensors(world))
            state.step, state.sequences = found.step, found.sequences
            say(f"resumes after step {state.step}")
        _describe(training, say)
        _go_on(training, state, checkpoints, say)


def _go_on(training: Training, state: TrainingState, checkpoints: Checkpoints, say: Say) -> None:
    """The steps that are left, with all that looks on."""
    world, first = training.world, state.step + 1
    folder = training.timings.parent if training.timings else training.output
    sinks = training.sinks if world.is_first else SinkChoice()
    with (
        memory_snapshot(training.memory_snapshot, say),
        Profiler(training.profile, training.profile_to or folder / "profile", say, rank=world.rank) as profiler,
        Sinks(sinks.openers(first_step=first, folder=folder, settings=asdict(training.config)), say) as open_sinks,
        Recorder(
            training.config,
            training.stream,
            world,
            metrics=training.metrics,
            timings=training.timings,
            sinks=open_sinks,
            done=state.step,
            sequences=state.sequences,
            say=say,
        ) as recorder,
        _Loop(training, state, checkpoints, recorder, profiler, say) as loop,
    ):
        loop.run()


def _set_first_weights(training: Training, state: TrainingState) -> None:
    if training.initial is None:
        draw_weights(state, training.config, training.seed)
        return
    for name in state.weights:
        set_master(state, name, training.initial.read(name))


class _Loop:
    """The steps that are left; each one's figures are read, and written, while the next is at work."""

    def __init__(
        self,
        training: Training,
        state: TrainingState,
        checkpoints: Checkpoints,
        recorder: Recorder,
        profiler: Profiler,
        say: Say,
    ) -> None:
        self._training, self._state, self._checkpoints, self._say = training, state, checkpoints, say
        self._recorder, self._profiler = recorder, profiler
        config, stream, first = training.config, training.stream, training.world.is_first
        self._rope: Rope = rope_table(config, max(lengths(stream, config)), training.world.device)
        evaluates = first and (training.held_out is not None or training.evaluations.exists())
        self._evaluations = MetricsFile(training.evaluations if evaluates else None, steps=state.step, has_gaps=True)
        self._batches = batches_from(state.sequences, stream, config)
        self._parts = StepParts(state.model, training.world.device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._evaluations, self._batches):
            file.__exit__(None, None, None)

    def run(self) -> None:
        """All steps, and between them checkpoints and looks at held-out documents."""
        config = self._training.config
        launched: _Launched | None = None
        self._evaluate_if_due()  # Where one was broken off: its checkpoint was written before.
        while self._state.step < config.steps:
            before = launched
            with self._profiler.step(self._state.step + 1):
                launched = self._launch()
            if before is not None:
                self._finish(before)
            saves = launched.size.step % config.checkpoint_steps == 0 or launched.size.step == config.steps
            if saves or self._training.is_evaluation_due(launched.size.step):
                self._finish(launched)
                launched = None
                if saves:
                    self._save()
                self._evaluate_if_due()

    def _launch(self) -> _Launched:
        training, state, waited = self._training, self._state, self._batches.waited_seconds
        self._parts.begin()
        ready, batch = self._batches.ready, next_batch(self._batches, training.stream.vocabulary_size)
        passed_over = any(state.step + 1 in span for span in training.skip_steps)
        if passed_over:
            figures = pass_over(state, batch, training.sources, training.config)
        else:
            figures = train_step(state, batch, training.sources, self._rope, training.config, training.world)
        data = {"data_wait_ms": round(1000 * (self._batches.waited_seconds - waited), 3), "batches_ready": ready}
        return _Launched(
            size=StepSize(step=state.step, consumed=batch.consumed, sequence_tokens=batch.tokens.shape[1]),
            figures=figures,
            marks=self._parts.end(),
            passed_over=passed_over,
            timings=data,
        )

    def _finish(self, launched: _Launched) -> None:
        """Waits for a step's figures and writes them."""
        result, skips = launched.figures.read()
        parts = self._parts.parts_of(launched.marks) or {}
        split = {f"{name}_ms": round(parts[name], 3) if parts else "n/a" for name in PARTS}
        self._recorder.write(launched.size, result, {**launched.timings, **split})
        step = launched.size.step
        told = f"the loss is {result.loss:.4f}, the gradient's norm {result.gradient_norm:.4f}"
        if skips >= MAX_SKIPS:
            raise TrainingError(
                f"step {step}: the last {skips} steps were skipped, {told}; nothing was updated; "
                f"`tokenmill explain … --step {step - skips + 1}:{step}` names their documents"
            )
        if result.skipped and not launched.passed_over:
            self._say(f"step {step} is skipped: {told}; `tokenmill explain … --step {step}` names its documents")

    def _save(self) -> None:
        state, training = self._state, self._training
        self._recorder.to_disk()
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
        line = line_of(state.step, figures)
        self._evaluations.write(line)
        told = (f"{source} {some.bits_per_byte:.4f}" for source, some in figures.items())
        self._say(f"held-out documents after step {state.step}, bits per byte: {', '.join(told)}")
        self._recorder.write_held_out(state.step, line)


def _describe(training: Training, say: Say) -> None:
    config, world = training.config, training.world
    tokens = [f"{config.batch_sequences * length:,}" for length in lengths(training.stream, config)]
    dtype = str(compute_dtype(config, world.device)).removeprefix("torch.")
    say(
        f"trains {count_parameters(config, training.stream.vocabulary_size):,} parameters for {config.steps} steps of "
        f"{', then '.join(tokens)} tokens on {world}, in {dtype}"
    )
