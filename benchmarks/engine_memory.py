"""Do the process that runs the embedded engine, and its workers, hold more when there are more files?

The stages of `benchmarks/engine_overhead.py` over so many WET files of one size, each run in processes of its own.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.engine_overhead import command
from benchmarks.growth import Growing
from benchmarks.inputs import Inputs
from benchmarks.models import LanguageModel, classifier, language_model
from benchmarks.process_watch import PARENT, WORKER, watched
from benchmarks.web_chain import write_wet

_UNITS = 6
"""Of the smallest input: three for each worker of a small machine, since what the first one warms up stays."""
_UNIT_MEGABYTES = 1


def _write(inputs: Inputs, size: int) -> int:
    folder = inputs.work / f"engine-memory-{size}"
    pages = inputs.pages(_UNIT_MEGABYTES)
    return sum(
        write_wet(folder / f"commoncrawl/CC-MAIN-{unit:05d}.warc.wet.gz", pages, first=unit)
        for unit in range(size * _UNITS)
    )


def _arguments(role: str, inputs: Inputs, size: int) -> Sequence[str | Path]:
    return role, inputs.work / f"engine-memory-{size}", classifier(inputs), *language_model(inputs)


PARENT_GROWTH, WORKER_GROWTH = (
    Growing(work=f"the {role}", module="benchmarks.engine_memory", write=_write, arguments=partial(_arguments, role))
    for role in (PARENT, WORKER)
)


def watched_run(role: str, folder: Path, language: Path, pieces: Path, arpa: Path) -> dict[str, float]:
    """The stages over the folder's files: seconds, and the peak memory of the largest process in the role."""
    shutil.rmtree(folder / "engine", ignore_errors=True)
    run = command("engine", folder, (language, LanguageModel(pieces, arpa)), [])
    taken = watched(run, os.environ, folder / "said.txt")
    if taken.code:
        raise RuntimeError(f"the run ended with exit code {taken.code}: {taken.said[-2000:]}")
    return {"seconds": taken.wall_seconds, "peak_bytes": taken.peak_mb[role] * 1e6}


if __name__ == "__main__":
    print(json.dumps(watched_run(sys.argv[1], *map(Path, sys.argv[2:]))))
