"""`tokenmill doctor`: what was found of all that commands need, a line each."""

import json

import click

from pipeline.errors import FatalError
from pipeline.options import folder_option, json_option, set_option


@click.command()
@folder_option("--output", default="out", show_default=True, help="Where a run would write: its disk is looked at.")
@click.option("--recipe", help="Also look for the models and the input that this recipe names.")
@set_option
@json_option
def doctor(output: str, recipe: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say what is installed, what is missing, and the command that mends it.

    \b
    Example: tokenmill doctor
             tokenmill doctor --output out/demo --recipe demo --json

    The exit code is 0 where a run on this machine would work, whatever clusters, stores and GPUs would lack, and 1
    where it would not.
    """
    from pipeline.doctor import diagnose
    from pipeline.recipe_file import load_recipe

    findings = diagnose(output, load_recipe(recipe, overrides) if recipe else None)
    faults = [finding for finding in findings if finding.is_fault]
    if as_json:
        click.echo(json.dumps({"works": not faults, "findings": [finding.to_json() for finding in findings]}))
    else:
        for finding in findings:
            click.echo(str(finding))
    if faults:
        raise FatalError(f"a run on this machine would not work: {', '.join(finding.name for finding in faults)}")
