"""What a run writes about itself: metrics that repeat bit for bit, and timings, which do not, in another file."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

Numbers = Mapping[str, Any]


class MetricsFile:
    """`metrics.jsonl`: one JSON line a step, cut back to the step from which a run resumes.

    Nothing is written where no path is given, as by all processes but the first.
    """

    def __init__(self, path: Path | None, *, steps: int, has_gaps: bool = False) -> None:
        """Opens the file after its lines of steps up to `steps` and drops the rest; `has_gaps`: not each has a line."""
        self._file: IO[bytes] = (path or Path(os.devnull)).open("ab")
        if path is not None:
            self._file.truncate(sum(len(line) for _, line in _whole_lines(path, steps, has_gaps=has_gaps)))

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
    return last_step(path, has_gaps=False)


def last_step(path: Path, *, up_to: float = math.inf, has_gaps: bool = True) -> int:
    """The step of the last whole line of a step up to `up_to`; 0 where there is none."""
    return max((step for step, _ in _whole_lines(path, up_to, has_gaps=has_gaps)), default=0)


def _whole_lines(path: Path, up_to: float, *, has_gaps: bool) -> Iterator[tuple[int, bytes]]:
    """(step, line) up to the first that is broken, out of step or of a later step."""
    if not path.exists():
        return
    before = 0
    with path.open("rb") as file:
        for line in file:
            step = _step_of(line)
            follows = step > before if has_gaps else step == before + 1
            if not line.endswith(b"\n") or not follows or step > up_to:
                return
            before = step
            yield step, line


def _step_of(line: bytes) -> int:
    try:
        numbers = json.loads(line)
    except (ValueError, RecursionError):
        return -1
    step = numbers.get("step") if isinstance(numbers, dict) else None
    return step if isinstance(step, int) else -1


def finite(value: Any) -> Any:
    """A value as JSON knows it: null for what is no number, in mappings too."""
    if isinstance(value, Mapping):
        return {name: finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
