"""The reference pages of the documentation, written from the code itself: filters, commands, recipe keys."""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel

import filters
from pipeline.recipe import Recipe

RULES_OF_RUNS = ("pipeline.held_out", "pipeline.takedown_order")
"""Modules with filters that follow from a run, and not from a corpus."""


def filter_classes() -> Iterator[type[Any]]:
    """Every filter, module by module."""
    for name in (*(f"filters.{module.name}" for module in pkgutil.iter_modules(filters.__path__)), *RULES_OF_RUNS):
        found = importlib.import_module(name)
        for value in vars(found).values():
            if isinstance(value, type) and value.__module__ == found.__name__ and _is_filter(value):
                yield value


def filters_page() -> str:
    """All filters: what each reads, rejects and counts, and where it comes from."""
    parts = ["# Filters", "", "Written by `tokenmill catalogue filters`, from the filters' own docstrings.", ""]
    module = ""
    for rule in filter_classes():
        if rule.__module__ != module:
            module = rule.__module__
            parts += [f"## `{module}`", ""]
        parts += [f"### `{rule.name}` ({rule.__name__})", "", *_filter_body(rule), ""]
    return "\n".join(parts).rstrip() + "\n"


def commands_page(group: click.Group) -> str:
    """All commands with their help."""
    parts = [
        "# Commands",
        "",
        "Written by `tokenmill catalogue commands`.",
        "",
        "Exit codes: 0 all well; 1 a limit was",
    ]
    parts[-1] += (
        " passed, the ledger does not balance or `verify` found a fault; 2 a wrong recipe, setting or command line"
        " (nothing was done); 130 interrupted, and the same command goes on."
    )
    return "\n".join([*parts, *_commands(group, "tokenmill")]) + "\n"


def _commands(group: click.Group, prefix: str) -> Iterator[str]:
    """Each command with its help, and those below it."""
    for name, command in group.commands.items():
        called = f"{prefix} {name}"
        context = click.Context(command, info_name=called, terminal_width=100, help_option_names=["-h", "--help"])
        yield from ("", f"## `{called}`", "", "```", command.get_help(context), "```")
        if isinstance(command, click.Group):
            yield from _commands(command, called)


def recipe_page() -> str:
    """All keys of a recipe with their types and defaults."""
    parts = ["# Recipe keys", "", "Written by `tokenmill catalogue recipe`. A recipe is one TOML file; any key can be"]
    parts[-1] += " overridden by `--set key=value`. `pipeline/recipes/llama1.toml` says why each number is what it is."
    parts += ["", *_keys(Recipe, "")]
    for name, field in Recipe.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += ["", f"## `[{name}]`", "", inspect.cleandoc(field.annotation.__doc__ or ""), ""]
            parts += _keys(field.annotation, f"{name}.")
            for inner, item in field.annotation.model_fields.items():
                if row := row_class(item.annotation):
                    parts += ["", f"### `[[{name}.{inner}]]`", "", inspect.cleandoc(row.__doc__ or ""), ""]
                    parts += _keys(row, f"{name}.{inner}.")
    return "\n".join(parts) + "\n"


def row_class(annotation: Any) -> type[BaseModel] | None:
    """What a list of tables is made of, None for any other type."""
    first = next(iter(get_args(annotation)), None)
    return first if isinstance(first, type) and issubclass(first, BaseModel) else None


def _keys(model: type[BaseModel], prefix: str) -> list[str]:
    rows = [
        f"| `{prefix}{name}` | {key_type(field)} | {_default(field)} |"
        for name, field in model.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
        and row_class(field.annotation) is None
    ]
    return ["| key | type | default |", "|---|---|---|", *rows]


def key_type(field: Any) -> str:
    """What a key may hold: its type and bounds."""
    return " ".join([_kind(field.annotation), *_bounds(field.metadata)])


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(json.dumps(value) for value in inner)
    if origin is Annotated:
        return " ".join([_kind(inner[0]), *(bound for item in inner[1:] for bound in _bounds(item.metadata))])
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is Mapping:
        return f"table of {_kind(inner[1])}"
    return str(annotation.__name__)


def _bounds(metadata: Iterable[Any]) -> list[str]:
    return [f"{sign} {getattr(item, name)}" for item in metadata for name, sign in _SIGNS if hasattr(item, name)]


_SIGNS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"`{text}`" if text else "empty"


def _is_filter(value: type[Any]) -> bool:
    return hasattr(value, "apply") and isinstance(getattr(value, "reasons", None), tuple) and hasattr(value, "name")


def _filter_body(rule: type[Any]) -> list[str]:
    text = inspect.cleandoc(rule.__doc__ or "")
    paragraphs = [re.sub(r"\s*\n\s*", " ", part) for part in re.split(r"\n\n|\n(?=Source:|Differs:|Reads )", text)]
    reasons = ", ".join(f"`{reason}`" for reason in rule.reasons) or "none"
    return [*(line for part in paragraphs for line in (part, "")), f"Reasons: {reasons}."]
