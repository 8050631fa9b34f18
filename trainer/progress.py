"""How far training has come: a plain line for the first and the last step and every few seconds between."""

import math
import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]
SECONDS_BETWEEN = 5.0


def say(line: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Progress:
    """Says loss, speed and time left of `steps` steps that begin after `done` tokens and end after `whole`."""

    def __init__(
        self, steps: int, done: int, whole: int, say: Say, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._steps, self._first, self._last = steps, done, whole
        self._say, self._clock = say, clock
        self._began = clock()
        self._shown = -math.inf

    def show(self, step: int, loss: float, tokens: int) -> None:
        """Say that a step is done, after which `tokens` have been read in all; most steps are passed over."""
        now = self._clock()
        if step != self._steps and now - self._shown < SECONDS_BETWEEN:
            return
        self._shown = now
        rate = (tokens - self._first) / (now - self._began)
        left = round((self._last - tokens) / rate)
        self._say(
            f"step {step}/{self._steps}  loss {loss:.4f}  {rate:,.0f} tokens/s  "
            f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        )
