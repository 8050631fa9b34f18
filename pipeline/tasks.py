"""What the engine does to each piece: protocols of work, and its parts as tasks. Plain Python, no Beam."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import PieceError, TokenmillError
from pipeline.exchange import Carrier, Keyed, straight_to
from pipeline.faults import said


class Work(Protocol):
    """Pieces of work that need nothing of each other. Picklable and small: lists lie in a `WorkList`."""

    def sizes(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each piece."""
        ...

    def name(self, index: int) -> str:
        """What people call the piece."""
        ...

    def do(self, index: int) -> None:
        """Do one piece; doing it twice gives the same files."""
        ...


class ExchangeWork(Protocol):
    """Pieces that send each other messages: straight, or by judges who see all messages of a partition in rounds.

    Picklable and small.
    """

    @property
    def label(self) -> str:
        """The step's label, and the folder of its scratch files."""
        ...

    def senders(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each piece that sends."""
        ...

    def receivers(self) -> Sequence[int]:
        """The pieces that receive, whether or not a message reaches them."""
        ...

    def name(self, index: int) -> str:
        """What people call a piece that sends."""
        ...

    def weight(self, index: int) -> int:
        """About how many bytes a piece has that receives."""
        ...

    def send(self, index: int) -> Iterator[Keyed]:
        """(partition, message) pairs of one piece; to `straight_to(piece)` goes what no judge is to see."""
        ...

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """(next partition or piece, message) pairs of one partition."""
        ...

    def rounds(self) -> int:
        """How many rounds of judges there are."""
        ...

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """Do one piece with what was sent to it."""
        ...


class Task(Protocol):
    """What is done to the pieces of one step of a pipeline. Picklable and small."""

    def __call__(self, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
        """Do the piece, with what crossed the engine for it; gives parcels for others."""
        ...

    def name(self, key: int) -> str:
        """What people call the piece."""
        ...

    def sizes(self) -> Mapping[int, int]:
        """About how much work each piece is, in bytes; the largest is done first. One that is not named is small."""
        ...


@dataclass(frozen=True, slots=True)
class Do:
    """Pieces that need nothing of each other."""

    work: Work

    def __call__(self, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
        """Do the piece; nothing is sent."""
        self.work.do(key)
        return iter(())

    def name(self, key: int) -> str:
        """As the work has it."""
        return self.work.name(key)

    def sizes(self) -> Mapping[int, int]:
        """As the work has them."""
        return dict(self.work.sizes())


@dataclass(frozen=True, slots=True)
class Send:
    """What pieces send to partitions, and straight to pieces."""

    work: ExchangeWork
    carrier: Carrier

    def __call__(self, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
        """Send the piece's messages."""
        return self.carrier.pack(_step(self.work, 0), str(key), self.work.send(key))

    def name(self, key: int) -> str:
        """Names the piece."""
        return f"{self.work.label}: {self.work.name(key)}"

    def sizes(self) -> Mapping[int, int]:
        """As the work has them."""
        return dict(self.work.senders())


@dataclass(frozen=True, slots=True)
class Judge:
    """What a round's partitions make of the messages that they were sent."""

    work: ExchangeWork
    carrier: Carrier
    round_index: int

    def __call__(self, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
        """Judge the partition's messages and send verdicts."""
        messages = self.carrier.unpack([(_step(self.work, self.round_index), key)], parcels)
        verdicts = self.work.judge(self.round_index, key, messages)
        return self.carrier.pack(_step(self.work, self.round_index + 1), str(key), verdicts)

    def name(self, key: int) -> str:
        """Names round and partition."""
        return f"{self.work.label}: partition {key} of round {self.round_index + 1}"

    def sizes(self) -> Mapping[int, int]:
        """Not known: partitions are made to be alike."""
        return {}


@dataclass(frozen=True, slots=True)
class Receive:
    """The pieces that receive, with what judges sent them and what came straight."""

    work: ExchangeWork
    carrier: Carrier

    def __call__(self, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
        """Do the piece; nothing is sent."""
        rounds = self.work.rounds()
        straight = [(_step(self.work, 0), straight_to(key))] if rounds else []
        self.work.receive(key, self.carrier.unpack([(_step(self.work, rounds), key), *straight], parcels))
        return iter(())

    def name(self, key: int) -> str:
        """Names the piece by number: it need not be one that sends."""
        return f"{self.work.label}: piece {key}"

    def sizes(self) -> Mapping[int, int]:
        """As the work has them."""
        return {key: self.work.weight(key) for key in self.work.receivers()}


def named(task: Task, key: int, parcels: Iterable[bytes]) -> Iterator[Keyed]:
    """What the task gives for a piece. Raises PieceError, which names the piece, for what the task did not foresee."""
    try:
        yield from task(key, parcels)
    except PieceError as error:
        raise PieceError(f"{task.name(key)}: {error}") from error.__cause__
    except TokenmillError:
        raise
    except Exception as error:
        raise PieceError(said(error, task.name(key))) from error


def _step(work: ExchangeWork, rounds: int) -> str:
    """Where the messages lie that an exchange sends after so many rounds of judges."""
    return f"{work.label}/{rounds}"
