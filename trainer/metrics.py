"""What a run writes about itself: metrics that repeat bit for bit, and timings, which do not, in another file."""

import contextlib
import itertools
import json
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO, Any, Self

Numbers = Mapping[str, Any]


class MetricsFile:
    """`metrics.jsonl`: one JSON line a step, cut back to the step from which a run resumes.

    Nothing is written where no path is given, as by all processes but the first.
    """

    def __init__(self, path: Path | None, *, steps: int) -> None:
        """Opens the file after its first `steps` lines and drops the rest."""
        self._file: IO[bytes] = (path or Path(os.devnull)).open("ab")
        if path is not None:
            self._file.truncate(_end_of_line(path, steps))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, numbers: Numbers) -> None:
        """Adds one step, visible to readers at once."""
        self._file.write((json.dumps(numbers, sort_keys=False, allow_nan=False) + "\n").encode())
        self._file.flush()

    def to_disk(self) -> None:
        """Before a checkpoint: its steps must not be lost if the machine stops."""
        if self._file.name != os.devnull:
            os.fsync(self._file.fileno())


def count_steps(path: Path) -> int:
    """How many whole lines of steps 1, 2, … the file begins with."""
    return sum(1 for _ in _whole_lines(path))


def _end_of_line(path: Path, steps: int) -> int:
    with contextlib.closing(_whole_lines(path)) as lines:
        return sum(len(line) for line in itertools.islice(lines, steps))


def _whole_lines(path: Path) -> Generator[bytes]:
    """Lines up to the first that is broken or out of step."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for expected, line in enumerate(file, start=1):
            if not line.endswith(b"\n") or _step_of(line) != expected:
                return
            yield line


def _step_of(line: bytes) -> int:
    try:
        numbers = json.loads(line)
    except (ValueError, RecursionError):
        return -1
    step = numbers.get("step") if isinstance(numbers, dict) else None
    return step if isinstance(step, int) else -1


class TimingsFile:
    """One JSON line a step of what differs from run to run; nothing is written where no path is given."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] | None = path.open("a") if path is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, numbers: Numbers) -> None:
        """Adds one line."""
        if self._file is not None:
            self._file.write(json.dumps(numbers) + "\n")
            self._file.flush()
