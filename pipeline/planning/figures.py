"""What was measured of a run, or of a sample: what its pieces took, and what they wrote."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from pipeline.corpora.registry import CORPORA
from pipeline.ledger import WHOLE_RUN, LedgerEntry, read_ledger
from pipeline.map_stages import CLEAN_STAGE
from pipeline.run import Run
from pipeline.usage import APPLY, COLD, FIT, SKETCH, UNIT, WALL, Usage, read_usage

Place = tuple[str, str]
"""(stage, source); the source is empty where all of them are worked on at once."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one stage wrote of one unit into one folder; of what is no unit's, the source is `models`."""

    folder: str
    stage: str
    source: str
    unit: str
    bytes: int
    files: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """Pieces of work, how long the engine took for what it did at once, and files."""

    pieces: tuple[Usage, ...]
    cold: tuple[Usage, ...]
    """What a process took for the first piece of a kind more than for the same one again, piece by piece."""
    walls: dict[tuple[str, int], float]
    """(what the engine did at once, workers) → seconds."""
    files: tuple[Written, ...]

    @property
    def cpu_seconds(self) -> dict[Place, float]:
        """Processor seconds by stage and source."""
        return _summed((_place(piece), piece.cpu_seconds) for piece in self.pieces)

    @property
    def shuffle_bytes(self) -> dict[Place, float]:
        """Bytes of blocks that were sent, by stage and source."""
        found = _summed((_place(piece), float(piece.sent_bytes)) for piece in self.pieces)
        return {place: size for place, size in found.items() if size}

    @property
    def output_bytes(self) -> dict[str, float]:
        """Bytes by the folder that they lie in."""
        found: dict[str, float] = defaultdict(float)
        for written in self.files:
            found[written.folder] += written.bytes
        return dict(found)

    @property
    def peak_bytes(self) -> int:
        """The most memory that a piece took."""
        return max((piece.peak_bytes for piece in self.pieces), default=0)


def measure(run: Run) -> Measured:
    """What the usage and the ledger below a run's output say."""
    usage = read_usage(run.output)
    walls = {(piece.stage, int(piece.unit)): piece.seconds for piece in usage if piece.part == WALL}
    pieces = tuple(_named(piece) for piece in usage if piece.part != WALL and not piece.part.startswith(COLD))
    again = {piece.key: piece for piece in usage}
    cold = tuple(_more(piece, again) for piece in usage if piece.part.startswith(COLD))
    files = (written for entry in read_ledger(run.output) for written in _files(run, entry))
    return Measured(pieces, cold, walls, tuple(files))


def with_fits(sample: Measured, earlier: Measured, models: Collection[str]) -> Measured:
    """The sample's figures, and those of models that were fitted by an earlier run."""
    pieces = (piece for piece in earlier.pieces if piece.part == FIT and piece.unit in models)
    files = (file for file in earlier.files if file.source == WHOLE_RUN and file.unit in models)
    # A given tokenizer is copied and looked at: that is what the sample's fit of it took.
    own = (piece for piece in sample.pieces if not (piece.part == FIT and piece.unit in models))
    left = (file for file in sample.files if not (file.source == WHOLE_RUN and file.unit in models))
    return replace(sample, pieces=(*own, *pieces), files=(*left, *files))


def is_of_unit(piece: Usage) -> bool:
    """Whether the piece is of one unit of a source, so that there are as many as units."""
    return bool(piece.source) and piece.part in (UNIT, SKETCH, APPLY)


def by_unit(pieces: Iterable[Usage], figure: Callable[[Usage], float]) -> dict[Place, dict[str, float]]:
    """A figure of the pieces that are of units: place → unit → figure."""
    found: dict[Place, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for piece in pieces:
        if is_of_unit(piece):
            found[_place(piece)][piece.unit] += figure(piece)
    return found


def cold_starts(cold: Iterable[Usage], figure: Callable[[Usage], float]) -> dict[Place, float]:
    """What a process takes before its first piece at each place: the mean of all that were seen."""
    found: dict[Place, list[float]] = defaultdict(list)
    for piece in cold:
        found[_place(piece)].append(figure(piece))
    return {place: sum(took) / len(took) for place, took in found.items()}


def _more(piece: Usage, again: dict[tuple[str, str, str, str], Usage]) -> Usage:
    warm = again.get((piece.part.removeprefix(COLD), piece.stage, piece.source, piece.unit), piece)
    return replace(
        _named(piece),
        seconds=max(0.0, piece.seconds - warm.seconds),
        cpu_seconds=max(0.0, piece.cpu_seconds - warm.cpu_seconds),
    )


def _place(piece: Usage) -> Place:
    return piece.stage, piece.source


def _named(piece: Usage) -> Usage:
    """The engine says `join` of stage `clean` where parts of a file are joined: one corpus has such parts."""
    if piece.stage != "join":
        return piece
    source = next(name for name, corpus in CORPORA.items() if corpus.join)
    return replace(piece, stage=CLEAN_STAGE.name, source=source)


def _summed(rows: Iterable[tuple[Place, float]]) -> dict[Place, float]:
    found: dict[Place, float] = defaultdict(float)
    for place, value in rows:
        found[place] += value
    return dict(found)


def _files(run: Run, entry: LedgerEntry) -> Iterator[Written]:
    for name, output in entry.outputs.items():
        yield Written(name.partition("/")[0], entry.stage, entry.source, entry.unit, int(output["bytes"]))
    yield Written("ledger", entry.stage, entry.source, entry.unit, run.output.size(entry.name) or 0)
