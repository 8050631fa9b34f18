"""`tokenmill plan`: what a run will take, before it is made."""

import json

import click

from pipeline.options import folder_option, json_option, recipe_argument, set_option

LEAST, MOST = 0.001, 0.01


@click.command()
@recipe_argument
@folder_option("--output", help="Where the run is to write: its disk is looked at, its plan kept.")
@set_option
@click.option(
    "--fraction",
    type=click.FloatRange(LEAST, MOST),
    default=LEAST,
    show_default=True,
    help="Of each source and size of file; a few pieces at least.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    multiple=True,
    help="Say how long so many workers take; more than once for more than one number (default: one a core).",
)
@json_option
def plan(
    recipe: str,
    output: str | None,
    overrides: tuple[str, ...],
    fraction: float,
    workers: tuple[int, ...],
    as_json: bool,
) -> None:
    """Run a sample of the input through the real stages, and say what the whole run will take.

    Processor time by stage and source, bytes shuffled and written, memory of a worker, time for so many workers, and
    money by the prices of the recipe, each with its uncertainty. Once the run has been made, the next plan says how
    far the last one was off. Nothing is written to the output but logs/plan.json.

    \b
    Example: tokenmill plan demo --output out/demo --workers 2 --workers 16
    """
    from pipeline.corpora.wikipedia import check_wikipedia
    from pipeline.guards import interruptible
    from pipeline.models import check_models
    from pipeline.planning.plan import plan_run
    from pipeline.planning.show import lines
    from pipeline.recipe_file import load_recipe
    from pipeline.run import Run, check_addresses
    from pipeline.stage_names import STAGES
    from pipeline.storage import Folder

    loaded = load_recipe(recipe, overrides)
    folder = Folder(output) if output else None
    run = Run(loaded, folder or Folder("."))
    check_addresses(run)
    check_models(loaded, STAGES)
    check_wikipedia(loaded.wikipedia, loaded.sources, STAGES)
    with interruptible():
        found = plan_run(run, fraction, workers, folder)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in lines(found):
        click.echo(line)
