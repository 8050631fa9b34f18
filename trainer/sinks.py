"""Where figures go besides `metrics.jsonl` and the timings: TensorBoard, Weights & Biases. Off unless asked for.

Both are there to look at, so neither can stop a run: a sink that raises is said once, and dropped. What it takes to go
on is in files of the run's own. Weights & Biases reads its own variables (`WANDB_MODE=offline` sends nothing).
"""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from trainer.errors import SettingsError
from trainer.progress import Say

_EXTRAS = {"tensorboard": "TensorBoard", "wandb": "Weights & Biases"}


class Sink(Protocol):
    """A place that takes the figures of steps in their order."""

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Takes the figures of a step."""

    def close(self) -> None:
        """Sends what has not been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkChoice:
    """Which sinks a run asks for: a folder for TensorBoard's files, a project of Weights & Biases."""

    tensorboard: Path | None = None
    wandb: str | None = None

    def check(self) -> None:
        """Raises SettingsError where a package is missing that a sink needs."""
        for package, name in _EXTRAS.items():
            if getattr(self, package) is not None and importlib.util.find_spec(package) is None:
                raise SettingsError(f"--{package}: {name} is not installed: pip install 'tokenmill[{package}]'")

    def openers(self, *, first_step: int, folder: Path, settings: Mapping[str, Any]) -> dict[str, Callable[[], Sink]]:
        """What opens each sink, by the name that a message gives it.

        `first_step` is the first that will be written: what TensorBoard holds from there on, of a run that was broken
        off, is not shown. Below `folder` Weights & Biases keeps its files; `settings` is what it says of the run.
        """
        found: dict[str, Callable[[], Sink]] = {}
        if (events := self.tensorboard) is not None:
            found[_EXTRAS["tensorboard"]] = lambda: _TensorBoard(events, first_step)
        if (project := self.wandb) is not None:
            found[_EXTRAS["wandb"]] = lambda: _Wandb(project, folder, settings)
        return found


class Sinks:
    """The open sinks of a run."""

    def __init__(self, openers: Mapping[str, Callable[[], Sink]], say: Say) -> None:
        self._say, self._sinks = say, dict[str, Sink]()
        for name, opener in openers.items():
            with _Dropped(name, self._sinks, say):
                self._sinks[name] = opener()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name, sink in list(self._sinks.items()):
            with _Dropped(name, self._sinks, self._say):
                sink.close()

    def write(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Sends the numbers of a step, those of a mapping within as `outer/inner`; what is no number is left out."""
        figures = dict(_flat("", numbers)) if self._sinks else {}
        for name, sink in list(self._sinks.items()):
            with _Dropped(name, self._sinks, self._say):
                sink.write(step, figures)


class _Dropped:
    """Takes a sink out of the list at whatever it raises, and goes on: these packages raise errors of every kind."""

    def __init__(self, name: str, sinks: dict[str, Sink], say: Say) -> None:
        self._name, self._sinks, self._say = name, sinks, say

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception):  # Nothing was raised, or an interrupt, which is meant for the run.
            return False
        self._sinks.pop(self._name, None)
        first_line = next(iter(str(error).splitlines()), "")
        self._say(f"goes on without {self._name}: {type(error).__name__}: {first_line}")
        return True


def _flat(prefix: str, numbers: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in numbers.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{key}/", value)
        elif isinstance(value, bool | int | float):
            yield prefix + key, float(value)


class _TensorBoard:
    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # Takes seconds to import.

        self._writer = SummaryWriter(log_dir=str(folder), purge_step=first_step)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    """A run that was broken off and is gone on with on the same machine is the same run there too."""

    def __init__(self, project: str, folder: Path, settings: Mapping[str, Any]) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        quiet = wandb.Settings(console="off", silent=True)
        self._run = wandb.init(project=project, dir=str(folder), resume="auto", config=dict(settings), settings=quiet)
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log({**figures, "step": step})

    def close(self) -> None:
        self._run.finish()
