"""What commands share: the recipe, its overrides, folders; and what TAB offers for each of them.

TAB imports this, and every command's module: what is heavy is imported where it is used.
"""

from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from pipeline.spelling import nearest_name
from pipeline.stage_names import STAGE_HELP

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that ship with the package."""
    folder = resources.files("pipeline.recipes")
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def _recipes(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    names = [CompletionItem(name) for name in shipped_recipes() if name.startswith(begun)]
    return [*names, *_paths(begun, ".toml")]


def _paths(begun: str, suffix: str) -> Iterator[CompletionItem]:
    """Folders, and files that end so, as far as the last `/` says where to look."""
    folder, slash, start = begun.rpartition("/")
    place = Path(f"{folder}{slash}" or ".").expanduser()
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        shown = path.name.startswith(start) and (start.startswith(".") or not path.name.startswith("."))
        if shown and path.is_dir():
            yield CompletionItem(f"{folder}{slash}{path.name}/")
        elif shown and path.name.endswith(suffix):
            yield CompletionItem(f"{folder}{slash}{path.name}")


def _keys(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from pipeline.recipe import recipe_keys

    return [CompletionItem(f"{key}=") for key in recipe_keys() if key.startswith(begun)]


def _folders(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="dir")]


def folder_option(name: str, *more: str, **settings: Any) -> _Decorator:
    """An option that names a folder or an address."""
    return click.option(name, *more, shell_complete=_folders, **({"metavar": "DIR"} | settings))


recipe_argument: _Decorator = click.argument("recipe", shell_complete=_recipes)
set_option: _Decorator = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=_keys,
    help="Override one key of the recipe.",
)
json_option: _Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)


class _Stage(click.Choice[str]):
    """The name of a stage; a misspelt one is met with the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """One line, where Click would list all names whether or not one is near."""
        return f"no stage {value}{nearest_name(value, STAGE_HELP)}"


def until_option(text: str) -> _Decorator:
    """The option that names the last stage to do."""
    return click.option("--until", metavar="STAGE", type=_Stage(tuple(STAGE_HELP)), help=text)
