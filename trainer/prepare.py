"""From options to a run: the stream opened, the processes joined, torch set up; all that can be refused is refused."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mixtures.stream import Stream, VirtualStream
from trainer.attention import choose_backend
from trainer.batches import TokenStream, check_stream, lengths
from trainer.config import TrainerConfig
from trainer.errors import SettingsError
from trainer.evaluation import HeldOut
from trainer.float8 import check_float8
from trainer.hardware import device_bytes
from trainer.memory import Job, choose_micro_batch
from trainer.parallel import World, joined
from trainer.profiling import check_memory_snapshot
from trainer.progress import Say, say
from trainer.saved_model import SavedModel, open_model, read_tokenizer
from trainer.sinks import SinkChoice
from trainer.state import compute_dtype
from trainer.step_span import StepSpan
from trainer.train import Training


@contextmanager
def prepared(
    *,
    stream: str,
    tokens: str | None,
    output: Path,
    settings: Path,
    device: str,
    seed: int,
    replace: bool,
    timings: Path | None,
    held_out: str | None = None,
    tokenizer: Path | None = None,
    skip_steps: tuple[str, ...] = (),
    tensorboard: Path | None = None,
    wandb: str | None = None,
    profile: str | None = None,
    profile_to: Path | None = None,
    memory_snapshot: Path | None = None,
    weights: Path | None = None,
) -> Iterator[tuple[Training, Say]]:
    """The run that the command line asks for. Raises SettingsError."""
    config = TrainerConfig.from_file(settings)
    sinks = SinkChoice(tensorboard=tensorboard, wandb=wandb)
    sinks.check()
    kind = device_kind(device)
    check_memory_snapshot(memory_snapshot, torch.device(kind))
    with joined(config, kind) as world:
        set_up_torch(config, world)
        opened = _opened(stream, tokens)
        config = fitted(config, opened, world)
        tell = say if world.is_first else _silent
        choose_backend(
            tokens=max(lengths(opened, config)),
            head_size=config.head_size,
            dtype=compute_dtype(config, world.device),
            device=world.device,
            say=tell,
        )
        training = Training(
            config=config,
            stream=opened,
            output=output,
            world=world,
            seed=seed,
            timings=timings,
            replaces=replace,
            held_out=_held_out(held_out, tokenizer, opened, config),
            skip_steps=tuple(StepSpan.parse("--skip-steps", text) for text in skip_steps),
            sinks=sinks,
            profile=StepSpan.parse("--profile", profile) if profile is not None else None,
            profile_to=profile_to,
            memory_snapshot=memory_snapshot,
            initial=_initial(weights, opened, config),
        )
        yield training, tell


def device_kind(asked: str) -> str:
    """ "cuda" or "cpu", of "auto" the better one. Raises SettingsError where a GPU is asked for and there is none."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda: torch sees no GPU here")
    return "cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu"


def set_up_torch(config: TrainerConfig, world: World) -> None:
    """Threads and determinism: on a CPU always, on a GPU where the settings ask for it."""
    if config.precision == "float8":
        check_float8(world.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA's products repeat only with it.
    if config.deterministic or world.device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        # It would fill every fresh tensor to catch reads of memory never written; that is 2% of a small model's step.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def fitted(config: TrainerConfig, stream: TokenStream, world: World) -> TrainerConfig:
    """The settings with the micro-batch that the device holds, in place of 0.

    Raises SettingsError where not one sequence fits, or the stream does not fit the settings.
    """
    check_stream(stream, config)
    job = Job(
        config=config,
        vocabulary_size=stream.vocabulary_size,
        sequence_tokens=max(lengths(stream, config)),
        gpus=world.size,
    )
    return dataclasses.replace(config, micro_batch_sequences=choose_micro_batch(job, device_bytes(world.device)))


def _opened(stream: str, tokens: str | None) -> Stream | VirtualStream:
    try:
        opened = VirtualStream.open(stream, tokens) if tokens else Stream.open(stream)
        opened.check()
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"--stream {stream}: {error}") from error
    return opened


def _initial(weights: Path | None, stream: TokenStream, config: TrainerConfig) -> SavedModel | None:
    if weights is None:
        return None
    model = open_model(weights)
    model.check_fits(config, stream.vocabulary_size, stream.tokenizer_digest)
    return model


def _held_out(folder: str | None, tokenizer: Path | None, stream: TokenStream, config: TrainerConfig) -> HeldOut | None:
    if folder is None or not config.evaluation_steps:
        return None
    if tokenizer is None:
        raise SettingsError("--held-out: give --tokenizer as well, the tokenizer.model that the stream is of")
    vocabulary = read_tokenizer(tokenizer)
    if vocabulary.digest != stream.tokenizer_digest:
        raise SettingsError(f"--tokenizer {tokenizer} is not the one that the stream is of")
    # The first sequences' length: a run whose sequences grow is measured by one yardstick.
    return HeldOut.open(
        folder, vocabulary, documents=config.evaluation_documents, sequence_tokens=stream.sequence_tokens
    )


def _silent(_line: str) -> None:
    """What processes but the first say."""
