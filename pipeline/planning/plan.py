"""Plans a run: draws the sample, runs it, and says what the whole will take."""

import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.guards import logged
from pipeline.measured_engine import MeasuredEngine
from pipeline.planning.estimate import Estimate, Stratum
from pipeline.planning.figures import Measured, Place, measure, with_fits
from pipeline.planning.memory_needed import largest, peak_memory
from pipeline.planning.money import money
from pipeline.planning.prediction import Prediction, predict
from pipeline.planning.record import errors_of_last, recipe_digest, write_plan
from pipeline.planning.room import disk_warnings, hot_warnings, memory_warnings
from pipeline.planning.sample_run import run_sample
from pipeline.planning.sampling import draw
from pipeline.planning.walls import Wall, walls
from pipeline.run import Run
from pipeline.storage import Folder


def plan_run(run: Run, fraction: float, workers: tuple[int, ...], output: Folder | None) -> dict[str, Any]:
    """What the run will take, as a JSON object. Of an output nothing is touched but `logs/plan.json`.

    Raises SettingError for inputs that are not there, FatalError where the sample cannot be run.
    """
    started = time.monotonic()
    cores = os.cpu_count() or 1
    counts = workers or (cores,)
    with tempfile.TemporaryDirectory(prefix="tokenmill-plan-") as name:
        folder = Path(name)
        listing = Folder(str(folder / "listing"))
        listing.write_text("logs/.plan", "")  # What is slow to find out of inputs is remembered here.
        whole = Run(run.recipe, listing)
        sample, strata = draw(whole, fraction, run.recipe.seed)
        with logged(folder / "plan.log"):
            engine = MeasuredEngine(
                workers=cores,
                log=folder / "plan.log",
                scratch=folder,
                output=Folder(str(folder / "output")),
                warms=True,
            )
            held = run_sample(run.recipe, sample, strata, engine, output)
        measured = measure(held.run)
        if output and held.made:
            measured = with_fits(measured, measure(Run(run.recipe, output)), held.made)
        found = predict(whole, held, strata, measured, counts[0])
        plan = summary(whole, found, measured, strata, counts)
        peaks = peak_memory(whole, found, measured)
    warnings = [*(disk_warnings(output, found) if output else ()), *memory_warnings(peaks, counts, cores)]
    plan |= {
        "fraction": fraction,
        "seconds": time.monotonic() - started,
        "models": held.models,
        "notes": held.notes,
        "warnings": [*warnings, *hot_warnings(found.hot_keys)],
        "last": errors_of_last(Run(run.recipe, output), plan["inputs"]) if output else [],
    }
    if output:
        write_plan(output, plan)
    return plan


def summary(
    run: Run, found: Prediction, measured: Measured, strata: Sequence[Stratum], workers: Sequence[int]
) -> dict[str, Any]:
    """All figures that are foretold, as a JSON object."""
    peaks = peak_memory(run, found, measured)
    times = walls(found, measured, strata, workers)
    return {
        "recipe": recipe_digest(run.recipe),
        "sample": {"bytes": sum(part.read_bytes for part in strata), "of_bytes": sum(part.bytes for part in strata)},
        "inputs": _inputs(strata),
        "engine_starts": len(measured.walls),
        **_figures(found, peaks, times),
        "money": _money(run, found, peaks, times),
    }


def _inputs(strata: Iterable[Stratum]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for part in strata:
        held = found.setdefault(part.source, dict.fromkeys(("units", "bytes", "pieces", "read_bytes"), 0))
        held["units"] += len(part.unit_bytes)
        held["bytes"] += part.bytes
        held["pieces"] += len(part.pieces)
        held["read_bytes"] += part.read_bytes
    return found


def _figures(found: Prediction, peaks: Mapping[str, Estimate], times: Iterable[Wall]) -> dict[str, Any]:
    cpu = {
        stage: {"fixed": stage in found.fixed, "sources": sources}
        for stage, sources in _by_stage(found.cpu_seconds).items()
    }
    return {
        "cpu_seconds": {"total": found.cpu.to_json(), "stages": cpu},
        "shuffle_bytes": {"total": found.shuffle.to_json(), "stages": _by_stage(found.shuffle_bytes)},
        "growth": {
            f"{stage} of {source}": share.to_json()
            for (stage, source), share in found.growth.items()
            if share.value < 1
        },
        "memory_bytes": {part: peak.to_json() for part, peak in peaks.items()},
        "output_bytes": {
            "total": found.output.to_json(),
            "folders": {folder: size.to_json() for folder, size in found.output_bytes.items()},
        },
        "hot_keys": [key.to_json() for key in found.hot_keys],
        "wall": [wall.to_json() for wall in times],
    }


def _by_stage(figures: Mapping[Place, Estimate]) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (stage, source), figure in figures.items():
        found.setdefault(stage, {})[source] = figure.to_json()
    return found


def _money(run: Run, found: Prediction, peaks: Mapping[str, Estimate], times: Iterable[Wall]) -> dict[str, Any]:
    """The cost for each number of workers, where the recipe has prices."""
    costs = {}
    for wall in times:
        parts = money(
            run.recipe.prices,
            workers=wall.workers,
            wall=wall.seconds,
            memory=largest(peaks),
            shuffle=found.shuffle,
            output=found.output,
            files=found.files,
        )
        if parts:
            costs[str(wall.workers)] = {name: cost.to_json() for name, cost in parts.items()}
            costs[str(wall.workers)]["total"] = sum(parts.values(), Estimate.exactly(0.0)).to_json()
    return costs
