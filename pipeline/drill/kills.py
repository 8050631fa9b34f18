"""What is killed in a drill, and when: drawn from a seed, spread over a run's stages."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WORKERS, DRIVER, STORE = "workers", "driver", "store"
KINDS = (WORKERS, DRIVER, STORE)
SHORTEST_SECONDS = 0.1
"""What is over sooner ends before a kill can be aimed at it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as a run announces it, and the seconds from there to the next one (or to the run's end)."""

    label: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill that is to be: what, in which stage, after which share of its time."""

    what: str
    stage: int
    share: float
    pick: float
    """Which of the workers there are then, as a share of their list."""
    pause_seconds: float
    """How long a store stays away."""


@dataclass(slots=True, kw_only=True)
class Landed:
    """One kill that was: in which run and stage, how far into it, which process, and what came of it."""

    run: int
    what: str
    stage: str
    seconds: float
    process: str
    outcome: str = ""

    def __str__(self) -> str:
        return f"{self.what} in {self.stage}, {self.seconds:.1f} s into it ({self.process}): {self.outcome}"


def draw(seed: int, kinds: Sequence[str], stages: Sequence[Stage]) -> Iterator[Kill]:
    """Kills without end; each stage that takes a moment is as likely as any other, however long it is."""
    chance = random.Random(seed)
    places = [index for index, stage in enumerate(stages) if stage.seconds >= SHORTEST_SECONDS]
    while places:
        yield Kill(
            what=chance.choice(list(kinds)),
            stage=chance.choice(places),
            share=chance.random(),
            pick=chance.random(),
            pause_seconds=chance.uniform(0, 3),
        )
