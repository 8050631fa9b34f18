"""A table of posts of any size, of real rows with new ids, and how long and in how much memory it is cleaned.

`python -m benchmarks.posts_growth FOLDER --bytes 10e9` writes it below FOLDER, cleans it with the command as a user
does, and prints seconds, speed and the most memory that any one process held. FOLDER needs twice as many bytes.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.growth import Growing, peak_bytes
from benchmarks.inputs import Inputs, opened
from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.posts import RowSplitter, parse_row
from pipeline.corpora.posts_table import part_rows
from pipeline.exchange import FileCarrier
from pipeline.inputs import Inputs as Dumps
from pipeline.join_work import JoinWork, join_work
from pipeline.map_stages import CLEAN_STAGE
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.tasks import Judge, Receive, Send
from pipeline.work import WorkList

TABLE = "stackexchange/grown/Posts.xml"
PART_BYTES = 8_000_000
"""Bytes of a part where growth is measured: more than the smallest table, less than the others."""

_UNIT_MEGABYTES = 6
_POLL_SECONDS = 0.2
_ID = re.compile(rb' (?:Id|ParentId)="(\d+)"')
_SOURCE = "stackexchange"


def write_table(path: Path, rows: list[bytes], size: int) -> int:
    """A table of about so many bytes: the rows again and again, each time with ids above all before. Gives its size."""
    templates = [_Template(row) for row in rows]
    stride = max(template.highest for template in templates) + 1
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as sink:
        sink.write(b'<?xml version="1.0" encoding="utf-8"?>\n<posts>\n')
        copy = 0
        while sink.tell() < size:
            for template in templates:
                sink.write(template.row(copy * stride))
                if sink.tell() >= size:
                    break
            copy += 1
        sink.write(b"</posts>\n")
    return path.stat().st_size


class _Template:
    """A row whose ids can be raised."""

    def __init__(self, row: bytes) -> None:
        self._pieces = _ID.split(row.strip())  # text, number, text, number, …, text
        self._numbers = [int(number) for number in self._pieces[1::2]]
        self._names = [match[0].partition(b'"')[0] for match in _ID.finditer(row.strip())]
        self.highest = max(self._numbers, default=0)

    def row(self, raised: int) -> bytes:
        """The row with every id so much higher."""
        found = [b"  ", self._pieces[0]]
        for name, number, text in zip(self._names, self._numbers, self._pieces[2::2], strict=True):
            found.append(b'%s"%d"%s' % (name, number + raised, text))
        return b"".join([*found, b"\n"])


def real_rows(inputs: Inputs, megabytes: float) -> list[bytes]:
    """Rows of the dumps at hand, of each its share; sites after the first get ids above those before."""
    folder, found, base = Dumps(Folder(str(inputs.dumps))), [], 0
    names = folder.names(_SOURCE, Recipe(name="benchmarks"))
    for name in names:
        share = inputs.size(megabytes) // len(names)
        held: list[_Template] = []
        for row in part_rows(folder.file(name), RowSplitter(max_bytes=1 << 20), 1 << 40):
            if share <= 0:
                break
            if not isinstance(row, BadRecord) and parse_row(row[1]) is not None:
                held.append(_Template(row[1].partition(b"</posts>")[0]))
                share -= row[2]
        found += [template.row(base) for template in held]
        base += max((template.highest for template in held), default=0) + 1
    return found


def grown_run(folder: Path, part_bytes: int) -> Run:
    """The run that reads the table below a folder."""
    settings = {"name": "growth", "mixture": {"weights": {_SOURCE: 1.0}}, "stackexchange": {"part_bytes": part_bytes}}
    recipe = Recipe.model_validate(settings | {"inputs": {"root": str(folder)}})
    return Run(recipe, Folder(str(folder / "out")))


def clean(run: Run) -> None:
    """All units in this process, one after another, with blocks in files as on the embedded engine."""
    units = run.units(_SOURCE)
    work = join_work(run, {_SOURCE: units}, WorkList(Folder(run.output.address("logs")), "join.json"))
    if work is None:
        for unit in units:
            CLEAN_STAGE.process(run, unit)
    else:
        _join(run, work)


def _join(run: Run, work: JoinWork) -> None:
    carrier = FileCarrier(run.output.local_path("logs/exchange"))
    sent = {key for index, _ in work.senders() for key, _ in Send(work, carrier)(index, ())}
    for piece in (key for key in sorted(sent) if key >= 0):
        list(Judge(work, carrier, 0)(piece, ()))
    for piece in work.receivers():
        list(Receive(work, carrier)(piece, ()))


def _write(inputs: Inputs, size: int) -> int:
    rows = real_rows(inputs, _UNIT_MEGABYTES)
    return write_table(inputs.work / f"posts-{size}" / TABLE, rows, sum(map(len, rows)) * size)


POSTS = Growing(
    work="the same, in one part,",
    module="benchmarks.posts_growth",
    write=_write,
    arguments=lambda inputs, size: [inputs.work / f"posts-{size}"],
)
"""Stage `clean` of one table of posts."""


def timed_clean(folder: Path) -> dict[str, float]:
    """Cleaning the table below a folder: seconds and the process's peak memory."""
    Folder(str(folder)).delete("out")
    run = grown_run(folder, PART_BYTES)
    start = time.perf_counter()
    clean(run)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes()}


def measured_command(folder: Path, size: int, workers: int, part_bytes: int) -> dict[str, float]:
    """Write a table of so many bytes, clean it with the command, and watch its processes."""
    with opened() as inputs:
        written = write_table(folder / TABLE, real_rows(inputs, _UNIT_MEGABYTES), size)
    settings = (f"inputs.root={json.dumps(str(folder))}", f"stackexchange.part_bytes={part_bytes}")
    sets = [part for setting in (*settings, "mixture.weights={stackexchange=1.0}") for part in ("--set", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "clean", "llama1", "--output", str(folder / "out"), *sets]
    start, peak = time.perf_counter(), 0
    with subprocess.Popen([*command, "--workers", str(workers)], cwd=Path(__file__).parent.parent) as process:
        while process.poll() is None:
            peak = max(peak, *map(_peak_of, [process.pid, *_descendants(process.pid)]))
            time.sleep(_POLL_SECONDS)
    if process.returncode:
        raise SystemExit(process.returncode)
    seconds = time.perf_counter() - start
    speed = round(written / 1e6 / seconds, 2)
    return {"bytes": written, "seconds": round(seconds, 1), "mb_per_second": speed, "peak_mb": round(peak / 1e6)}


def _descendants(process: int) -> Iterator[int]:
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(child) for child in path.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from _descendants(child)


def _peak_of(process: int) -> int:
    """The most memory that a process has held; 0 where it is gone, or the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def main() -> None:
    """Clean one table: with `--bytes`, written and cleaned as a user does; else the one that lies there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bytes", type=float, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--part-bytes", type=float, default=512 << 20)
    asked = parser.parse_args()
    if asked.bytes:
        found = measured_command(asked.folder, int(asked.bytes), asked.workers, int(asked.part_bytes))
    else:
        found = timed_clean(asked.folder)
    json.dump(found, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
