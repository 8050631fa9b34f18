"""A prediction as text, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def size(count: float) -> str:
    """Bytes, in a unit that fits."""
    for unit, bound in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bound:
            return f"{count / bound:.3g} {unit}" if count < 1000 * bound else f"{count / bound:,.0f} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Seconds, in a unit that fits."""
    for unit, bound in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * bound:
            return f"{seconds / bound:,.3g} {unit}" if seconds < 1000 * bound else f"{seconds / bound:,.0f} {unit}"
    return f"{seconds:.3g} s"


def _range(figure: Figures, shown: Any) -> str:
    low, value, high = (shown(figure[key]) for key in ("low", "value", "high"))
    return value if low == high else f"{value}  ({low} to {high})"


def lines(plan: Figures) -> Iterator[str]:
    """The whole plan, line by line."""
    yield f"Sample: {size(plan['sample']['bytes'])} of {size(plan['sample']['of_bytes'])}, in {plan['seconds']:.0f} s"
    for source, held in plan["inputs"].items():
        yield (
            f"  {source}: {held['pieces']} pieces, {size(held['read_bytes'])}, for {held['units']} units,"
            f" {size(held['bytes'])}"
        )
    for model, origin in plan["models"].items():
        yield f"  model {model}: {origin}"
    yield ""
    yield f"Processor time: {_range(plan['cpu_seconds']['total'], duration)}"
    yield from _cpu(plan["cpu_seconds"]["stages"])
    yield ""
    yield f"Shuffled: {_range(plan['shuffle_bytes']['total'], size)}"
    for stage, sources in plan["shuffle_bytes"]["stages"].items():
        for source, figure in sources.items():
            yield f"  {stage} {source}".rstrip() + f": {_range(figure, size)}"
    for place, figure in plan["growth"].items():
        yield f"  {place}: of what the sample keeps, {_range(figure, lambda share: f'{share:.0%}')} is kept of all"
    yield ""
    for part, figure in plan["memory_bytes"].items():
        yield f"Memory of a worker at {part}: {_range(figure, size)}"
    yield ""
    yield f"Output: {_range(plan['output_bytes']['total'], size)}"
    for folder, figure in plan["output_bytes"]["folders"].items():
        yield f"  {folder}: {_range(figure, size)}"
    yield ""
    yield from _walls(plan["wall"], plan["money"])
    for key in plan["hot_keys"]:
        yield (
            f"Largest group of {key['stage']} {key['source']}: {key['times']:.2f} times the others, for"
            f" {key['shown']!r} ({key['documents']} of {key['of_documents']} documents)"
        )
    yield from (f"note: {note}" for note in plan["notes"])
    yield from (f"warning: {warning}" for warning in plan["warnings"])
    yield from _last(plan["last"])


def _cpu(stages: Mapping[str, Any]) -> Iterator[str]:
    for stage, held in stages.items():
        fixed = ", grows no further" if held["fixed"] else ""
        for source, figure in held["sources"].items():
            yield f"  {stage} {source}".rstrip() + f": {_range(figure, duration)}{fixed}"


def _walls(walls: Sequence[Figures], costs: Mapping[str, Mapping[str, Figures]]) -> Iterator[str]:
    for wall in walls:
        longest = f"longest piece {duration(wall['longest_piece_seconds'])}, {wall['longest_piece']}"
        yield f"With {wall['workers']} workers: {_range(wall, duration)}; {longest}"
        for name, figure in costs.get(str(wall["workers"]), {}).items():
            yield f"  {name}: {_range(figure, lambda amount: f'{amount:,.2f}')}"


def _last(errors: Sequence[Figures]) -> Iterator[str]:
    if errors:
        yield ""
        yield "The last prediction, held against the run made since:"
        shown = {"seconds": duration, "bytes": size}
        for row in errors:
            told, was = (shown[row["unit"]](row[key]) for key in ("predicted", "actual"))
            yield f"  {row['figure']}: {told} foretold, {was} seen, {row['error']:+.0%}"
