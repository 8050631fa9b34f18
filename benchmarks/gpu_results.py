"""What was measured on GPUs, beside what was predicted, as a page."""

import json
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.gpu_parts import PARTS, Part

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_GOALS = ("floor", "target", "stretch")
_HEAD = """# Measured on GPUs

Made by `python -m benchmarks.gpu --table > benchmarks/results/README.md` from the JSON files beside it, which
`make gpu-bench` writes: [docs/gpu.md](../../docs/gpu.md) says how, and what the figures mean. Predictions and goals, in
tokens/s of one GPU, are for an H200 and were written down before anything was measured
(`benchmarks/gpu_predictions.toml`).
"""


def predictions() -> dict[str, dict[str, Any]]:
    """By part: `predicted` (low, middle, high) and the goals."""
    return tomllib.loads((HERE / "gpu_predictions.toml").read_text())


def results_page(results: Path) -> str:
    """A section for each device that has results; where none has, the predictions alone."""
    folders = sorted(path for path in results.glob("*") if path.is_dir()) if results.is_dir() else []
    sections = [_section(_read(folder)) for folder in folders]
    if not folders:
        sections = ["## Not measured yet\n\nNo GPU was at hand so far.\n\n" + _table({})]
    return "\n".join([_HEAD, *sections])


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {result["part"]: result for result in found}


def _section(found: dict[str, dict[str, Any]]) -> str:
    device = next(iter(found.values()))["device"] if found else "an empty folder"
    lines = [f"## {device}", "", _table(found)]
    versions = [result["found"] for result in found.values() if "versions" in result.get("found", {})]
    if versions:
        named = ", ".join(f"{name} {version}" for name, version in versions[0]["versions"].items())
        lines += [f"With {named}; the trainer's code is {versions[0]['code']}.", ""]
    return "\n".join(lines)


def _table(found: dict[str, dict[str, Any]]) -> str:
    known = predictions()
    head = ("part", "what", "predicted", *_GOALS, "measured", "FULL", "CAUSAL", "of measured products", "GiB", "steps")
    rows = [_row(part, known.get(part.name, {}), found) for part in PARTS.values()]
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(part: Part, goals: dict[str, Any], found: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    predicted = "-" if "predicted" not in goals else " / ".join(f"{number:,}" for number in goals["predicted"])
    aims = [f"{goals[name]:,}" if name in goals else "-" for name in _GOALS]
    return (part.name, part.what, predicted, *aims, *_measured(part, found))


def _measured(part: Part, found: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Speed, shares, memory and number of steps."""
    result = found.get(part.name)
    if result is None:
        return ("not measured", *("-",) * 5)
    if result["status"] != "measured":
        return (f"{result['status']}: {result['reason']}", *("-",) * 5)
    figures = result["found"]
    if "tokens_per_second_per_gpu" not in figures:
        return (_in_words(part, figures), *("-",) * 5)
    speed = figures["tokens_per_second_per_gpu"]
    shown = f"**{speed['median']:,.0f}** ({speed['min']:,.0f} to {speed['max']:,.0f})"
    if (whole := extrapolated(found)) and part.name == "65b-slice":
        shown += f"; all 80 layers: **{whole:,.0f}**"
    reserved = figures["memory"]["reserved_bytes"]
    return (
        shown,
        *(_percent(figures.get(key)) for key in ("mfu_full", "mfu_causal", "products_of_measured")),
        f"{reserved / 2**30:.1f}" if isinstance(reserved, int) else "-",
        str(figures["steps"]),
    )


def extrapolated(found: dict[str, dict[str, Any]], layers: int = 80) -> float | None:
    """Tokens/s of all of 65B's layers: the time of two layers is what four take longer than two."""
    speeds = [
        found.get(name, {}).get("found", {}).get("tokens_per_second_per_gpu", {}).get("median")
        for name in ("65b-slice", "65b-slice-2")
    ]
    if not all(speeds):
        return None
    four, two = (1.0 / float(speed) for speed in speeds)
    return 1.0 / (four + (layers - 4) * (four - two) / 2)


def _in_words(part: Part, figures: dict[str, Any]) -> str:
    if part.name == "tests":
        return f"{figures['passed']} passed, {figures['skipped']} skipped"
    rates = figures["products"]["flops_per_second"]
    return (
        f"products {rates['model'] / 1e12:,.0f} TFLOP/s, square {rates['square']['forward'] / 1e12:,.0f}; "
        f"copy {figures['products']['copy_bytes_per_second'] / 1e12:.2f} TB/s"
    )


def _percent(share: Any) -> str:
    return f"{share:.1%}" if isinstance(share, float) else "-"
