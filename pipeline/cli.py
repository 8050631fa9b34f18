"""The command line: `tokenmill VERB RECIPE --output DIR [--set key=value] [-- Beam flags]`.

Commands are declared here and do their work elsewhere: TAB and `--help` import no more than this does, and it is light.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from pipeline.completion import COMPLETING, completion
from pipeline.doctor_command import doctor
from pipeline.drill.command import drill
from pipeline.explain_command import explain
from pipeline.export.command import export
from pipeline.fetch.command import fetch
from pipeline.first_screen import FirstScreen
from pipeline.init_command import init
from pipeline.options import folder_option, json_option, recipe_argument, set_option, shipped_recipes, until_option
from pipeline.planning.command import plan
from pipeline.stage_names import STAGE_HELP
from pipeline.takedown_command import takedown
from pipeline.tokenizer_command import tokenizer_command


@click.group(cls=FirstScreen, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tokenmill", prog_name="tokenmill")
def cli() -> None:
    """Tokenmill makes LLaMA-1's training data from seven raw public dumps: cleaned, deduplicated, filtered, tokenized,
    mixed; and trains a model on it. On a laptop or, by Apache Beam, on a cluster.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all stage commands share."""
    decorators = (
        recipe_argument,
        click.argument("beam_flags", nargs=-1, type=click.UNPROCESSED),
        folder_option("--output", required=True, help="Folder or fsspec address that the run writes to."),
        set_option,
        click.option("--workers", type=click.IntRange(min=1), help="Worker processes (default: one a core)."),
        click.option("--dry-run", is_flag=True, help="Print the resolved recipe, the inputs and what is left to do."),
        json_option,
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


_BEAM = "Beam's own flags come last, as in: … -- --runner=SparkRunner --spark_master_url=spark://host:7077"


def _stage_command(name: str, text: str) -> click.Command:
    @_options
    def command(**options: Any) -> None:
        from pipeline.session import perform

        perform(stages=(name,), **options)

    command.__doc__ = f"{text}\n\n\b\nExample: tokenmill {name} demo --output out/demo\n\n{_BEAM}"
    return click.command(name)(command)


@click.command()
@_options
@until_option("The last stage to do.")
def run(until: str | None, **options: Any) -> None:
    """Run every stage in order; what is done and still follows from its inputs is skipped.

    \b
    Example: tokenmill run demo --output out/demo
             tokenmill run llama1 --output out/mine --set inputs.root=out/demo-dumps --dry-run

    Beam's own flags come last, as in: … -- --runner=SparkRunner --spark_master_url=spark://host:7077
    """
    from pipeline.session import perform, stages_until

    perform(stages=stages_until(until), **options)


@click.command("demo-input")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is made up.")
@click.option("--scale", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="How much of it.")
@json_option
def demo_input(folder: Path, seed: int, scale: float, as_json: bool) -> None:
    """Make raw dumps of all seven sources in FOLDER, in their genuine formats, from what is on this machine.

    \b
    Example: tokenmill demo-input out/demo-dumps
    """
    from pipeline.demo_input import generate

    written = generate(folder, seed=seed, scale=scale)
    if as_json:
        click.echo(json.dumps(written))
        return
    for name, count in written.items():
        click.echo(f"{name}: {count:,}", err=True)


@click.command()
def recipes() -> None:
    """List the recipes that ship; `--dry-run` on any command prints one in full.

    \b
    Example: tokenmill recipes
    """
    for name in shipped_recipes():
        click.echo(name)


@click.command()
@click.argument("page", type=click.Choice(["filters", "commands", "recipe", "names"]))
def catalogue(page: str) -> None:
    """Print a page of the documentation in Markdown, written from the code: filters, commands, recipe keys or names.

    \b
    Example: tokenmill catalogue recipe
    """
    from pipeline.catalogue import commands_page, filters_page, recipe_page
    from pipeline.names_page import names_page

    pages = {"filters": filters_page, "commands": lambda: commands_page(cli), "recipe": recipe_page}
    pages["names"] = names_page
    click.echo(pages[page](), nl=False)


for _command in (doctor, demo_input, init, recipes, completion, fetch, plan, run, export, explain, takedown,
                 tokenizer_command, drill, catalogue):  # fmt: skip
    cli.add_command(_command)
for _name, _text in STAGE_HELP.items():
    cli.add_command(_stage_command(_name, _text))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit: 0 well, 1 a limit or fault, 2 a wrong setting, 130 and the like interrupted."""
    if COMPLETING in os.environ:
        cli.main(prog_name="tokenmill")  # A TAB: exits.
    from pipeline.guards import leave
    from pipeline.outcome import EXIT_SETTING

    code = _exit_code(arguments)
    if code > EXIT_SETTING:
        leave(code)
    sys.exit(code)


def _exit_code(arguments: Sequence[str] | None) -> int:
    from pipeline.outcome import outcome

    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns of absent extras at import.
    return outcome(lambda: cli.main(args=arguments, standalone_mode=False, prog_name="tokenmill"))


if __name__ == "__main__":
    main()
