"""The thin Beam shell: deals units to workers on any runner, and carries packed blocks between them.

Embedded default: Beam's FnApiRunner with worker processes. Every other runner comes with Beam's own flags.
"""

import argparse
import difflib
import heapq
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline.errors import FatalError, SettingError
from pipeline.exchange import Carrier, FileCarrier, Keyed, ShuffleCarrier
from pipeline.storage import Folder

EMBEDDED = "FnApiRunner"
_log = logging.getLogger(__name__)


class Work(Protocol):
    """Pieces of work that need nothing of each other. Picklable and small: lists lie in a manifest file."""

    def sizes(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each piece."""
        ...

    def do(self, index: int) -> None:
        """Do one piece; doing it twice gives the same files."""
        ...


class GroupWork(Protocol):
    """Work in rounds: pieces are sketched, partitions of blocks judged, verdicts applied. Picklable and small."""

    @property
    def label(self) -> str:
        """The step's label, and the folder of its scratch files."""
        ...

    def sketched(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each piece that is sketched."""
        ...

    def applied(self) -> Sequence[int]:
        """The pieces to which verdicts are applied, whether or not a block reaches them."""
        ...

    def sketch(self, index: int) -> Iterator[Keyed]:
        """(partition, block) pairs of one piece; of `straight_to(piece)`, what goes to a piece without being judged."""
        ...

    def judge(self, round_index: int, partition: int, blocks: Iterator[bytes]) -> Iterator[Keyed]:
        """(next partition or piece, block) pairs of one partition."""
        ...

    def rounds(self) -> int:
        """How many rounds of judges there are."""
        ...

    def apply(self, index: int, blocks: Iterator[bytes]) -> None:
        """Apply the verdict to one piece."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the work is done: Beam's flags as given after `--`, how many embedded workers, their log file."""

    flags: tuple[str, ...] = ()
    workers: int = 0
    log: Path = Path(os.devnull)

    @property
    def is_embedded(self) -> bool:
        """Whether the run stays on this machine's own worker processes."""
        return not any(flag == "--runner" or flag.startswith("--runner=") for flag in self.flags) or any(
            flag == f"--runner={EMBEDDED}" for flag in self.flags
        )

    @property
    def hands(self) -> int:
        """Worker processes of the embedded runner."""
        return self.workers or os.cpu_count() or 1

    def carrier(self, folder: Folder) -> Carrier:
        """How blocks travel on this engine."""
        return FileCarrier(folder) if self.is_embedded else ShuffleCarrier()

    def run(self, work: Work) -> None:
        """Do all pieces of the work. Raises FatalError with the worker's own message."""

        def build(pipeline: Any) -> None:
            # (hand, pieces of that hand)
            hands = pipeline | "deal" >> _Deal(work.sizes, self.hands if self.is_embedded else 0)
            _ = hands | "work" >> beam.ParDo(_DoWork(work))

        self._execute(build)

    def run_groups(self, works: Sequence[GroupWork], scratch: Folder) -> None:
        """Sketch, judge and apply each group's pieces; all in one pipeline."""
        carrier = self.carrier(scratch)

        def build(pipeline: Any) -> None:
            for work in works:
                _ = pipeline | work.label >> _Group(work, carrier, self.hands if self.is_embedded else 0)

        self._execute(build)

    def _execute(self, build: Callable[[Any], None]) -> None:
        options = self.options()
        try:
            with noise_in(self.log), beam.Pipeline(runner=self._runner(options), options=options) as pipeline:
                build(pipeline)
        except RuntimeError as error:
            _log.error("the pipeline failed", exc_info=error)
            raise FatalError(worker_message(str(error))) from error

    def options(self) -> PipelineOptions:
        """Beam's options: ours first, so that a flag of the user's wins."""
        embedded = [f"--direct_num_workers={self.hands}"]
        portable = [
            "--environment_cache_millis=1000000",
            f"--sdk_worker_parallelism={self.hands}",
            "--experiments=use_loopback_process_worker=True",
        ]
        ours = embedded if self.is_embedded else portable
        return PipelineOptions([*ours, *self.flags])

    def _runner(self, options: PipelineOptions) -> Any:
        if not self.is_embedded:
            return options.view_as(StandardOptions).runner
        # Chosen by name, FnApiRunner passes no options on to its workers; this is how DirectRunner does it.
        encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
        info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
        # What `--direct_running_mode=multi_processing` starts, with its chatter in the log.
        worker = f"{shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main"
        return FnApiRunner(
            default_environment=SubprocessSDKEnvironment.from_command_string(
                f"trap '' INT; exec {worker} 2>>{shlex.quote(str(self.log))}"  # Ctrl-C is for us: we end them.
            ),
            provision_info=ExtendedProvisionInfo(info),
        )


@contextmanager
def noise_in(log: Path) -> Iterator[None]:
    """What this process and the workers it starts write to standard error goes to the log.

    Engines say much there that is no one's concern, down to tracebacks of workers that are told to stop. What people
    are to read goes through `Reporter`, which keeps its own way out.
    """
    sys.stderr.flush()
    held = os.dup(2)
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(held, 2)
        os.close(held)


def check_flags(flags: Sequence[str]) -> None:
    """Raise SettingError for a flag that no Beam option parser knows. Beam itself would only warn."""
    # Built as Beam builds its own parser, which passes over what it does not know.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in [PipelineOptions, *PipelineOptions.__subclasses__()]:
        add = getattr(options, "_add_argparse_args", None)
        if add is not None:
            add(parser)
    known = {name for action in parser._actions for name in action.option_strings}
    for flag in flags:
        name = flag.partition("=")[0]
        if name.startswith("--") and name not in known | {"--spark_conf", "--bundle_size"}:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingError(f"unknown Beam flag {flag}{hint}")
        if not name.startswith("-") and flags.index(flag) == 0:
            raise SettingError(f"{flag} is no Beam flag; Beam's flags start with --")


def worker_message(text: str) -> str:
    """The last thing that our own code said in a remote traceback, as one line."""
    named = re.findall(r"(?:FatalError|SettingError|ShardError): (.+?)(?: \[while running|\n|$)", text)
    if named:
        return str(named[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception|Interrupt)\b", line)]
    last = (errors or lines or ["no message"])[-1]
    return f"a worker failed: {last.partition(' [while running')[0][:500]} (logs/run.log has the trace)"


def deal(sizes: Iterable[tuple[int, int]], hands: int) -> Iterator[Keyed | tuple[int, int]]:
    """(hand, index) pairs: the largest piece first, each to the hand with the least so far; 0 hands: one a piece."""
    if not hands:
        yield from ((index, index) for index, _ in sizes)
        return
    held = [(0, hand) for hand in range(hands)]
    for index, size in sorted(sizes, key=lambda item: (-item[1], item[0])):
        total, hand = heapq.heappop(held)
        yield hand, index
        heapq.heappush(held, (total + size + 1, hand))


class _Deal(beam.PTransform):  # type: ignore[misc]
    """From nothing to (hand, indices): the list is read by a worker, so that no job graph holds it."""

    def __init__(self, sizes: Callable[[], Sequence[tuple[int, int]]], hands: int) -> None:
        super().__init__()
        self._sizes, self._hands = sizes, hands

    def expand(self, pipeline: Any) -> Any:
        sizes, hands = self._sizes, self._hands

        def pairs(_: int) -> Iterator[Any]:
            return deal(sizes(), hands)

        return (
            pipeline
            | "start" >> beam.Create([0], reshuffle=False)
            # (hand, index)
            | "pairs" >> beam.FlatMap(pairs).with_output_types(tuple[int, int])
            # (hand, indices): a break of fusion, so that hands go to different workers
            | "hands" >> beam.GroupByKey()
        )


class _DoWork(beam.DoFn):  # type: ignore[misc]
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def process(self, element: tuple[int, Iterable[int]]) -> None:
        for index in element[1]:
            self._work.do(index)


class _Group(beam.PTransform):  # type: ignore[misc]
    """From nothing to files: blocks of all pieces by partition, judged round by round, applied to the pieces."""

    def __init__(self, work: GroupWork, carrier: Carrier, hands: int) -> None:
        super().__init__()
        self._work, self._carrier, self._hands = work, carrier, hands

    def expand(self, pipeline: Any) -> Any:
        work, carrier = self._work, self._carrier
        hands = pipeline | "deal" >> _Deal(work.sketched, self._hands)
        # (partition, parcel)
        parcels = hands | "sketch" >> beam.ParDo(_Sketch(work, carrier)).with_output_types(tuple[int, bytes])
        straight = []
        if work.rounds():
            # (piece, parcel) of what is for no judge
            to_pieces = beam.FlatMap(_for_pieces).with_output_types(tuple[int, bytes])
            straight = [parcels | "to pieces" >> to_pieces]
            parcels = parcels | "to judges" >> beam.FlatMap(_for_judges).with_output_types(tuple[int, bytes])
        for index in range(work.rounds()):
            grouped = parcels | f"group {index}" >> beam.GroupByKey()
            judge = beam.ParDo(_Judge(work, carrier, index)).with_output_types(tuple[int, bytes])
            parcels = grouped | f"judge {index}" >> judge
        marks = (
            pipeline
            | "start" >> beam.Create([0], reshuffle=False)
            # (piece, nothing): a piece that no verdict reaches is applied too
            | "pieces"
            >> beam.FlatMap(lambda _: ((i, b"") for i in work.applied())).with_output_types(tuple[int, bytes])
        )
        return (
            (parcels, *straight, marks)
            | "verdicts" >> beam.Flatten()
            | "by piece" >> beam.GroupByKey()
            | "apply" >> beam.ParDo(_Apply(work, carrier))
        )


def straight_to(piece: int) -> int:
    """The partition of a block that no judge is to see: it goes to the piece as it is."""
    return -1 - piece


def _for_pieces(parcel: Keyed) -> Iterator[Keyed]:
    if parcel[0] < 0:
        yield -1 - parcel[0], parcel[1]


def _for_judges(parcel: Keyed) -> Iterator[Keyed]:
    if parcel[0] >= 0:
        yield parcel


class _Sketch(beam.DoFn):  # type: ignore[misc]
    def __init__(self, work: GroupWork, carrier: Carrier) -> None:
        super().__init__()
        self._work, self._carrier = work, carrier

    def process(self, element: tuple[int, Iterable[int]]) -> Iterator[Keyed]:
        for index in element[1]:
            yield from self._carrier.pack(f"{self._work.label}/sketch-{index}", self._work.sketch(index))


class _Judge(beam.DoFn):  # type: ignore[misc]
    def __init__(self, work: GroupWork, carrier: Carrier, round_index: int) -> None:
        super().__init__()
        self._work, self._carrier, self._round = work, carrier, round_index

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Keyed]:
        partition, parcels = element
        verdicts = self._work.judge(self._round, partition, self._carrier.unpack(parcels))
        yield from self._carrier.pack(f"{self._work.label}/judge-{self._round}-{partition}", verdicts)


class _Apply(beam.DoFn):  # type: ignore[misc]
    def __init__(self, work: GroupWork, carrier: Carrier) -> None:
        super().__init__()
        self._work, self._carrier = work, carrier

    def process(self, element: tuple[int, Iterable[bytes]]) -> None:
        index, parcels = element
        self._work.apply(index, self._carrier.unpack(parcel for parcel in parcels if parcel))
