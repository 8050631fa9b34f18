"""How long each part of a step takes, on the device's own clock: nothing waits for a part to end."""

import time
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn

PARTS = ("data", "forward", "backward", "optimizer")
Marks = list[tuple[str, Any]]
"""What begins, and when: an event of the GPU, or seconds."""


class StepParts:
    """Marks where parts of steps begin and end, by hooks on the model.

    *Forward* holds the loss and, with it, its gradients to the last hidden states (`trainer.loss`). *Backward* ends
    when the embedding, the first layer, has its gradient. *Optimizer* is all from the last backward on: the gradient's
    norm, the guard, the update. *Data* is the rest: what comes before the first forward and between micro-batches.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._device = device
        self._marks: Marks = []
        self._found: list[dict[str, float]] = []
        model.register_forward_pre_hook(lambda *_: self._mark("forward"))
        model.register_forward_hook(lambda *_: self._mark("backward"))
        embedding: Any = model.embedding
        embedding.register_post_accumulate_grad_hook(lambda *_: self._mark("between"))

    def begin(self) -> None:
        """A step begins."""
        self._marks = []
        self._mark("data")

    def end(self) -> Marks:
        """All of the step is queued; gives its marks, for `parts_of`."""
        self._mark("end")
        return self._marks

    def parts_of(self, marks: Marks) -> dict[str, float] | None:
        """Milliseconds of each part of a step that the device is through with; None where they were not all seen."""
        parts = dict.fromkeys(PARTS, 0.0)
        last_backward = max((place for place, (name, _) in enumerate(marks) if name == "between"), default=-1)
        for place, ((name, begun), (_, ended)) in enumerate(pairwise(marks)):
            after_backward = "optimizer" if place == last_backward else "data"
            parts[after_backward if name == "between" else name] += self._milliseconds(begun, ended)
        return parts if last_backward >= 0 else None

    def finish(self) -> float:
        """Waits for the step and takes its parts down; its seconds."""
        if self._device.type == "cuda":
            self._marks[-1][1].synchronize()
        if (parts := self.parts_of(self._marks)) is not None:
            self._found.append(parts)
        return self._milliseconds(self._marks[0][1], self._marks[-1][1]) / 1000

    def forget(self) -> None:
        """Steps so far are not counted."""
        self._found.clear()

    def medians(self) -> dict[str, float] | str:
        """Milliseconds of each part; "n/a" where a backward's end was never seen, as with weights that are sharded."""
        if not self._found:
            return "n/a"
        return {name: round(median(parts[name] for parts in self._found), 3) for name in PARTS}

    def _mark(self, name: str) -> None:
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def _milliseconds(self, begun: Any, ended: Any) -> float:
        return float(begun.elapsed_time(ended)) if self._device.type == "cuda" else 1000 * (ended - begun)
