"""Measures training steps on random tokens: the step is `trainer.step`'s, nothing is left out but reading the stream.

Numbers are random, weights and tokens: zeros would draw less power and make any device look faster.
"""

import dataclasses
import math
import time
from statistics import median
from typing import Any

import numpy as np
import torch

from mixtures.loader import Batch
from trainer import speed
from trainer.attention import choose_backend
from trainer.config import TrainerConfig
from trainer.hardware import Sampler, code_version, device_bytes, device_facts, versions
from trainer.linear import sums_in_float32
from trainer.memory import Job, choose_micro_batch
from trainer.model import Rope, count_parameters, rope_table
from trainer.parallel import World, local
from trainer.probe import probe
from trainer.progress import Say
from trainer.state import TrainingState, compute_dtype, new_state
from trainer.step import train_step
from trainer.step_parts import StepParts

MIN_STEPS = 3
WARMUP_STEPS = 3
SOURCES = ("random",)
_FIRST_ID = 3  # Above <unk>, <s> and </s>, which mean something to loss and masks.


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured: a model, its batches, and about for how many seconds its steps are timed."""

    config: TrainerConfig
    vocabulary_size: int
    sequence_tokens: int
    seconds: float

    @property
    def batch_tokens(self) -> int:
        """Tokens of a step, over all processes."""
        return self.config.batch_sequences * self.sequence_tokens


def bench(case: Case, world: World, say: Say, *, began: float) -> dict[str, Any]:
    """The whole measurement, one JSON object. `began` is when the program started, by `time.perf_counter`.

    Raises SettingsError where the model does not fit the device.
    """
    case = _fitted(case, world)
    config, device = case.config, world.device
    dtype = compute_dtype(config, device)
    said: list[str] = []
    choose_backend(tokens=case.sequence_tokens, head_size=config.head_size, dtype=dtype, device=device, say=said.append)
    tokens = config.micro_batch_sequences * case.sequence_tokens
    ceiling = probe(config, case.vocabulary_size, tokens=tokens, device=device, dtype=dtype, seconds=_share(case))
    _forget(device)
    run = _Steps(case, world)
    first = run.warm_up(say, began)
    with Sampler(device) as sampler:
        run.measure(say)
    return {
        "device": device_facts(device) | {"gpus": world.size},
        "sampled": sampler.summary(),
        "versions": versions(),
        "code": code_version(),
        "case": _described(case),
        "computed_in": str(dtype).removeprefix("torch."),
        "attention": said[0].removeprefix("attention: ") if said else "cpu",
        "gradient_sums": _gradient_sums(dtype, world),
        "seconds_to_first_step": round(first, 2),
        **run.figures(ceiling["flops_per_second"]["model"]),
        "probe": ceiling,
    }


def _fitted(case: Case, world: World) -> Case:
    job = Job(
        config=case.config,
        vocabulary_size=case.vocabulary_size,
        sequence_tokens=case.sequence_tokens,
        gpus=world.size,
    )
    count = choose_micro_batch(job, device_bytes(world.device))
    return dataclasses.replace(case, config=dataclasses.replace(case.config, micro_batch_sequences=count))


def _described(case: Case) -> dict[str, Any]:
    return {
        "parameters": count_parameters(case.config, case.vocabulary_size),
        "vocabulary_size": case.vocabulary_size,
        "sequence_tokens": case.sequence_tokens,
        "batch_tokens": case.batch_tokens,
        **dataclasses.asdict(case.config),
        "feed_forward": case.config.feed_forward,
    }


def _gradient_sums(dtype: torch.dtype, world: World) -> str:
    """How a weight's gradients over micro-batches are summed."""
    if world.size > 1:
        return "float32, after a sum over processes"
    if dtype != torch.bfloat16:
        return "by autograd"
    return "float32, within the product" if sums_in_float32(world.device) else "float32, after the product"


def _share(case: Case) -> float:
    """Seconds for each of the probe's products: all together take a tenth of the time or less."""
    return min(0.5, case.seconds / 200)


def _forget(device: torch.device) -> None:
    """Gives back what the probe took, so that the peak is the step's own."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


class _Steps:
    """Training steps and their times."""

    def __init__(self, case: Case, world: World) -> None:
        self._case, self._world = case, world
        self._state = random_state(case.config, case.vocabulary_size, world)
        self._rope: Rope = rope_table(case.config, case.sequence_tokens, world.device)
        self._chance = np.random.default_rng(0)
        self._parts = StepParts(self._state.model, world.device)
        self._seconds: list[float] = []
        self._loss = math.nan
        self._skipped = 0

    def warm_up(self, say: Say, began: float) -> float:
        """Short steps that compile and allocate all that long ones need; seconds until the first was done."""
        ranks, config = self._world.data_ranks, self._case.config
        few = min(config.batch_sequences, 2 * config.micro_batch_sequences * ranks)
        first = 0.0
        for step in range(WARMUP_STEPS):
            self._step(few)
            self._parts.finish()
            first = first or time.perf_counter() - began
            say(f"warm-up step {step + 1} of {few} sequences: {time.perf_counter() - began:.1f} s after start")
        self._parts.forget()
        return first

    def measure(self, say: Say) -> None:
        """Whole steps until no other fits into the seconds of the case, three at the least."""
        began = time.perf_counter()
        batch_sequences = self._case.config.batch_sequences
        while True:
            self._loss, skipped = self._step(batch_sequences)
            self._skipped += skipped
            self._seconds.append(self._parts.finish())
            say(f"step {len(self._seconds)}: {self._seconds[-1]:.3f} s, loss {self._loss:.3f}")
            is_over = time.perf_counter() - began + self._seconds[-1] > self._case.seconds
            # They have to take the same number of steps: the first process whose time is up decides for all.
            if self._world.sum(torch.tensor(float(is_over))) > 0 and len(self._seconds) >= MIN_STEPS:
                return

    def figures(self, products_per_second: float) -> dict[str, Any]:
        """Of all measured steps: medians, spread, and shares of the device's peak and of what it was seen to reach."""
        case, world = self._case, self._world
        rates = sorted(case.batch_tokens / seconds / world.size for seconds in self._seconds)
        rate = median(rates)
        flops = speed.flops_per_token(case.config, case.vocabulary_size, case.sequence_tokens)
        products = speed.flops_per_token(case.config, case.vocabulary_size, 0).full
        dtype = torch.float8_e4m3fn if case.config.precision == "float8" else compute_dtype(case.config, world.device)
        peak = speed.peak_flops(world.device, dtype)
        return {
            "steps": len(rates),
            "step_seconds": [round(seconds, 6) for seconds in self._seconds],
            "tokens_per_second_per_gpu": {
                "median": round(rate, 1),
                "min": round(rates[0], 1),
                "max": round(rates[-1], 1),
                "spread": round((rates[-1] - rates[0]) / rate, 4),
            },
            "peak_flops": peak if peak is not None else "n/a",
            **speed.utilisation(rate, flops, peak),
            "products_of_measured": round(rate * products / products_per_second, 4),
            "breakdown_ms": self._parts.medians(),
            "memory": _memory(world.device),
            "loss": self._loss,
            "skipped_steps": self._skipped,
        }

    def _step(self, sequences: int) -> tuple[float, bool]:
        """One step of so many sequences: its loss, and whether it was skipped."""
        case = self._case
        shape = (sequences, case.sequence_tokens)
        first = min(_FIRST_ID, case.vocabulary_size - 1)
        batch = Batch(
            first=self._state.sequences,
            tokens=self._chance.integers(first, case.vocabulary_size, shape, np.int32),
            sources=np.zeros(sequences, np.int64),
            consumed=self._state.sequences + sequences,
        )
        self._parts.begin()
        figures = train_step(self._state, batch, SOURCES, self._rope, case.config, self._world)
        self._parts.end()
        result, _ = figures.read()
        return result.loss, result.skipped


def random_state(config: TrainerConfig, vocabulary_size: int, world: World) -> TrainingState:
    """A state before the first step whose weights are drawn on the device: quick, and not those that training draws."""
    state = new_state(config, vocabulary_size, world)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in state.weights.values():
            if weight.ndim > 1:
                local(weight).normal_(0.0, config.initial_std)
            else:
                local(weight).fill_(1.0)
    return state


def _memory(device: torch.device) -> dict[str, int | str]:
    """The most that torch held of the device's memory, and the most of that which tensors took."""
    if device.type != "cuda":
        return {"reserved_bytes": "n/a", "allocated_bytes": "n/a", "device_bytes": "n/a"}
    return {
        "reserved_bytes": torch.cuda.max_memory_reserved(device),
        "allocated_bytes": torch.cuda.max_memory_allocated(device),
        "device_bytes": device_bytes(device) or "n/a",
    }
