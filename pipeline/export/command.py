"""`tokenmill export RECIPE --output DIR --format FORMAT --to FOLDER`."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import SettingError
from pipeline.export.choices import FORMATS, SOURCES, STREAM
from pipeline.options import folder_option, json_option, recipe_argument, set_option

if TYPE_CHECKING:
    from pipeline.export.formats import Order
    from pipeline.run import Run
    from pipeline.storage import Folder

_RANGE = re.compile(r"(\d*):(\d*)")
_SPLIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@click.command()
@recipe_argument
@folder_option("--output", required=True, help="Folder or fsspec address that the run wrote to.")
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help="Whose files to write.")
@folder_option("--to", required=True, metavar="FOLDER", help="Folder or fsspec address to write to, outside --output.")
@click.option("--of", type=click.Choice([STREAM, SOURCES]), help="What to export (default: what the format is for).")
@click.option("--split", default="train", show_default=True, help="What to call the stream's files.")
@click.option(
    "--positions", default=":", show_default=True, metavar="FIRST:LAST", help="Sequences of the stream, from 0."
)
@click.option(
    "--file-bytes", type=click.IntRange(min=1), default=1 << 28, show_default=True, help="Of a file, at most."
)
@set_option
@json_option
def export(
    recipe: str,
    output: str,
    form: str,
    to: str,
    of: str | None,
    split: str,
    positions: str,
    file_bytes: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write the run's tokens in the files of another trainer, and read each back to check it.

    \b
    Example: tokenmill export demo --output out/demo --format olmo --to out/olmo
             tokenmill export demo --output out/demo --format litdata --to out/litdata
             tokenmill export demo --output out/demo --format nanogpt --to out/nano --positions 0:400
             tokenmill export demo --output out/demo --format nanogpt --to out/nano --positions 400: --split val

    Of the source shards (--of sources), a folder a source, for trainers that mix and shuffle by themselves:

    \b
    megatron   NAME.bin, NAME.idx                    links, or copies where no link can be:
    datatrove  NAME.ds, .ds.index, .ds.metadata      the ids lie as these readers want them
    olmo       NAME.npy, NAME.csv.gz
    parquet    NAME.parquet: a row a document, with doc_id, origin, input_ids

    Of the stream (--of stream), in training order and at the mixture's ratios, repeats included:

    \b
    nanogpt    SPLIT.bin: uint16, no header; one file
    llm.c      SPLIT_NNNNNN.bin: header of 1024 bytes
    litdata    SPLIT/: chunks for TokensLoader(block_size=the recipe's sequence_tokens)
    mds        SPLIT/: shards of mosaicml-streaming; a row a sequence, column tokens
    parquet    SPLIT/: a row a sequence, with position, input_ids

    The latter five can be made of the sources too; the split is then the source's name. A rerun writes what is missing
    or has changed, and nothing where all is there. Links share their bytes with the run: do not write to them.
    """
    from pipeline.recipe_file import load_recipe
    from pipeline.run import Run
    from pipeline.storage import Folder

    order = _order(form, of, split, positions, file_bytes)
    figures = _exported(Run(load_recipe(recipe, overrides), Folder(output)), order, Folder(to), quiet=as_json)
    if as_json:
        click.echo(json.dumps(figures))


def _exported(run: "Run", order: "Order", target: "Folder", *, quiet: bool) -> dict[str, Any]:
    from pipeline.export.job import Export
    from pipeline.guards import locked
    from pipeline.places import check_writable
    from pipeline.progress import Reporter
    from pipeline.takedown_order import check_finished

    _check_apart(run.output, target)
    check_writable(target, "--to")
    check_finished(run.output)
    reporter = Reporter(quiet=quiet)
    made = Export(run, order, target, reporter)
    with locked(target, name=".export.lock", option="--to", say=reporter.say):
        did = made.bring_up_to_date()
    if not did:
        reporter.say(f"nothing to do: {order.name} in {target.url} is up to date")
    figures = made.figures() | {"did": did}
    reporter.say(
        f"{figures['tokens']:,} tokens, {figures['files']:,} files, {figures['bytes']:,} bytes in {target.url}"
    )
    return figures


def _order(form: str, of: str | None, split: str, positions: str, file_bytes: int) -> "Order":
    from pipeline.export.formats import Order
    from pipeline.export.links import NAMES

    if not _SPLIT.fullmatch(split):
        raise SettingError(f"--split must be letters, digits, - and _, got {split!r}")
    found = _RANGE.fullmatch(positions)
    if not found:
        raise SettingError(f"--positions must be FIRST:LAST, such as 0:900 or 900:, got {positions!r}")
    first, last = (int(text) if text else None for text in found.groups())
    chosen = of or (SOURCES if form in NAMES else STREAM)
    return Order(form=form, of=chosen, split=split, positions=(first, last), file_bytes=file_bytes)


def _check_apart(output: "Folder", target: "Folder") -> None:
    """Raise SettingError for a target within the run's own folder, whose files are all accounted for."""
    if output.is_local and target.is_local:
        within = Path(target.local_path()).resolve().is_relative_to(Path(output.local_path()).resolve())
    else:
        within = f"{target.url.rstrip('/')}/".startswith(f"{output.url.rstrip('/')}/")
    if within:
        raise SettingError(f"--to {target.url} must lie outside --output {output.url}")
