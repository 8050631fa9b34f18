"""`tokenmill init`: writes a recipe of one's own, for the sources that one has."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import SettingError
from pipeline.options import folder_option, json_option

if TYPE_CHECKING:
    from pipeline.recipe import Recipe

SMALL_BYTES = 1 << 30
"""Below this much input the values are the demo's, which a laptop brings to an end in minutes."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", "sources", multiple=True, metavar="NAME", help="A source to use; more than once for more.")
@folder_option("--input", "root", help="Where the raw dumps lie: a folder or an address.  [default: dumps]")
@click.option("--like", type=click.Choice(["demo", "llama1"]), help="Whose numbers to take.  [default: by the input]")
@click.option("--tokens", type=click.IntRange(min=1), help="Of the stream.  [default: those of --like]")
@click.option("--force", is_flag=True, help="Write over a FILE that is there.")
@json_option
def init(
    file: Path,
    sources: tuple[str, ...],
    root: str | None,
    like: str | None,
    tokens: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write FILE, a recipe for the sources that you have: only their sections, and what is known of each key.

    \b
    Example: tokenmill init mine.toml --input out/demo-dumps
             tokenmill init web.toml --source wikipedia --source commoncrawl --input s3://bucket/dumps --like llama1

    Without --source, those are used whose dumps lie below --input, each in the folder of its name (wikipedia/, c4/, …)
    as `tokenmill fetch` leaves them. Their weights are Table 1's, made to sum to one again. In a terminal it asks for
    what is not given. Next: tokenmill run FILE --output out/mine --dry-run
    """
    from pipeline.new_recipe import recipe_text
    from pipeline.recipe_file import load_recipe

    if file.exists() and not force:
        raise SettingError(f"{file} is there already: name another file, or write over it with --force")
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    if root is None:
        root = click.prompt("Where do the raw dumps lie?", default="dumps", err=True) if asks else "dumps"
    found = _found(root)
    chosen = _chosen(sources, found, root)
    if not sources and asks:
        answer = click.prompt("Which sources?", default=" ".join(chosen), err=True)
        chosen = _chosen(answer.replace(",", " ").split(), found, root)
    size = sum(found[source][1] for source in chosen)
    like = like or ("demo" if size < SMALL_BYTES else "llama1")
    base = load_recipe(like, ("trainer.replace=false",))
    _check_tokens(base, tokens)
    text = recipe_text(base, chosen, name=file.stem or "mine", root=root, tokens=tokens)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}") from error
    cautions = list(_cautions(str(file), chosen, found, root))
    if as_json:
        files = {source: found[source][0] for source in chosen}
        click.echo(json.dumps({"file": str(file), "like": like, "files": files, "cautions": cautions}))
        return
    for source in chosen:
        click.echo(f"  {source}: {found[source][0]} files", err=True)
    for caution in cautions:
        click.echo(f"caution: {caution}", err=True)
    click.echo(f"wrote {file}, with the numbers of {like}; next: tokenmill run {file} --output out --dry-run", err=True)


def _found(root: str) -> dict[str, tuple[int, int]]:
    """How many files, and how many bytes, each source has below the folder."""
    from pipeline.inputs import Inputs
    from pipeline.recipe import Recipe
    from pipeline.section import SOURCES
    from pipeline.storage import Folder

    recipe, inputs = Recipe(name="new"), Inputs(Folder(root))
    names = {
        source: sorted({name for pattern in recipe.patterns(source) for name in inputs.folder.glob(pattern)})
        for source in SOURCES
    }
    return {source: (len(held), sum(inputs.size(name) for name in held)) for source, held in names.items()}


def _chosen(sources: tuple[str, ...] | list[str], found: dict[str, tuple[int, int]], root: str) -> list[str]:
    from pipeline.recipe import Recipe
    from pipeline.spelling import nearest_name

    for source in sources:
        if source not in found:
            raise SettingError(f"--source {source} is no source{nearest_name(source, found)}")
    if chosen := [source for source in found if source in sources or (not sources and found[source][0])]:
        return chosen
    recipe = Recipe(name="new")
    wanted = "; ".join(recipe.patterns(source)[0] for source in found)
    raise SettingError(f"--input {root} holds no dumps: looked for {wanted}; or name what is to come with --source")


def _check_tokens(base: "Recipe", tokens: int | None) -> None:
    least = base.mixture.sequence_tokens * base.trainer.batch_sequences
    if tokens is not None and tokens < least:
        raise SettingError(f"--tokens must be at least {least}, a step of the trainer, got {tokens}")


def _cautions(file: str, sources: list[str], found: dict[str, tuple[int, int]], root: str) -> list[str]:
    """What a run would stumble over."""
    from pipeline.models import check_models
    from pipeline.recipe_file import load_recipe
    from pipeline.stage_names import STAGES

    recipe = load_recipe(file)
    cautions = [
        f"no dumps of {source} lie below {root} yet: {', '.join(recipe.patterns(source))}"
        for source in sources
        if not found[source][0]
    ]
    try:
        check_models(recipe, STAGES)
    except SettingError as error:
        cautions.append(str(error))
    return cautions
