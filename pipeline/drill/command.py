"""`tokenmill drill RECIPE --output DIR`: kills workers, the driver or the store at random, and compares the bytes."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from pipeline.drill.kills import DRIVER, KINDS, STORE, WORKERS
from pipeline.errors import SettingError
from pipeline.options import folder_option, json_option, recipe_argument, set_option, until_option
from pipeline.redact import redacted

if TYPE_CHECKING:
    from pipeline.drill.drill import Drill
    from pipeline.drill.processes import Store
    from pipeline.storage import Folder


@click.command()
@recipe_argument
@click.argument("beam_flags", nargs=-1, type=click.UNPROCESSED)
@folder_option("--output", required=True, help="Folder or fsspec address for the drill's own runs.")
@click.option("--kills", type=click.IntRange(min=1), default=50, show_default=True, help="How many have to land.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is killed, and when.")
@click.option(
    "--what", default=f"{WORKERS},{DRIVER}", show_default=True, metavar="KINDS", help="Of workers,driver,store."
)
@until_option("The last stage of the runs.")
@folder_option("--reference", help="The reference that a drill before this one has left (DIR/reference).")
@click.option(
    "--victims", metavar="PATTERN", help="Workers of a cluster: also what is started by a command that matches."
)
@click.option("--store-start", metavar="CMD", help="Command that starts the store; it is killed and started anew.")
@set_option
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes of the runs (default: one a core).")
@json_option
def drill(recipe: str, beam_flags: tuple[str, ...], output: str, as_json: bool, **options: Any) -> None:
    """Kill workers, the driver or the store at random points of a run, start it again, and compare the bytes.

    \b
    Example: tokenmill drill demo --output out/drill --until mix
             tokenmill drill demo --output out/drill --kills 10 -- --runner=SparkRunner …

    First the run is done in peace, in DIR/reference. Then it is done again, in DIR/hurt, and hurt: by SIGKILL, at
    moments drawn from the seed and spread over its stages, five kills a run. What ends by that is started again, as
    you would. Each run has to end with the same bytes in every file outside logs/, with a ledger that balances, and
    with no temporary file or process left: else the drill ends at the first difference, with exit code 1.
    """
    from pipeline.guards import interruptible, locked

    drill = _drill(recipe, beam_flags, output, quiet=as_json, **options)
    # Elsewhere the runs themselves hold leases, and the store may have to be started before anything can be held there.
    with locked(drill.output) if drill.output.is_local else nullcontext(), interruptible():
        figures = drill.do()
    kills, starts = len(figures["kills"]), figures["starts"]
    drill.say(f"{kills} kills in {figures['runs']} runs, {starts} starts: the same bytes in {figures['files']} files")
    if as_json:
        click.echo(json.dumps(redacted(figures)))


def _drill(
    recipe: str,
    flags: Sequence[str],
    output: str,
    *,
    kills: int,
    seed: int,
    what: str,
    until: str | None,
    reference: str | None,
    victims: str | None,
    store_start: str | None,
    overrides: Sequence[str],
    workers: int | None,
    quiet: bool,
) -> "Drill":
    from pipeline.drill.drill import Drill
    from pipeline.progress import Reporter
    from pipeline.recipe_file import load_recipe
    from pipeline.run import Run, check_addresses
    from pipeline.storage import Folder

    loaded = load_recipe(recipe, overrides)
    ahead = [recipe, *(word for override in overrides for word in ("--set", override))]
    ahead += ["--workers", str(workers)] if workers else []
    ahead += ["--until", until] if until else []
    folder = Folder(output)
    if store_start is None:  # Else nobody answers yet; each run looks for itself.
        check_addresses(Run(loaded, folder))
    return Drill(
        recipe=loaded,
        words=(tuple(ahead), ("--", *flags) if flags else ()),
        output=folder,
        kills=kills,
        seed=seed,
        kinds=_kinds(what, store_start),
        say=Reporter(quiet=quiet).say,
        reference=Folder(reference) if reference else None,
        until=until,
        pattern=_pattern(victims),
        store=_store(store_start, folder),
    )


def _kinds(what: str, store_start: str | None) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(what.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise SettingError(f"--what is a list of {', '.join(KINDS)}, got {kind!r}")
    if STORE in kinds and store_start is None:
        raise SettingError("--what store needs --store-start: the command that starts it anew")
    return kinds


def _pattern(victims: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(victims) if victims else None
    except re.error as error:
        raise SettingError(f"--victims {victims}: {error}") from error


def _store(command: str | None, output: "Folder") -> "Store | None":
    from pipeline.drill.processes import Store

    if command is None:
        return None
    # In a process of its own: no connection and no listing that is remembered.
    asked = [sys.executable, "-c", "import sys; from pipeline.storage import Folder; Folder(sys.argv[1]).list()"]

    def answers() -> bool:
        with suppress(subprocess.TimeoutExpired):
            return not subprocess.run([*asked, output.url], capture_output=True, check=False, timeout=20).returncode
        return False

    return Store(command, answers)
