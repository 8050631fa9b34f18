"""How long a run takes with so many workers: stages one after another, and none shorter than its longest piece."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.planning.estimate import Estimate, Stratum, fixed_part, rate
from pipeline.planning.figures import Measured, Place, by_unit, cold_starts, is_of_unit
from pipeline.planning.prediction import Prediction, least_of
from pipeline.planning.sample_run import LEFT_OUT
from pipeline.stage_names import STEPS
from pipeline.usage import FIT, SKETCH, Usage

DEALT_ONE_BY_ONE = 100_000
"""So many pieces are dealt to workers to see how long it takes; of more, their sum over the workers is close enough."""


@dataclass(frozen=True, slots=True)
class Wall:
    """How long a run takes with so many workers. It is never shorter than `longest_piece_seconds`."""

    workers: int
    seconds: Estimate
    longest_piece_seconds: float
    longest_piece: str

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        longest = {"longest_piece_seconds": self.longest_piece_seconds, "longest_piece": self.longest_piece}
        return {"workers": self.workers} | self.seconds.to_json() | longest


def walls(prediction: Prediction, measured: Measured, strata: Iterable[Stratum], workers: Sequence[int]) -> list[Wall]:
    """The whole run's time for each number of workers."""
    by_source: dict[str, list[Stratum]] = defaultdict(list)
    for stratum in strata:
        by_source[stratum.source].append(stratum)
    phases = [phase for step in STEPS for phase in _phases(step, prediction, measured, by_source)]
    # The least that an engine needed for anything, as often as it was asked.
    starts = len(measured.walls) * min(measured.walls.values(), default=0.0)
    spread = prediction.cpu
    name, longest = max(((name, max(pieces, default=0.0)) for name, pieces in phases), key=lambda row: row[1])
    found = []
    for count in workers:
        value = starts + sum(makespan(pieces, count) for _, pieces in phases)
        share = value / spread.value if spread.value else 0.0
        low = max(longest, spread.low * share)
        found.append(Wall(count, Estimate(value, min(value, low), spread.high * share), longest, name))
    return found


def makespan(pieces: Sequence[float], workers: int) -> float:
    """How long pieces take that are given out, the longest first, to whoever is idle."""
    if len(pieces) <= workers:
        return max(pieces, default=0.0)
    if len(pieces) > DEALT_ONE_BY_ONE:
        return max([*pieces, sum(pieces) / workers])
    until = [0.0] * workers
    for piece in sorted(pieces, reverse=True):
        heapq.heapreplace(until, until[0] + piece)
    return max(until)


def _phases(
    step: Sequence[str], prediction: Prediction, measured: Measured, strata: Mapping[str, list[Stratum]]
) -> list[tuple[str, list[float]]]:
    """(name, seconds of pieces) of what a step does between two barriers."""
    stages = [stage for stage in step if stage not in LEFT_OUT]
    pieces = [piece for piece in measured.pieces if piece.stage in stages]
    sketches = _units([piece for piece in pieces if piece.part == SKETCH], strata)
    units = _units([piece for piece in pieces if piece.part != SKETCH], strata)
    fits = [piece.seconds * prediction.fit_times.get(piece.unit, 1.0) for piece in pieces if piece.part == FIT]
    name = ", ".join(stages)
    found = [(f"fits of {name}", fits), (f"sketches of {name}", sketches)]
    # A process reads models and tables before its first piece.
    cold = cold_starts((piece for piece in measured.cold if piece.stage in stages), lambda piece: piece.seconds)
    found.append((f"models of {name}", [sum(cold.values())]))
    found.append((f"judges of {name}", _judges(pieces, prediction)))
    return [*found, (f"units of {name}", units)]


def _units(pieces: Sequence[Usage], strata: Mapping[str, list[Stratum]]) -> list[float]:
    """Seconds of each unit of the whole run, over all stages of the step."""
    by_source: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (_, source), units in by_unit(pieces, lambda piece: piece.seconds).items():
        for unit, seconds in units.items():
            by_source[source][unit] += seconds
    found: list[float] = []
    for source, units in by_source.items():
        parts = strata.get(source, [])
        fixed = fixed_part(parts, units, least_of(by_source.values()))
        read = sum(part.read_bytes for part in parts)
        mean = sum(max(0.0, value - fixed) for value in units.values()) / max(1, read)
        for part in parts:
            own = rate(part, units, fixed)
            found += [fixed + (mean if own is None else own) * size for size in part.unit_bytes]
    return found


def _judges(pieces: Sequence[Usage], prediction: Prediction) -> list[float]:
    """Seconds of each group: those of the sample, scaled as the bytes that are sent to all of them."""
    scales: dict[Place, float] = {}
    sent: dict[Place, float] = defaultdict(float)
    for piece in pieces:
        sent[piece.stage, piece.source] += piece.sent_bytes
    for place, size in sent.items():
        whole = prediction.shuffle_bytes.get(place)
        scales[place] = whole.value / size if whole and size else prediction.stream_times
    return [
        piece.seconds * scales[piece.stage, piece.source]
        for piece in pieces
        if piece.part != FIT and not is_of_unit(piece)
    ]
