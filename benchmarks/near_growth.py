"""Do near-duplicates take the same time a byte, and the same memory a worker, when there are more documents?

Each size runs in a process of its own, through all rounds, with the blocks in files as the embedded engine has them.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks.claims import MIN_ROUNDS, Figures, one_core
from benchmarks.growth import SIZES, peak_bytes
from benchmarks.inputs import Inputs
from filters.batch import DOCUMENT_SCHEMA, document_batch, document_id
from filters.near_duplicates import DropNearDuplicates
from pipeline.exchange import FileCarrier, Keyed
from pipeline.group_stages import near_rounds
from pipeline.rounds import LookAgain
from pipeline.storage import Folder, ParquetSink, read_batches
from pipeline.web_sections import NearDedup

_UNIT_MEGABYTES = 6
_PARTITIONS = 1
"""For one unit; as many more for more units, as a recipe for a larger corpus has them."""
_BATCH = 500
_ROOT = Path(__file__).parent.parent


def growth_near(inputs: Inputs) -> Figures:
    """Speed on 16 units of text, against that on one of them."""
    speeds, _ = near_runs(inputs)
    said = f"the same on one unit; on four {speeds[4]:.3g} MB/s"
    return Figures(ours=speeds[16], reference=speeds[1], reference_is=said, unit="MB/s", input_bytes=_bytes(inputs, 16))


def growth_near_memory(inputs: Inputs) -> Figures:
    """Peak memory of that process."""
    _, peaks = near_runs(inputs)
    said = f"the same on one unit; on four {peaks[4]:.3g} MB"
    return Figures(ours=peaks[16], reference=peaks[1], reference_is=said, unit="MB", input_bytes=_bytes(inputs, 16))


@cache
def near_runs(inputs: Inputs) -> tuple[dict[int, float], dict[int, float]]:
    """Of each number of units: median speed, median peak memory in MB."""
    folder = inputs.work / "near-growth"
    write_units(Folder(str(folder)), [page.text for page in inputs.pages(_UNIT_MEGABYTES)], max(SIZES))
    measured: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with one_core():
        for _ in range(MIN_ROUNDS):
            for size in SIZES:
                measured[size].append(_in_own_process(folder, size))
    speeds = {size: _bytes(inputs, size) / 1e6 / median(item[0] for item in found) for size, found in measured.items()}
    return speeds, {size: median(item[1] for item in found) / 1e6 for size, found in measured.items()}


def _bytes(inputs: Inputs, units: int) -> int:
    return units * sum(len(page.text.encode()) for page in inputs.pages(_UNIT_MEGABYTES))


def _in_own_process(folder: Path, units: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.near_growth", str(folder), str(units)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["peak_bytes"]


def timed_rounds(folder: Folder, units: int) -> dict[str, float]:
    """All rounds over so many units, after one: seconds, the process's peak memory, and how many documents go."""
    going(folder, 1)
    start = time.perf_counter()
    gone = going(folder, units)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes(), "gone": gone}


def going(folder: Folder, units: int) -> int:
    """How many documents of the first units go; blocks lie in files, one partition's in memory at a time."""
    settings = NearDedup(sources=("c4",), partitions=_PARTITIONS * units)
    rounds = near_rounds(settings, "c4")
    carrier = FileCarrier(folder.local_path(f"blocks-{units}"))
    keys: set[int] = set()

    def send(step: int, name: int, blocks: Iterator[Keyed]) -> None:
        keys.update(key for key, _ in carrier.pack(str(step), str(name), blocks))

    for unit in range(units):
        send(0, unit, rounds.sketch(unit, read_batches(folder, unit_name(unit))))
    for step, judge in enumerate(rounds.judges):
        judged, keys = sorted(keys), set()
        for key in judged:
            blocks = carrier.unpack([(str(step), key)], ())
            if isinstance(judge, LookAgain):
                send(step + 1, key, judge.judge(key, blocks, read_batches(folder, unit_name(key))))
            else:
                send(step + 1, key, judge(key, blocks))
    last = str(len(rounds.judges))
    told = (rule for key in sorted(keys) for rule in rounds.filters(carrier.unpack([(last, key)], ())))
    return sum(len(rule.verdicts) for rule in told if isinstance(rule, DropNearDuplicates))


def unit_name(unit: int) -> str:
    """The file of a unit's documents."""
    return f"{unit}.parquet"


def write_units(folder: Folder, texts: Sequence[str], units: int) -> None:
    """Units of the texts with words of each unit's own; every tenth text is there again with another end."""
    for unit in range(units):
        with folder.create(unit_name(unit)) as pending:
            sink = ParquetSink(pending.path, DOCUMENT_SCHEMA)
            for start in range(0, len(texts), _BATCH):
                sink.write(_batch(unit, start, texts[start : start + _BATCH]))
            sink.close()


def _batch(unit: int, start: int, texts: Sequence[str]) -> pa.RecordBatch:
    owned = [re.sub(r"\w+", rf"\g<0>x{unit}", text) for text in texts]
    owned += [f"{text}\nAgain, with an end of its own." for text in owned[::10]]
    ids = (document_id("c4", f"{unit}#{start + place}", text) for place, text in enumerate(owned))
    rows = [{"doc_id": name, "source": "c4", "origin": "", "text": text} for name, text in zip(ids, owned, strict=True)]
    return document_batch(rows)


if __name__ == "__main__":
    print(json.dumps(timed_rounds(Folder(sys.argv[1]), int(sys.argv[2]))))
