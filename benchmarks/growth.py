"""Does time a byte, and memory, stay as they are when the input grows? Each size runs in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from benchmarks.claims import MIN_ROUNDS, Figures, one_core
from benchmarks.inputs import Inputs
from benchmarks.models import LanguageModel, classifier, language_model
from benchmarks.web_chain import WET, chain_run, run_chain, write_wet

SIZES = (1, 4, 16)
_UNIT_MEGABYTES = 3
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """Work whose input can be of any size.

    `write(inputs, size)` writes an input of so many times the smallest, and gives its bytes. `python -m MODULE` with
    `arguments(inputs, size)` works on it, and prints seconds and peak memory.
    """

    work: str
    module: str
    write: Callable[[Inputs, int], int]
    arguments: Callable[[Inputs, int], Sequence[str | Path]]

    def speed(self, inputs: Inputs) -> Figures:
        """Speed on the largest input, against that on the smallest."""
        speeds, _, sizes = grown(inputs, self)
        return self._figures(speeds, "MB/s", sizes)

    def memory(self, inputs: Inputs) -> Figures:
        """Peak memory likewise."""
        _, peaks, sizes = grown(inputs, self)
        return self._figures(peaks, "MB", sizes)

    def _figures(self, measured: dict[int, float], unit: str, sizes: dict[int, int]) -> Figures:
        return Figures(
            ours=measured[16],
            reference=measured[1],
            reference_is=f"{self.work} on a sixteenth of it; on a quarter {measured[4]:.3g} {unit}",
            unit=unit,
            input_bytes=sizes[16],
        )


@cache
def grown(inputs: Inputs, growing: Growing) -> tuple[dict[int, float], dict[int, float], dict[int, int]]:
    """Of each size: median speed, median peak memory in MB, bytes of input."""
    sizes = {size: growing.write(inputs, size) for size in SIZES}
    measured: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with one_core():
        for _ in range(MIN_ROUNDS):
            for size in SIZES:
                measured[size].append(in_own_process(inputs, growing, size))
    speeds = {size: sizes[size] / 1e6 / median(seconds for seconds, _ in found) for size, found in measured.items()}
    peaks = {size: median(peak for _, peak in found) / 1e6 for size, found in measured.items()}
    return speeds, peaks, sizes


def in_own_process(inputs: Inputs, growing: Growing, size: int) -> tuple[float, float]:
    """Seconds and peak memory of one process that works on one size."""
    command = [sys.executable, "-m", growing.module, *map(str, growing.arguments(inputs, size))]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["peak_bytes"]


def _write_pages(inputs: Inputs, size: int) -> int:
    pages = inputs.pages(_UNIT_MEGABYTES)
    write_wet(inputs.work / "growth-warm-up" / WET, pages[:50])
    return write_wet(inputs.work / f"growth-{size}" / WET, pages, copies=size)


def _chain_arguments(inputs: Inputs, size: int) -> Sequence[str | Path]:
    model = language_model(inputs)
    return inputs.work / f"growth-{size}", inputs.work / "growth-warm-up", classifier(inputs), model.pieces, model.arpa


CHAIN = Growing(work="the same stages", module="benchmarks.growth", write=_write_pages, arguments=_chain_arguments)
"""The stages up to perplexity on one WET file."""


def timed_run(folder: Path, warm_up: Path, language: Path, pieces: Path, arpa: Path) -> dict[str, float]:
    """The stages over the folder's file, after a small one: seconds and the process's peak memory."""
    models = LanguageModel(pieces, arpa)
    run_chain(chain_run(warm_up, language, models))
    run = chain_run(folder, language, models)
    start = time.perf_counter()
    run_chain(run)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes()}


def peak_bytes() -> int:
    """The most memory that this process has held."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # In bytes where there is no /proc: macOS.
    # Not getrusage: on Linux a child begins with the peak of the process that started it.
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


if __name__ == "__main__":
    print(json.dumps(timed_run(*map(Path, sys.argv[1:]))))
