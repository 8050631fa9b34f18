"""`python -m benchmarks.engines`: one recipe over the same dumps on every engine. Do all give the same bytes?

    python -m benchmarks.engines --scale 1                       the demo's dumps, on all engines that are here
    python -m benchmarks.engines --input dumps --engines embedded-2,spark-local --set key=value

Everything outside `logs/` is digested: documents, tokens, stream, done records and manifest, names and bytes.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.claims import SkippedError, machine, round_off
from benchmarks.engine_places import ALL, Place, place
from benchmarks.engines_page import page
from benchmarks.process_watch import Taken, watched
from pipeline import demo_input
from pipeline.errors import FatalError
from pipeline.storage import Folder, digest_of
from pipeline.version import code_digest

_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an engine made of the dumps, and what it took. `digest` is over names and digests of all files."""

    engine: str
    input: str
    input_bytes: int
    settings: tuple[str, ...]
    until: str
    code: str
    digest: str
    files: int
    output_bytes: int
    wall_seconds: float
    cpu_seconds: float
    peak_mb: Mapping[str, float]
    machine: str


@click.command()
@click.option("--input", "dumps", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Raw dumps.")
@click.option(
    "--scale", type=click.FloatRange(0, min_open=True), default=1.0, help="Of the demo's dumps, if no --input."
)
@click.option("--recipe", default="demo", show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the recipe.")
@click.option("--engines", default=",".join(ALL), show_default=True, help="In this order; embedded-N has N workers.")
@click.option("--until", default="verify", show_default=True, metavar="STAGE", help="The last stage to do.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for outputs, which are kept.")
@click.option("--results", type=click.Path(dir_okay=False, path_type=Path), help="File of JSON lines to add to.")
@click.option("--table", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of JSON to a page.")
def main(
    dumps: Path | None,
    scale: float,
    recipe: str,
    overrides: tuple[str, ...],
    engines: str,
    until: str,
    work: Path | None,
    results: Path | None,
    table: Path | None,
) -> None:
    """Run the recipe on each engine, and hold the bytes that they make against one another."""
    if table is not None:
        click.echo(page(map(json.loads, table.read_text(encoding="utf-8").splitlines())), nl=False)
        return
    names = engines.split(",")
    try:
        places = {name: place(name) for name in names}
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--engines") from error
    found: list[Result] = []
    with _folder(work) as folder:
        given = dumps or _demo_dumps(folder, scale)
        settings = (*(_sized(scale) if dumps is None else ()), *overrides)
        for name in names:
            try:
                with places[name](given, _emptied(folder / name)) as opened:
                    found.append(made(name, opened, given, recipe, settings, until, folder / f"{name}.json"))
            except SkippedError as reason:
                click.echo(f"{name}: skipped, {reason}", err=True)
                continue
            line = json.dumps(asdict(found[-1]))
            click.echo(line)
            if results is not None:
                with results.open("a", encoding="utf-8") as stream:
                    stream.write(line + "\n")
            if work is None:
                shutil.rmtree(folder / name)
        click.echo(page(map(asdict, found)), err=True)
        faults = list(differences(found, folder))
    for fault in faults:
        click.echo(f"error: {fault}", err=True)
    sys.exit(1 if faults else 0)


def made(
    name: str, place: Place, dumps: Path, recipe: str, settings: Sequence[str], until: str, listing: Path
) -> Result:
    """Run the recipe, and digest what it leaves; which file has which digest is written to `listing`."""
    sets = [part for setting in (f"inputs.root={place.dumps}", *settings) for part in ("--set", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "run", recipe, "--output", place.output, "--until", until]
    command += [*sets, "--workers", str(place.workers), *(["--", *place.flags] if place.flags else [])]
    click.echo(f"{name}: {' '.join(command[2:])}", err=True)
    taken = watched(command, os.environ, listing.with_suffix(".log"))
    if taken.code:
        raise FatalError(f"{name} ended with exit code {taken.code}: {taken.said[-2000:]}")
    return _result(name, place, dumps, (recipe, *settings), until, listing, taken)


def _result(
    name: str, place: Place, dumps: Path, settings: tuple[str, ...], until: str, listing: Path, taken: Taken
) -> Result:
    output = Folder(place.output)
    digests = {file: output.digest(file) for file in output.walk("") if not file.startswith("logs/")}
    listing.write_text(json.dumps(digests, indent=1))
    return Result(
        engine=name,
        input=demo_input.digest(dumps),
        input_bytes=sum(path.stat().st_size for path in dumps.rglob("*") if path.is_file()),
        settings=settings,
        until=until,
        code=code_digest(),
        digest=digest_of(digests),
        files=len(digests),
        output_bytes=sum(output.size(file) or 0 for file in digests),
        wall_seconds=round_off(taken.wall_seconds),
        cpu_seconds=round_off(taken.cpu_seconds),
        peak_mb={role: round_off(peak) for role, peak in sorted(taken.peak_mb.items())},
        machine=machine(),
    )


def differences(found: Sequence[Result], folder: Path) -> Iterator[str]:
    """Where an engine's files are not those of the first one."""
    for other in found[1:]:
        first = found[0]
        if other.digest == first.digest:
            continue
        ours, theirs = (json.loads((folder / f"{one.engine}.json").read_text()) for one in (other, first))
        wrong = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        more = f" and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        yield f"{other.engine} is not {first.engine}: {', '.join(wrong[:_TOLD])}{more}"


def _sized(scale: float) -> tuple[str, ...]:
    """What of the demo's recipe grows with its dumps: tokens, and the partitions that keep a group in a worker."""
    if scale <= 1:
        return ()
    partitions = int(2 * scale)
    tokens = f"mixture.total_tokens={int(scale) * 524_288}"
    return (tokens, f"dedup.partitions={partitions}", f"near_dedup.partitions={partitions}")


def _demo_dumps(folder: Path, scale: float) -> Path:
    demo_input.generate(folder / "dumps", 0, scale)
    return folder / "dumps"


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work.absolute()
        return
    with TemporaryDirectory(prefix="tokenmill-engines-") as name:
        yield Path(name)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.engines")
