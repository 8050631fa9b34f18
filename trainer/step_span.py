"""Spans of training steps as a command line names them: `STEP` or `FIRST:LAST`, both ends included, from 1 on."""

import re
from dataclasses import dataclass
from typing import Self

from trainer.errors import SettingsError

_SPAN = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")


@dataclass(frozen=True, slots=True, order=True)
class StepSpan:
    """Steps `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, option: str, text: str) -> Self:
        """The span of a command line's option; raises SettingsError, which names it."""
        match = _SPAN.fullmatch(text)
        if match is None:
            raise SettingsError(f"{option} must be STEP or FIRST:LAST, got {text!r}")
        span = cls(int(match[1]), int(match[2] or match[1]))
        if not 1 <= span.first <= span.last:
            raise SettingsError(f"{option} must be FIRST:LAST with 1 <= FIRST <= LAST, got {text}")
        return span

    def __contains__(self, step: int) -> bool:
        return self.first <= step <= self.last

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"
