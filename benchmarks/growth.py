"""Does time a byte, and memory, stay as they are when the input grows? Each size runs in a process of its own."""

import json
import subprocess
import sys
import time
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


def growth(inputs: Inputs) -> Figures:
    """Speed of the stages up to perplexity on one file of 16 times the text, against that on the text once."""
    speeds, _, sizes = growth_runs(inputs)
    return Figures(
        ours=speeds[16],
        reference=speeds[1],
        reference_is=f"the same stages on a sixteenth of it; on a quarter {speeds[4]:.3g} MB/s",
        unit="MB/s",
        input_bytes=sizes[16],
    )


def growth_memory(inputs: Inputs) -> Figures:
    """Peak memory of that process."""
    _, peaks, sizes = growth_runs(inputs)
    return Figures(
        ours=peaks[16],
        reference=peaks[1],
        reference_is=f"the same stages on a sixteenth of it; on a quarter {peaks[4]:.3g} MB",
        unit="MB",
        input_bytes=sizes[16],
    )


@cache
def growth_runs(inputs: Inputs) -> tuple[dict[int, float], dict[int, float], dict[int, int]]:
    """Of each size: median speed, median peak memory in MB, bytes of text."""
    pages = inputs.pages(_UNIT_MEGABYTES)
    sizes = {size: write_wet(inputs.work / f"growth-{size}" / WET, pages, copies=size) for size in SIZES}
    write_wet(inputs.work / "growth-warm-up" / WET, pages[:50])
    measured: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with one_core():
        for _ in range(MIN_ROUNDS):
            for size in SIZES:
                measured[size].append(_in_own_process(inputs, size))
    speeds = {size: sizes[size] / 1e6 / median(seconds for seconds, _ in found) for size, found in measured.items()}
    peaks = {size: median(peak for _, peak in found) / 1e6 for size, found in measured.items()}
    return speeds, peaks, sizes


def _in_own_process(inputs: Inputs, size: int) -> tuple[float, float]:
    model = language_model(inputs)
    paths = inputs.work / f"growth-{size}", inputs.work / "growth-warm-up", classifier(inputs), model.pieces, model.arpa
    command = [sys.executable, "-m", "benchmarks.growth", *map(str, paths)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["peak_bytes"]


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
