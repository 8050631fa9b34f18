"""What each piece of work took: seconds, processor time, memory, bytes that it sent; written below `logs/usage`.

A worker writes of its own pieces, so it is the same on every engine. `tokenmill plan` foretells these figures, and
holds its last prediction against them.
"""

import json
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from pipeline.faults import writing
from pipeline.storage import Folder

USAGE = "logs/usage"
UNIT, FIT, SKETCH, JUDGE, APPLY, WALL = "unit", "fit", "sketch", "judge", "apply", "wall"
"""What a piece is: a unit at a map stage, a fit, a part of a group stage; or all that an engine did at once."""
COLD = "cold "
"""Before the part of a piece that a plan does again: the first time, a process reads models and tables as well."""

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_numbers = count()
_met: set[tuple[str, str, str]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One piece. Time is its own, less that of pieces within it; `cpu_seconds` are of programs that it ran too."""

    part: str
    stage: str
    source: str
    unit: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    sent_bytes: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the piece is: one that is done again takes the place of the one before."""
        return self.part, self.stage, self.source, self.unit


@dataclass(slots=True)
class _Piece:
    """A piece at hand: what pieces within it took, and the most memory so far."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class _AtHand(threading.local):
    def __init__(self) -> None:
        self.pieces: list[_Piece] = []


_at_hand = _AtHand()


def is_first(part: str, stage: str, source: str) -> bool:
    """Whether this process is asked for the first time about such pieces."""
    place = part, stage, source
    is_new = place not in _met
    _met.add(place)
    return is_new


@contextmanager
def measured(output: Folder, part: str, stage: str, source: str = "", unit: str = "") -> Iterator[list[int]]:
    """Write down what the block takes; to the list that it is given it adds the bytes that it sends.

    A block that raises is not written: its piece will be tried again.
    """
    sent: list[int] = []
    if _at_hand.pieces:
        _at_hand.pieces[-1].peak_bytes = max(_at_hand.pieces[-1].peak_bytes, _peak_bytes())
    own = _Piece()
    _at_hand.pieces.append(own)
    _reset_peak()
    started, cpu = time.monotonic(), _cpu_seconds()
    try:
        yield sent
    finally:
        seconds, cpu_seconds = time.monotonic() - started, _cpu_seconds() - cpu
        peak = max(own.peak_bytes, _peak_bytes())
        _at_hand.pieces.pop()
        if _at_hand.pieces:
            outer = _at_hand.pieces[-1]
            outer.seconds += seconds
            outer.cpu_seconds += cpu_seconds
            outer.peak_bytes = max(outer.peak_bytes, peak)
    usage = Usage(
        part=part,
        stage=stage,
        source=source,
        unit=unit,
        seconds=round(max(0.0, seconds - own.seconds), 6),
        cpu_seconds=round(max(0.0, cpu_seconds - own.cpu_seconds), 6),
        peak_bytes=peak,
        sent_bytes=sum(sent),
    )
    _write(output, json.dumps(asdict(usage) | {"at": time.time()}) + "\n")


def read_usage(output: Folder) -> list[Usage]:
    """What the pieces of the run took, each as it was done last."""
    found: dict[tuple[str, str, str, str], tuple[float, Usage]] = {}
    for name in output.list(USAGE):
        with output.open(f"{USAGE}/{name}") as stream:
            lines = stream.read().decode("utf-8", "replace").splitlines()
        for line in lines:
            with suppress(ValueError, TypeError, KeyError):  # Cut off with its process, or of another version.
                row = json.loads(line)
                at, usage = float(row.pop("at")), Usage(**row)
                if usage.key not in found or found[usage.key][0] <= at:
                    found[usage.key] = at, usage
    return [usage for _, usage in sorted(found.values(), key=lambda row: row[1].key)]


def _write(output: Folder, line: str) -> None:
    """Append the line to this process's own file; an object store has no appending, so there it is a file by itself."""
    name = f"{platform.node()}-{os.getpid()}"
    if not output.is_local:
        output.write_text(f"{USAGE}/{name}-{time.time_ns()}-{next(_numbers)}.jsonl", line)
        return
    path = output.local_path(f"{USAGE}/{name}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path), path.open("a", encoding="utf-8") as stream:
        stream.write(line)


def _cpu_seconds() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, whose))


def _reset_peak() -> None:
    with suppress(OSError):  # Not Linux, or not ours to write: the peak is then that of the process's whole life.
        _CLEAR.write_text("5")


def _peak_bytes() -> int:
    """The most memory that the process held since the last reset."""
    try:
        status = _STATUS.read_text()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
