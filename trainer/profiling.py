"""Looks into steps: a trace and a table of kernels of some of them, and what allocated the device's memory.

    --profile 20:22 --profile-to FOLDER    trace-20-22.json.gz for Perfetto or chrome://tracing, kernels-20-22.txt
    --memory-snapshot FILE                 the allocations and their stacks, for https://pytorch.org/memory_viz

Recording slows the steps that it covers, so their timings are no measurement.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from trainer.errors import SettingsError
from trainer.progress import Say
from trainer.step_span import StepSpan

_KERNELS_SHOWN = 60
_MEMORY_EVENTS = 200_000


class Profiler:
    """Records the steps of a span that a run does, and writes what it recorded after the last of them."""

    def __init__(self, span: StepSpan | None, folder: Path, say: Say, *, rank: int = 0) -> None:
        self._span, self._folder, self._say = span, folder, say
        self._rank = f"-rank{rank}" if rank else ""
        self._open: profile | None = None
        self._steps: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:  # The run ended within the span: what there is of it is still worth a look.
            self._write()
        if self._span is not None and not self._steps:
            self._say(f"--profile {self._span}: no such step was done in this start")

    @contextlib.contextmanager
    def step(self, step: int) -> Iterator[None]:
        """Goes around a step."""
        if self._span is None or step not in self._span:
            yield
            return
        if self._open is None:
            recorder = profile(activities=_activities(), record_shapes=True, acc_events=True)
            recorder.start()
            self._open = recorder
        self._steps.append(step)
        with record_function(f"step {step}"):
            yield
            if torch.cuda.is_available():
                torch.cuda.synchronize()  # Its kernels belong to it, not to whatever waits for them next.
        if step == self._span.last:
            self._write()

    def _write(self) -> None:
        recorded, self._open = self._open, None
        assert recorded is not None
        recorded.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._steps[0]}-{self._steps[-1]}{self._rank}"
        recorded.export_chrome_trace(str(self._folder / f"trace-{name}.json.gz"))
        order = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        table = recorded.key_averages().table(sort_by=order, row_limit=_KERNELS_SHOWN, max_name_column_width=100)
        (self._folder / f"kernels-{name}.txt").write_text(table + "\n")
        self._say(f"profile: {self._folder}/trace-{name}.json.gz, kernels-{name}.txt")


def _activities() -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]


def check_memory_snapshot(path: Path | None, device: torch.device) -> None:
    """Raises SettingsError where a snapshot is asked for that cannot be taken."""
    if path is not None and device.type != "cuda":
        raise SettingsError(f"--memory-snapshot {path}: needs a GPU, the run is on {device.type}")


@contextlib.contextmanager
def memory_snapshot(path: Path | None, say: Say) -> Iterator[None]:
    """Records the GPU's last 200,000 allocations and writes them however what is inside ends: out of memory too."""
    if path is None:
        yield
        return
    torch.cuda.memory._record_memory_history(max_entries=_MEMORY_EVENTS)
    try:
        yield
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.cuda.memory._dump_snapshot(str(path))  # type: ignore[no-untyped-call]
        torch.cuda.memory._record_memory_history(enabled=None)
        say(f"memory snapshot: {path}")
