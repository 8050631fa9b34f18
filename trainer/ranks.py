"""Work that processes do together on the host, in which the failure of one is the failure of all.

Else one process would raise and the others wait for it until their time is up, without the reason.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed as dist

from trainer.errors import SettingsError, TrainingError

T = TypeVar("T")


class Ranks:
    """The processes of the default group, or this one alone; they talk over a gloo group of their own.

    Every process must make it, and call each of its methods, at the same place. A background thread may.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.index, self.count = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
        self._group: Any = dist.new_group(backend="gloo") if self.count > 1 else None

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Does `work` on every rank; the results of all, in order of rank.

        Where it fails on some, the error of the first of them is raised on all.
        """
        if self._group is None:
            return [work()]
        try:
            result = work()
        except Exception as error:
            ours = isinstance(error, (SettingsError, TrainingError))
            own = error if ours else TrainingError(f"process {self.index}: {type(error).__name__}: {error}")
            raise next(failure for _, failure in self._exchange((None, own)) if failure is not None) from error
        gathered = self._exchange((result, None))
        for _, failure in gathered:
            if failure is not None:
                raise failure
        return [value for value, _ in gathered]

    def first(self, work: Callable[[], T]) -> T:
        """Does `work` on rank 0 alone; its result, or its error, on all."""
        return self.gather(lambda: work() if self.index == 0 else None)[0]  # type: ignore[return-value]

    def _exchange(self, mine: tuple[T | None, Exception | None]) -> list[Any]:
        """The result, or the failure, of each rank."""
        gathered: list[Any] = [None] * self.count
        dist.all_gather_object(gathered, mine, group=self._group)
        return gathered

    def close(self) -> None:
        """Gives the group back; there is none of them left to talk to after an error."""
        if self._group is not None and dist.is_initialized():
            dist.destroy_process_group(self._group)
