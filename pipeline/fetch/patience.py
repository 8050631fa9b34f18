"""When to ask again: waits that double up to a limit, a server's own Retry-After, a limit to the attempts.

CommonCrawl asks of downloaders that they slow down when 403, 429 or 503 comes: whoever is told so here holds up all
downloads of the run, not only its own.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pipeline.fetch.transfer import BusyError, CutError, RefusedError

_GROWTH_BYTES = 1 << 20
T = TypeVar("T")


class Clock(Protocol):
    """Time that passes, the time of day, and waiting."""

    def now(self) -> float:
        """Seconds since some moment: whoever sets the machine's clock does not move them."""

    def time_of_day(self) -> float:
        """Seconds since the epoch, as the machine's clock has them."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """Time as it is; `stopped` ends a wait at once with KeyboardInterrupt."""

    stopped: threading.Event

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def time_of_day(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Sleep, or leave when the run is stopped."""
        if self.stopped.wait(max(0.0, seconds)):
            raise KeyboardInterrupt


@dataclass(slots=True, kw_only=True)
class Patience:
    """Asks again with growing waits. `attempts` is how often in a row nothing may come of it.

    After `max_given_up` files in a row were given up the server is taken for dead, and nobody asks it any more.
    """

    clock: Clock
    say: Callable[[str], None]
    attempts: int = 10
    first_seconds: float = 1.0
    max_seconds: float = 300.0
    max_given_up: int = 8
    _free_at: float = 0.0
    _given_up: int = 0

    def persist(self, name: str, ask: Callable[[], T], came: Callable[[], int] = lambda: 0) -> T:
        """What `ask` brings in the end. `came` counts bytes on disk: an attempt that adds a MiB was not in vain."""
        failed, most = 0, 0
        while True:
            self.hold()
            try:
                brought = ask()
                self._given_up = 0
                return brought
            except (BusyError, CutError) as error:
                if (now := came()) >= most + _GROWTH_BYTES:
                    failed, most = 0, now
                failed += 1
                if failed >= self.attempts:
                    self._given_up += 1
                    raise RefusedError(f"{error}; given up after {failed} attempts") from error
                self._back_off(name, failed, error)

    def hold(self) -> None:
        """Wait while the server has asked for rest; leave it alone where that takes too long, or where it is dead."""
        if self._given_up >= self.max_given_up:
            raise RefusedError(f"not asked for: the last {self._given_up} files were given up")
        rest = self._free_at - self.clock.now()
        if rest > self.max_seconds:
            raise RefusedError(f"not asked for: the server wants to be left alone for {rest:,.0f} s")
        if rest > 0:
            self.clock.wait(rest)

    def _back_off(self, name: str, failed: int, error: BusyError | CutError) -> None:
        asked = error.wait_seconds if isinstance(error, BusyError) else 0.0
        if asked > self.max_seconds:
            self._free_at = self.clock.now() + asked
            raise RefusedError(f"{error}; it asks to wait {asked:,.0f} s: try again then") from error
        seconds = max(asked, self.seconds(name, failed))
        self.say(f"{name}: {error}; asks again in {seconds:.0f} s")
        if isinstance(error, BusyError):
            self._free_at = max(self._free_at, self.clock.now() + seconds)
            self.hold()
        else:
            self.clock.wait(seconds)

    def seconds(self, name: str, failed: int) -> float:
        """The wait after so many failures: doubled each time, and spread out so that files do not ask all at once."""
        spread = random.Random(f"{name}/{failed}").uniform(0.5, 1.0)
        return spread * min(self.max_seconds, self.first_seconds * 2.0 ** min(failed, 60))
