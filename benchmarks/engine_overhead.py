"""What an engine costs beside its work: the CommonCrawl chain on it, and the same functions in a pool of processes.

Both sides are processes of their own, from the start of Python on, over the same WET files with as many workers as
there are cores; they take turns, and must leave the same files.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path

from benchmarks.claims import DisagreementError, Figures, SkippedError
from benchmarks.inputs import Inputs
from benchmarks.models import LanguageModel, classifier, language_model
from benchmarks.web_chain import chain_run, write_wet
from pipeline.errors import SettingError
from pipeline.exchange import Keyed
from pipeline.run import Run
from pipeline.storage import Folder, scratch_below
from pipeline.work import GroupStageWork, MapWork, WorkList, group_stage_work

STAGES = ("clean", "dedup", "language", "perplexity")
SOURCE = "commoncrawl"
_UNITS = 24
_COPIES, _PAGES_MEGABYTES = 9, 4
_ROOT = Path(__file__).parent.parent


def embedded(inputs: Inputs) -> Figures:
    """The embedded engine, whose workers are processes too."""
    return measured(inputs, [])


def spark_local(inputs: Inputs) -> Figures:
    """Spark on this machine, job server and all."""
    from pipeline.engines.job_server import SPARK, check_java, find_job_server

    try:
        check_java(())
        find_job_server(SPARK)
    except SettingError as error:
        raise SkippedError(str(error)) from error
    flags = ["--runner=SparkRunner", f"--spark_master_url=local[{_cores()}]"]
    return measured(inputs, flags)


def measured(inputs: Inputs, flags: Sequence[str]) -> Figures:
    """Megabytes of text a second on both sides, each once over a minute's work; what starting costs is told apart."""
    models = classifier(inputs), language_model(inputs)
    folder = inputs.work / "engine"
    size = sum(_write_unit(inputs, folder, unit) for unit in range(_UNITS))
    small = inputs.work / "engine-small"
    write_wet(_wet(small, 0), inputs.pages(_PAGES_MEGABYTES)[:20])
    once = [_timed(side, small, models, flags) for side in ("engine", "pool") for _ in range(2)]
    ours, reference = (_timed(side, folder, models, flags) for side in ("engine", "pool"))
    agree(*(_left(folder, side) for side in ("engine", "pool")))
    return Figures(
        ours=size / 1e6 / ours,
        reference=size / 1e6 / reference,
        reference_is=f"the same functions in a pool of {_cores()} processes; {_UNITS} units took {ours:.1f} and"
        f" {reference:.1f} s, a small one, which is starting and ending, {once[1]:.1f} and {once[3]:.1f} s",
        unit="MB/s",
        input_bytes=size,
    )


def agree(ours: dict[str, str], theirs: dict[str, str]) -> None:
    """Raises DisagreementError where a file of one side is not that of the other."""
    wrong = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if wrong:
        raise DisagreementError(f"{len(wrong)} files differ, the first is {wrong[0]}")


def _cores() -> int:
    return os.cpu_count() or 1


def _wet(folder: Path, unit: int) -> Path:
    return folder / f"{SOURCE}/CC-MAIN-{unit:05d}.warc.wet.gz"


def _write_unit(inputs: Inputs, folder: Path, unit: int) -> int:
    return write_wet(_wet(folder, unit), inputs.pages(_PAGES_MEGABYTES), _COPIES, first=unit * _COPIES)


def _left(folder: Path, side: str) -> dict[str, str]:
    output = Folder(str(folder / side))
    return {name: output.digest(name) for name in output.walk("") if not name.startswith("logs/")}


def _timed(side: str, folder: Path, models: tuple[Path, LanguageModel], flags: Sequence[str]) -> float:
    """Seconds of a process that does all from the beginning."""
    shutil.rmtree(folder / side, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(command(side, folder, models, flags), cwd=_ROOT, check=True)
    return time.perf_counter() - start


def command(side: str, folder: Path, models: tuple[Path, LanguageModel], flags: Sequence[str]) -> list[str]:
    """What starts one side, `engine` or `pool`, over the WET files of a folder."""
    given = {"language": str(models[0]), "pieces": str(models[1].pieces), "arpa": str(models[1].arpa)}
    told = {"side": side, "folder": str(folder), "flags": list(flags), **given}
    return [sys.executable, "-m", "benchmarks.engine_overhead", json.dumps(told)]


def run_on_engine(run: Run, flags: Sequence[str], workers: int) -> None:
    """The stages as their command does them."""
    from pipeline.conductor import Conductor
    from pipeline.engine import Engine
    from pipeline.guards import log_path
    from pipeline.progress import Reporter
    from pipeline.scratch import scratch_path

    log_path(run.output).parent.mkdir(parents=True, exist_ok=True)
    engine = Engine(tuple(flags), workers, log_path(run.output), scratch_path(run.output))
    Conductor(run, engine, Reporter(quiet=True)).stages(STAGES)


def run_in_pool(run: Run, workers: int) -> None:
    """The same functions, called by a pool of processes; blocks come back to this one, which sorts them."""
    units = run.units(SOURCE)
    with scratch_below(run.output) as scratch, ProcessPoolExecutor(workers) as pool:
        items = [{"unit": asdict(unit), "stages": ["clean"]} for unit in units]
        list(pool.map(MapWork(run, WorkList(scratch, "units.json").write({"items": items})).do, range(len(units))))
        work = group_stage_work(run, "dedup", SOURCE, units, STAGES[2:], WorkList(scratch, "dedup.json"))
        assert work is not None  # nothing is done yet
        blocks = _by_key(pool.map(partial(_sketched, work), [index for index, _ in work.senders()]))
        for index in range(work.rounds()):
            blocks = _by_key(pool.map(partial(_judged, work, index), blocks.items()))
        list(pool.map(partial(_applied, work), [(index, blocks.get(index, [])) for index in work.receivers()]))


def _by_key(sent: Iterable[list[Keyed]]) -> dict[int, list[bytes]]:
    blocks: dict[int, list[bytes]] = {}
    for key, block in chain.from_iterable(sent):
        blocks.setdefault(key, []).append(block)
    return blocks


def _sketched(work: GroupStageWork, index: int) -> list[Keyed]:
    return list(work.send(index))


def _judged(work: GroupStageWork, round_index: int, sent: tuple[int, list[bytes]]) -> list[Keyed]:
    return list(work.judge(round_index, sent[0], iter(sent[1])))


def _applied(work: GroupStageWork, sent: tuple[int, list[bytes]]) -> None:
    work.receive(sent[0], iter(sent[1]))


def main(told: dict[str, str], flags: Sequence[str]) -> None:
    """One side, in this process."""
    folder = Path(told["folder"])
    run = chain_run(folder, Path(told["language"]), LanguageModel(Path(told["pieces"]), Path(told["arpa"])))
    run = Run(run.recipe, Folder(str(folder / told["side"])))
    if told["side"] == "engine":
        run_on_engine(run, flags, _cores())
    else:
        run_in_pool(run, _cores())


if __name__ == "__main__":
    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns of absent extras at import.
    given = json.loads(sys.argv[1])
    main(given, given["flags"])
