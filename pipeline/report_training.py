"""The report's section on training: the loss curve, rate and gradient beside it, what was skipped, held-out figures.

Read from `training/metrics.jsonl` and `training/evaluation.jsonl`, a line at a time: what is kept of them is bounded,
however long the run was.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.report_charts import line_chart
from pipeline.report_html import Html, element, joined, table
from pipeline.storage import Folder

METRICS, EVALUATION = "training/metrics.jsonl", "training/evaluation.jsonl"
MAX_POINTS = 500
"""Where there are more steps a point stands for several, and a band for all between their lowest and highest loss."""
MAX_SKIPS = 200
MAX_EVALUATIONS = 400


@dataclass(slots=True)
class Point:
    """Neighbouring steps drawn as one: the mean of their figures, and the range of their losses."""

    first: float
    last: float
    low: float
    high: float
    steps: int
    sums: dict[str, tuple[float, int]]
    """Of each figure the sum, and how many steps have it."""

    def mean(self, name: str) -> float:
        """The mean of a figure."""
        total, count = self.sums[name]
        return total / count

    def with_next(self, other: "Point") -> "Point":
        """Both as one."""
        sums = dict(self.sums)
        for name, (total, count) in other.sums.items():
            before = sums.get(name, (0.0, 0))
            sums[name] = before[0] + total, before[1] + count
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Point(self.first, other.last, low, high, self.steps + other.steps, sums)


@dataclass(slots=True, kw_only=True)
class Training:
    """What is known of a training run."""

    first: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    steps: int = 0
    clipped: int = 0
    skips: int = 0
    skipped: list[float] = field(default_factory=list)
    """The first of the steps that were skipped."""
    evaluations: Sequence[Mapping[str, Any]] = ()

    def placed(self) -> Iterator[tuple[float, Point]]:
        """The points and the steps at which they are drawn: the middle of their own, and at both ends the end."""
        for place, point in enumerate(self.points):
            ends = {len(self.points) - 1: point.last, 0: point.first}
            yield ends.get(place, (point.first + point.last) / 2), point


def read_training(output: Folder) -> Training:
    """The figures of the run below an output folder; empty where there is none."""
    training = Training(evaluations=list(_evaluations(output)))
    width = 1
    for line in _lines(output, METRICS):
        step = {key: float(value) for key, value in line.items() if isinstance(value, int | float)}
        if "step" not in step:
            continue
        training.steps += 1
        training.clipped += line.get("clipped") is True
        if line.get("skipped") is True:
            training.skips += 1
            training.skipped += [step["step"]] if len(training.skipped) < MAX_SKIPS else []
        if not math.isfinite(step.get("loss", math.nan)):
            continue
        training.first, training.last = training.first or step, step
        _add(training.points, step, width)
        if len(training.points) > 2 * MAX_POINTS:
            pairs = zip(training.points[::2], [*training.points[1::2], None], strict=False)
            training.points = [one.with_next(other) if other else one for one, other in pairs]
            width *= 2
    return training


def training_section(training: Training) -> Html:
    """The section; says so where nothing has been trained."""
    if not training.points:
        return element("p", "No model has been trained on the stream yet.", class_="soft")
    parts = [_loss(training), _beside(training), *_held_out(training.evaluations)]
    first, last = training.first, training.last
    rows = [(name, f"{first.get(name, 0):.6g}", f"{last[name]:.6g}") for name in sorted(last)]
    return joined(
        [*parts, table("Figures of the first and the last step", ("figure", "first", "last"), rows, numbers=2)]
    )


def _add(points: list[Point], step: Mapping[str, float], width: int) -> None:
    loss = step["loss"]
    sums = {name: (value, 1) for name, value in step.items() if math.isfinite(value)}
    point = Point(step["step"], step["step"], loss, loss, 1, sums)
    if points and points[-1].steps < width:
        points[-1] = points[-1].with_next(point)
    else:
        points.append(point)


def _lines(output: Folder, name: str) -> Iterator[dict[str, Any]]:
    try:
        with output.open(name) as stream:
            for line in stream:
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):  # A run that was killed leaves half a line at the end.
                    continue
                if isinstance(value, dict):
                    yield value
    except FileNotFoundError:
        return


def _evaluations(output: Folder) -> Iterator[Mapping[str, Any]]:
    """Lines with figures of sources, thinned evenly; the first and the last stay."""
    found = [
        line
        for line in _lines(output, EVALUATION)
        if isinstance(line.get("step"), int) and isinstance(line.get("sources"), dict)
    ]
    stride = max(1, -(-len(found) // MAX_EVALUATIONS))
    yield from [*found[:-1:stride], found[-1]] if found else []


def _loss(training: Training) -> Html:
    first, last = training.first, training.last
    ends = (f"{step['loss']:.3f} at step {step['step']:.0f}" for step in (first, last))
    label = f"Training loss, from {' to '.join(ends)}"
    several = any(point.steps > 1 for point in training.points)
    chart = line_chart(
        {"loss": [(step, point.mean("loss")) for step, point in training.placed()]},
        label=label,
        x_name="step",
        y_name="loss, nats a token",
        band=[(step, point.low, point.high) for step, point in training.placed()] if several else (),
        marks=training.skipped,
    )
    said = f"{label}, in nats a token."
    if several:
        said += " A point is the mean of its steps; the band lies between the lowest and the highest of them."
    if training.skips:
        said += f" {training.skips:,} of {training.steps:,} steps changed nothing: they were skipped (dashed lines)."
    return element("figure", chart, element("figcaption", said))


def _beside(training: Training) -> Html:
    """The learning rate and the gradient's norm, small."""
    charts = []
    for key, name in (("learning_rate", "learning rate"), ("gradient_norm", "gradient norm")):
        points = [(step, point.mean(key)) for step, point in training.placed() if key in point.sums]
        if points:
            said = f"{name.capitalize()} by step"
            if key == "gradient_norm" and training.clipped:
                said += f"; clipped in {training.clipped / training.steps:.1%} of them"
            chart = line_chart({name: points}, label=said, x_name="step", y_name=name, small=True)
            charts.append(element("figure", chart, element("figcaption", f"{said}.")))
    return element("div", joined(charts), class_="pair")


def _held_out(evaluations: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    """Bits per byte of documents that no step read, by source."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in evaluations:
        for source, of_source in sorted(line["sources"].items()):
            if (bits := _finite(of_source, "bits_per_byte")) is not None:
                curves.setdefault(source, []).append((float(line["step"]), bits))
    if not curves:
        return
    yield element("h3", "Loss by source, on held-out documents")
    if any(len(curve) > 1 for curve in curves.values()):
        label = "Bits per byte of held-out documents, by source"
        chart = line_chart(curves, label=label, x_name="step", y_name="bits per byte")
        yield element("figure", chart, element("figcaption", f"{label}: lower is better, whatever the tokenizer."))
    yield _held_out_table(curves, evaluations)


def _held_out_table(
    curves: Mapping[str, Sequence[tuple[float, float]]], evaluations: Sequence[Mapping[str, Any]]
) -> Html:
    first, last = (f"bits per byte at step {line['step']:,}" for line in (evaluations[0], evaluations[-1]))
    rows = []
    for source, curve in curves.items():
        told = evaluations[-1]["sources"].get(source)
        numbers = (_finite(told, key) for key in ("nats_per_token", "documents", "bytes", "tokens"))
        said = ("–" if number is None else f"{number:,.4f}" if number % 1 else f"{number:,.0f}" for number in numbers)
        rows.append((source, f"{curve[0][1]:.4f}", f"{curve[-1][1]:.4f}", *said))
    headings = ("source", first, last, "nats a token", "documents", "bytes", "tokens")
    return table("Held-out documents, by source", headings, rows, numbers=6)


def _finite(values: Any, key: str) -> float | None:
    """A number of a mapping that was read from a file, where there is one."""
    value = values.get(key) if isinstance(values, Mapping) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
