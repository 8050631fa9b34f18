"""Stage `clean` of files whose parts exchange what belongs together, as work for the engine.

Each part reads its share and sends what it finds to the parts that it belongs to; each part then cleans what it was
sent, with the outputs and the ledger entry of any other unit. Text crosses here, in compressed messages: it has to, for
a question and its answers to meet. Nothing else than this sends text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pipeline.corpora.corpus import PartJoin, RawFile
from pipeline.corpora.registry import CORPORA
from pipeline.exchange import Keyed, straight_to
from pipeline.map_stages import CLEAN_STAGE
from pipeline.run import Run
from pipeline.stages import done
from pipeline.units import Unit
from pipeline.work import WorkList


@dataclass(frozen=True, slots=True)
class JoinWork:
    """The parts of all files that are joined and of which some part is left to do; pieces are units."""

    run: Run
    work_list: WorkList
    label: str = "join"

    def senders(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of the units that read; one that reads all of its file has all of its bytes."""
        units = self._units()
        found = []
        for first in (index for index, unit in enumerate(units) if unit.part == 1):
            parts = units[first : first + units[first].parts]
            readers = list(_join(parts[0]).readers(parts[0].input, len(parts)))
            for part in readers:
                size = parts[part - 1].size if len(readers) > 1 else sum(unit.size for unit in parts)
                found.append((first + part - 1, size))
        return found

    def receivers(self) -> Sequence[int]:
        """The units to do."""
        return list(self.work_list.read()["applied"])

    def name(self, index: int) -> str:
        """The unit."""
        return self._unit(index)[0].name

    def weight(self, index: int) -> int:
        """Bytes of the unit."""
        return self._unit(index)[0].size

    def send(self, index: int) -> Iterator[Keyed]:
        """What the unit reads, for the units that it belongs to."""
        unit, first = self._unit(index)
        wanted = [piece - first + 1 for piece in self.receivers() if first <= piece < first + unit.parts]
        for part, judged, message in _join(unit).send(self._file(unit), self._settings(unit), wanted):
            piece = first + part - 1
            yield (piece if judged else straight_to(piece)), message

    def rounds(self) -> int:
        """One: what is repeated in other parts is judged, and nothing else."""
        return 1

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """What a unit is told by what others have."""
        unit, first = self._unit(partition)
        for part, message in _join(unit).judge(messages):
            yield first + part - 1, message

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """Clean what was sent to the unit."""
        if index not in self.receivers():
            return  # Told something by a judge, but done.
        unit, _ = self._unit(index)
        file = self._file(unit)
        CLEAN_STAGE.write(self.run, unit, file, _join(unit).read(file, self._settings(unit), messages))
        self.work_list.mark(index)

    def bytes_done(self) -> int:
        """Bytes of the units that are cleaned."""
        units = self._units()
        return sum(units[index].size for index in self.work_list.marked())

    def _units(self) -> list[Unit]:
        return [Unit(**fields) for fields in self.work_list.read()["units"]]

    def _unit(self, index: int) -> tuple[Unit, int]:
        """A unit, and the index of its file's first part."""
        unit = Unit(**self.work_list.read()["units"][index])
        return unit, index - unit.part + 1

    def _file(self, unit: Unit) -> RawFile:
        return self.run.inputs.file(unit.input, unit.part, unit.parts)

    def _settings(self, unit: Unit) -> object:
        return getattr(self.run.recipe, unit.source)


def is_joined(unit: Unit) -> bool:
    """Whether the unit is cleaned together with the other parts of its file."""
    return unit.parts > 1 and CORPORA[unit.source].join is not None


def join_work(run: Run, units: Mapping[str, Sequence[Unit]], work_list: WorkList) -> JoinWork | None:
    """What is left to do of the files whose parts are joined; None where there is none, or all is done."""
    joined = [unit for found in units.values() for unit in found if is_joined(unit)]
    seen = run.listed()
    undone = [unit for unit in joined if done(CLEAN_STAGE, seen, unit) is None]
    if not undone:
        return None
    files = {(unit.source, unit.input) for unit in undone}
    pieces = [unit for unit in joined if (unit.source, unit.input) in files]
    applied = [index for index, unit in enumerate(pieces) if unit in undone]
    work_list.write({"units": [asdict(unit) for unit in pieces], "applied": applied})
    return JoinWork(run, work_list)


def _join(unit: Unit) -> PartJoin:
    join = CORPORA[unit.source].join
    assert join is not None  # only units with one become pieces
    return join
