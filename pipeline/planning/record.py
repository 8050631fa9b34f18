"""Keeps a prediction in `logs/plan.json`, and holds it against what the run took once it was made."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.planning.figures import Measured, measure
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder, digest_of

PLAN = "logs/plan.json"


def recipe_digest(recipe: Recipe) -> str:
    """Of all that a prediction follows from: the recipe without its prices."""
    return digest_of(recipe.model_dump(mode="json", exclude={"prices"}))


def errors_of_last(run: Run, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each figure of the last prediction what the run of the same recipe and inputs took; empty without either."""
    held = run.output.read_json(PLAN)
    if held is None or held.get("recipe") != recipe_digest(run.recipe) or _sizes(held["inputs"]) != _sizes(inputs):
        return []
    actual = measure(run)
    found = [*_cpu(held, actual), *_bytes(held, actual), *_walls(held, actual)]
    return [row | {"error": row["predicted"] / row["actual"] - 1} for row in found if row["actual"]]


def write_plan(output: Folder, plan: Mapping[str, Any]) -> None:
    """Keep the prediction."""
    output.write_json(PLAN, plan)


def _sizes(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {source: (held.get("units"), held.get("bytes")) for source, held in inputs.items()}


def _row(figure: str, unit: str, predicted: float, actual: float) -> dict[str, Any]:
    return {"figure": figure, "unit": unit, "predicted": predicted, "actual": actual}


def _cpu(held: Mapping[str, Any], actual: Measured) -> Iterator[dict[str, Any]]:
    """Stage by stage, where it was run, and all of those together."""
    seen = actual.cpu_seconds
    told = was = 0.0
    for stage, row in held["cpu_seconds"]["stages"].items():
        both = [
            (figure["value"], seen[stage, source])
            for source, figure in row["sources"].items()
            if (stage, source) in seen
        ]
        if both:
            predicted, took = (sum(pair[index] for pair in both) for index in (0, 1))
            told, was = told + predicted, was + took
            yield _row(f"processor time of {stage}", "seconds", predicted, took)
    yield _row("processor time", "seconds", told, was)


def _bytes(held: Mapping[str, Any], actual: Measured) -> Iterator[dict[str, Any]]:
    sent = sum(actual.shuffle_bytes.values())
    yield _row("shuffled", "bytes", held["shuffle_bytes"]["total"]["value"], sent)
    peak = max(figure["value"] for figure in held["memory_bytes"].values())
    yield _row("memory of a worker", "bytes", peak, actual.peak_bytes)
    written = actual.output_bytes
    folders = {name: figure["value"] for name, figure in held["output_bytes"]["folders"].items() if name in written}
    for name, predicted in folders.items():
        yield _row(f"output in {name}", "bytes", predicted, written[name])
    yield _row("output", "bytes", sum(folders.values()), sum(written[name] for name in folders))


def _walls(held: Mapping[str, Any], actual: Measured) -> Iterator[dict[str, Any]]:
    """For a number of workers with which all was done that the engine was asked for."""
    for wall in held["wall"]:
        took = [seconds for (_, workers), seconds in actual.walls.items() if workers == wall["workers"]]
        if len(took) >= held["engine_starts"]:
            yield _row(f"time with {wall['workers']} workers", "seconds", wall["value"], sum(took))
