"""The thin Beam shell: deals units to workers on any runner, and carries messages between them.

Embedded default: Beam's FnApiRunner with worker processes. Every other runner comes with Beam's own flags.
"""

import argparse
import difflib
import importlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.engines.portable import workers_beside
from pipeline.errors import FatalError, SettingError
from pipeline.exchange import Carrier, FileCarrier, Keyed, ShuffleCarrier, straight_to
from pipeline.pool import Pool
from pipeline.redact import redacting
from pipeline.scratch import scratch_on_this_machine, temporary_files_below
from pipeline.tasks import Do, ExchangeWork, Judge, Receive, Send, Task, Work, named

EMBEDDED = "FnApiRunner"
_OTHERS = {"SparkRunner": "spark", "FlinkRunner": "flink", "DataflowRunner": "dataflow"}
OF_JOB_SERVERS = {
    "--bundle_size",
    "--cache_disabled",
    "--execution_mode_for_batch",
    "--flink_conf_dir",
    "--load_balance_bundles",
    "--storage_level",
    "--use_data_stream_for_batch",
}
"""Options that Beam's Python does not know, and passes on to a job server."""
_KEYED = tuple[int, bytes]
_POOLS: dict[str, Pool] = {}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the work is done: Beam's flags as given after `--`, how many embedded workers, their log file.

    `scratch` is a folder of this machine for what embedded workers leave to each other, and for temporary files.
    """

    flags: tuple[str, ...] = ()
    workers: int = 0
    log: Path = Path(os.devnull)
    scratch: Path | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the run stays on this machine's own worker processes."""
        return runner_name(self.flags) == EMBEDDED

    @property
    def hands(self) -> int:
        """Worker processes of the embedded runner."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--direct_num_workers", type=int, default=self.workers)
        return int(parser.parse_known_args(list(self.flags))[0].direct_num_workers) or os.cpu_count() or 1

    def run(self, work: Work) -> Any:
        """Do all pieces of the work; gives Beam's result. Raises FatalError with the worker's own message."""

        def build(pipeline: Any, carrier: Carrier, pool: str) -> None:
            pieces = pipeline | "deal" >> _Deal(work.sizes)
            _ = pieces | "work" >> beam.ParDo(_Each(Do(work), pool))

        return self._execute(build)

    def run_exchanges(self, works: Sequence[ExchangeWork]) -> Any:
        """Do each exchange: send, judge, receive, all in one pipeline; gives Beam's result."""

        def build(pipeline: Any, carrier: Carrier, pool: str) -> None:
            for work in works:
                _ = pipeline | work.label >> _Exchange(work, carrier, pool)

        return self._execute(build)

    def _execute(self, build: Callable[[Any, Carrier, str], None]) -> Any:
        try:
            with (
                noise_in(self.log),
                self._carried() as (options, runner, carrier, pool),
                beam.Pipeline(runner=runner, options=options) as pipeline,
            ):
                build(pipeline, carrier, pool)
            return pipeline.result
        except (OSError, MemoryError):
            raise  # They say what is the matter with this machine.
        except Exception as error:  # Runners have errors of kinds of their own; Dataflow's is no RuntimeError.
            if (interrupt := _interrupt_in(error)) is not None:
                raise interrupt from None
            _log.error("the pipeline failed", exc_info=error)
            other = other_engine(self.flags)
            said = str(error) if isinstance(error, RuntimeError) else "".join(traceback.format_exception_only(error))
            raise FatalError(worker_message((other and other.message(said)) or said)) from error

    @contextmanager
    def _carried(self) -> Iterator[tuple[PipelineOptions, Any, Carrier, str]]:
        """Options, runner, how messages travel on it, the name of the pool that does its work (empty on clusters)."""
        if not self.is_embedded:
            with temporary_files_below(self.scratch):
                options = self.options()
                with workers_beside((*self.defaults(), *self.flags)):
                    yield options, options.view_as(StandardOptions).runner, ShuffleCarrier(), ""
            return
        with scratch_on_this_machine(self.scratch) as scratch, Pool(self.hands, self.log, scratch) as pool:
            name = str(scratch)
            _POOLS[name] = pool
            try:
                yield self.options(), FnApiRunner(), FileCarrier(scratch / "messages"), name
            finally:
                del _POOLS[name]

    def options(self) -> PipelineOptions:
        """Beam's options: ours first, so that a flag of the user's wins."""
        if self.is_embedded:
            # The graph is run in this process by one thread: it only waits for the pool, which has the workers.
            return PipelineOptions([*self.flags, "--direct_num_workers=1", "--direct_running_mode=in_memory"])
        return PipelineOptions([*self.defaults(), *self.flags])

    def defaults(self) -> tuple[str, ...]:
        """The flags of Beam that we set, and the user does not."""
        ours = other_engine(self.flags)
        return ours.defaults(self.flags, self.hands) if ours else ()


def _interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that the embedded runner took for an error of a DoFn's, which is where the command waits."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


class OtherEngine(Protocol):
    """What a module of `pipeline/engines/` knows about its runner."""

    def defaults(self, flags: Sequence[str], workers: int) -> tuple[str, ...]:
        """Flags that we set where the user's do not."""
        ...

    def check(self, flags: Sequence[str]) -> None:
        """Raise SettingError where it cannot work with these flags, before any work."""
        ...

    def message(self, text: str) -> str | None:
        """The Python part of a failure that the runner reports, None where there is none."""
        ...


def other_engine(flags: Sequence[str]) -> OtherEngine | None:
    """What we know about the runner that Beam's flags name; None for the embedded one, and for those we do not know."""
    module = _OTHERS.get(runner_name(flags))
    return cast(OtherEngine, importlib.import_module(f"pipeline.engines.{module}")) if module else None


def runner_name(flags: Sequence[str]) -> str:
    """The runner that Beam's flags name; the embedded one where they name none."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner", default=EMBEDDED)
    return str(parser.parse_known_args(list(flags))[0].runner)


@contextmanager
def noise_in(log: Path) -> Iterator[None]:
    """What this process and the workers it starts write to standard error goes to the log.

    Engines say much there that is no one's concern, down to tracebacks of workers that are told to stop. What people
    are to read goes through `Reporter`, which keeps its own way out.
    """
    sys.stderr.flush()
    held = os.dup(2)
    with redacting(log) as descriptor:
        os.dup2(descriptor, 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(held, 2)
            os.close(held)


def check_flags(flags: Sequence[str]) -> None:
    """Raise SettingError for a flag that no Beam option parser knows, which Beam only warns of, or that cannot work."""
    # Built as Beam builds its own parser, which passes over what it does not know.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in [PipelineOptions, *PipelineOptions.__subclasses__()]:
        add = getattr(options, "_add_argparse_args", None)
        if add is not None:
            add(parser)
    known = {name for action in parser._actions for name in action.option_strings}
    for flag in flags:
        name = flag.partition("=")[0]
        if name.startswith("--") and name not in known | OF_JOB_SERVERS:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingError(f"unknown Beam flag {flag}{hint}")
        if not name.startswith("-") and flags.index(flag) == 0:
            raise SettingError(f"{flag} is no Beam flag; Beam's flags start with --")
    if (other := other_engine(flags)) is not None:
        other.check(flags)


def worker_message(text: str) -> str:
    """The last thing that our own code said in a remote traceback, as one line."""
    text = re.sub(r" \[while running '[^']*'\]", "", text)
    named = re.findall(r"(?:FatalError|SettingError|PieceError): (.+)", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception|Interrupt)\b", line)]
    last = (named or errors or lines or ["no message"])[-1]
    return last if named else f"a worker failed: {last[:500]} (logs/run.log has the trace)"


class _Deal(beam.PTransform):  # type: ignore[misc]
    """From nothing to (index, nothing): the list is read by a worker, so that no job graph holds it."""

    def __init__(self, sizes: Callable[[], Sequence[tuple[int, int]]]) -> None:
        super().__init__()
        self._sizes = sizes

    def expand(self, pipeline: Any) -> Any:
        sizes = self._sizes
        return (
            pipeline
            | "start" >> beam.Create([0], reshuffle=False)
            # (index, nothing)
            | "pieces" >> beam.FlatMap(lambda _: ((index, b"") for index, _ in sizes())).with_output_types(_KEYED)
            # (index, nothings): a break of fusion, so that pieces go to different workers
            | "apart" >> beam.GroupByKey()
        )


class _Each(beam.DoFn):  # type: ignore[misc]
    """Does a task to each element (key, parcels): here, or in the pool of that name of this process.

    Beam pickles its DoFns, and a pool is processes: that is why it goes by name.
    """

    def __init__(self, task: Task, pool: str) -> None:
        super().__init__()
        self._task, self._pool = task, pool
        self._held: list[int] = []

    def start_bundle(self) -> None:
        self._held = []

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[Keyed]:
        if self._pool:
            self._held.append(element[0])  # Its parcels are empty: the messages lie in files.
        else:
            yield from named(self._task, *element)

    def finish_bundle(self) -> Iterator[Any]:
        if not self._held:
            return
        keys: set[int] = set()
        for sent in _POOLS[self._pool].each(self._task, self._held):
            keys.update(key for key, _ in sent)
        for key in sorted(keys):
            yield WindowedValue((key, b""), GlobalWindow().max_timestamp(), [GlobalWindow()])


class _Exchange(beam.PTransform):  # type: ignore[misc]
    """From nothing to files: messages of all pieces by partition, judged round by round, received by the pieces."""

    def __init__(self, work: ExchangeWork, carrier: Carrier, pool: str) -> None:
        super().__init__()
        self._work, self._carrier, self._pool = work, carrier, pool

    def expand(self, pipeline: Any) -> Any:
        work, carrier = self._work, self._carrier
        pieces = pipeline | "deal" >> _Deal(work.senders)
        # (partition, parcel)
        parcels = pieces | "send" >> self._each(Send(work, carrier))
        straight = []
        if work.rounds():
            # (piece, parcel) of what is for no judge
            straight = [parcels | "to pieces" >> beam.FlatMap(_for_pieces).with_output_types(_KEYED)]
            parcels = parcels | "to judges" >> beam.FlatMap(_for_judges).with_output_types(_KEYED)
        for index in range(work.rounds()):
            grouped = parcels | f"group {index}" >> beam.GroupByKey()
            parcels = grouped | f"judge {index}" >> self._each(Judge(work, carrier, index))
        marks = (
            pipeline
            | "start" >> beam.Create([0], reshuffle=False)
            # (piece, nothing): a piece that no verdict reaches is applied too
            | "pieces" >> beam.FlatMap(lambda _: ((i, b"") for i in work.receivers())).with_output_types(_KEYED)
        )
        return (
            (parcels, *straight, marks)
            | "verdicts" >> beam.Flatten()
            | "by piece" >> beam.GroupByKey()
            | "receive" >> self._each(Receive(work, carrier))
        )

    def _each(self, task: Task) -> Any:
        return beam.ParDo(_Each(task, self._pool)).with_output_types(_KEYED)


def _for_pieces(parcel: Keyed) -> Iterator[Keyed]:
    if parcel[0] < 0:
        yield straight_to(parcel[0]), parcel[1]


def _for_judges(parcel: Keyed) -> Iterator[Keyed]:
    if parcel[0] >= 0:
        yield parcel
