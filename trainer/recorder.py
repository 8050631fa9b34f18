"""What a run tells of its steps: metrics that repeat bit for bit; timings, sinks and lines for people, which do not."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from trainer import speed
from trainer.batches import TokenStream, tokens_before
from trainer.config import TrainerConfig
from trainer.metrics import MetricsFile, TimingsFile, finite
from trainer.parallel import World
from trainer.progress import Progress, Say
from trainer.sinks import Sinks
from trainer.state import compute_dtype
from trainer.step import StepResult

_GIB = 1 << 30
_UNKNOWN = "n/a"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSize:
    """Which step it was, how many sequences had been read behind it, and how long they were."""

    step: int
    consumed: int
    sequence_tokens: int


class Recorder:
    """Writes the figures of each step as soon as they are known; processes but the first write nothing.

    `done` and `sequences` say where the run begins or goes on; what the metrics hold beyond is dropped.
    """

    def __init__(
        self,
        config: TrainerConfig,
        stream: TokenStream,
        world: World,
        *,
        metrics: Path,
        timings: Path | None,
        sinks: Sinks,
        done: int,
        sequences: int,
        say: Say,
    ) -> None:
        self._config, self._stream, self._world, self._say = config, stream, world, say
        first, whole = (tokens_before(at, stream) for at in (sequences, config.steps * config.batch_sequences))
        self._progress = Progress(config.steps, first, whole, say)
        self._metrics = MetricsFile(metrics if world.is_first else None, steps=done)
        self._timings = TimingsFile(timings if world.is_first else None)
        self._sinks = sinks
        self._written_at = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in (self._metrics, self._timings, self._sinks):
            file.__exit__(*error)

    def write(self, size: StepSize, result: StepResult, timings: Mapping[str, Any]) -> None:
        """Tells of a step; `timings` is what is known of its time already."""
        now = time.perf_counter()
        seconds, self._written_at = now - self._written_at, now
        tokens = tokens_before(size.consumed, self._stream)
        clipped = result.gradient_norm > self._config.max_gradient_norm
        metrics = {"step": size.step, "tokens": tokens, **finite(asdict(result)), "clipped": clipped}
        spent = {**timings, **self._speed(size, seconds), **_memory(self._world.device)}
        if "data_wait_ms" in timings:
            spent["data_wait_share"] = round(timings["data_wait_ms"] / (1000 * seconds), 4)
        self._metrics.write(metrics)
        self._timings.write({"step": size.step, **spent})
        self._sinks.write(size.step, metrics | spent)
        self._progress.show(size.step, result.loss, tokens)

    def write_held_out(self, step: int, line: Mapping[str, Any]) -> None:
        """Tells the sinks of held-out documents; the time that looking took is no step's."""
        self._sinks.write(step, {"held_out": line["sources"]})
        self._written_at = time.perf_counter()

    def to_disk(self) -> None:
        """Before a checkpoint: the metrics of its steps must not be lost if the machine stops."""
        self._metrics.to_disk()

    def _speed(self, size: StepSize, seconds: float) -> dict[str, Any]:
        """Time and rates of a step, for its own length of sequence."""
        config, world = self._config, self._world
        rate = config.batch_sequences * size.sequence_tokens / seconds
        flops = speed.flops_per_token(config, self._stream.vocabulary_size, size.sequence_tokens)
        peak = speed.peak_flops(world.device, compute_dtype(config, world.device))
        return {
            "step_ms": round(1000 * seconds, 3),
            "tokens_per_second": round(rate, 1),
            **speed.utilisation(rate / world.size, flops, peak),
        }


def _memory(device: torch.device) -> dict[str, float | str]:
    """The most that tensors took of the GPU so far, and what the allocator holds, in GiB."""
    if device.type != "cuda":
        return {"memory_allocated_gib": _UNKNOWN, "memory_reserved_gib": _UNKNOWN}
    return {
        "memory_allocated_gib": round(torch.cuda.max_memory_allocated(device) / _GIB, 3),
        "memory_reserved_gib": round(torch.cuda.memory_reserved(device) / _GIB, 3),
    }
