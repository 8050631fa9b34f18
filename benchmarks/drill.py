"""`python -m benchmarks.drill`: kills by the hundred, on dumps of some size, on the engines that are here.

    python -m benchmarks.drill --scale 16 --kills 500                      embedded
    python -m benchmarks.drill --engines spark-cluster --kills 10

One line of JSON an engine: what was killed and in how many stages, the digest that came of it each time, the machine.
It claims no speed. The exit code is 1 where a run made other bytes, and the folder is kept then.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import click

from benchmarks.claims import SkippedError, machine
from benchmarks.engine_places import Place, place
from pipeline import demo_input
from pipeline.version import code_digest


@click.command()
@click.option("--scale", type=click.FloatRange(0, min_open=True), default=16.0, show_default=True, help="Of the demo.")
@click.option("--kills", type=click.IntRange(min=1), default=500, show_default=True, help="On each engine.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--engines", default="embedded-2", show_default=True, help="As benchmarks.engines names them.")
@click.option("--until", default="verify", show_default=True, metavar="STAGE", help="The last stage to do.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the recipe.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for dumps and outputs.")
def main(
    scale: float, kills: int, seed: int, engines: str, until: str, overrides: tuple[str, ...], work: Path | None
) -> None:
    """Drill the demo's recipe on each engine."""
    folder = (work or Path(mkdtemp(prefix="tokenmill-benchmarks-"))).absolute()
    demo_input.generate(folder / "dumps", 0, scale)
    code = 0
    for name in engines.split(","):
        try:
            with place(name)(folder / "dumps", folder / name) as opened:
                options = ["--kills", str(kills), "--seed", str(seed), "--until", until]
                made = subprocess.run(
                    command(opened, options, overrides), stdout=subprocess.PIPE, text=True, check=False
                )
        except SkippedError as reason:
            click.echo(f"{name}: skipped, {reason}", err=True)
            continue
        if made.returncode:
            code = 1
            continue
        sizes = sum(path.stat().st_size for path in (folder / "dumps").rglob("*") if path.is_file())
        click.echo(json.dumps({"engine": name, "input_bytes": sizes} | told(json.loads(made.stdout))))
    click.echo(f"outputs lie in {folder}", err=True)
    sys.exit(code)


def command(place: Place, options: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The drill at a place. What a cluster's processes carry in their command lines is its master's address."""
    addresses = [flag.partition("=")[2] for flag in place.flags if "://" in flag]
    victims = [f"--victims={'|'.join(map(re.escape, addresses))}"] if addresses else []
    sets = [word for setting in (f"inputs.root={place.dumps}", *overrides) for word in ("--set", setting)]
    words = ["drill", "demo", "--output", place.output, "--workers", str(place.workers), "--json", *options, *victims]
    return [sys.executable, "-m", "pipeline.cli", *words, *sets, *(["--", *place.flags] if place.flags else [])]


def told(figures: dict[str, Any]) -> dict[str, Any]:
    """A drill's figures, its kills counted."""
    kills = figures.pop("kills")
    figures.pop("output")
    counts = {
        "kills": len(kills),
        "killed": dict(sorted(Counter(kill["what"] for kill in kills).items())),
        "ended_runs": sum(kill["outcome"] != "the run went on" for kill in kills),
        "stages": len({kill["stage"] for kill in kills}),
    }
    return counts | figures | {"code": code_digest(), "machine": machine()}


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.drill")
