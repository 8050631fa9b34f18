"""Reads a recipe from its TOML file, with overrides; a fault is one line that names key, bound and value."""

import json
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import fsspec
from pydantic import BaseModel, ValidationError

from pipeline.errors import SettingError
from pipeline.options import shipped_recipes
from pipeline.recipe import Recipe
from pipeline.spelling import nearest_name

GONE = {
    "books.file_order": 'write books.mode = "faithful" for "archive", and nothing for "input"',
    "dedup.max_overlap": "it is near_dedup.max_containment now",
    "wikipedia.max_parse_seconds": "leave it out, a page takes bounded time without it",
}
"""What became of keys that recipes once had."""


def load_recipe(path: str, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of a TOML file (path or address), or of a name that ships (`llama1`), with `key.of=value` overrides.

    Raises SettingError, one line that names the key, the bound and the value.
    """
    try:
        tables = tomllib.loads(_recipe_text(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}") from error
    for override in overrides:
        _override(tables, override)
    try:
        return Recipe.model_validate(_tuples(tables))
    except ValidationError as error:
        raise SettingError(f"{path}: {_one_line(error)}") from error


def _recipe_text(path: str) -> str:
    if "://" in path:
        try:
            with fsspec.open(path, "rb") as stream:
                return bytes(stream.read()).decode()
        except (OSError, ImportError, ValueError) as error:
            raise SettingError(f"recipe {path}: {error}") from error
    if Path(path).is_file():
        return Path(path).read_bytes().decode()
    name = path.removesuffix(".toml")
    if name in shipped_recipes():
        return (resources.files("pipeline.recipes") / f"{name}.toml").read_text()
    raise SettingError(f"recipe {path} is neither a file nor one that ships ({', '.join(shipped_recipes())})")


def _override(tables: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise SettingError(f"--set {override}: write key=value, for example tokenizer.vocabulary_size=8000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # A bare word is a string: --set inputs.root=/data needs no quotes in quotes.
    *parents, last = key.strip().split(".")
    table = tables
    for parent in parents:
        table = table.setdefault(parent, {})
        if isinstance(table, list):
            raise SettingError(f"--set {key}: {parent} is a list, which is set whole: {parent}=[…]")
        if not isinstance(table, dict):
            raise SettingError(f"--set {key}: {parent} is a value, not a table")
    table[last] = value


def _tuples(value: Any) -> Any:
    """TOML's lists as tuples: a strict, frozen recipe holds no list."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value


def _one_line(error: ValidationError) -> str:
    """The first fault as one line: key, bound, value, and the nearest valid name."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if key in GONE:
        return f"{key} is a key of old recipes: {GONE[key]}"
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key}{nearest_name(str(fault['loc'][-1]), _keys_beside(fault['loc']))}"
    if fault["type"] == "missing":
        return f"missing key {key}"
    if fault["type"] == "value_error":
        return f"{key} {fault['msg'].removeprefix('Value error, ')}".removeprefix(" ")
    return f"{key} {_bound(key, fault)}, got {_shown(fault['input'])}"


def _bound(key: str, fault: Any) -> str:
    """What the value has to be, with the form to write where it has another form."""
    kind, held = fault["type"], fault.get("ctx", {})
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind]} {next(iter(held.values()))}"
    if kind == "literal_error":
        return f"must be {held['expected']}"
    if kind == "tuple_type":
        items = [word.strip() for word in str(fault["input"]).split(",")] if isinstance(fault["input"], str) else ["…"]
        return f"must be a list, as in {key}={json.dumps(items, ensure_ascii=False)}"
    if kind in ("mapping_type", "dict_type"):
        return f"must be a table, as in {key}={{name = value}}"
    if kind in ("model_type", "model_attributes_type"):
        return f"is a table: set a key of it, as in {key}.KEY=VALUE"
    return f"must be {_FORMS[kind]}" if kind in _FORMS else f"is wrong: {fault['msg']}"


def _shown(value: Any) -> str:
    """A value as TOML has it."""
    return json.dumps(value, ensure_ascii=False, default=str)


_BOUNDS = {
    "greater_than": "above",
    "greater_than_equal": "at least",
    "less_than": "below",
    "less_than_equal": "at most",
    "string_too_short": "text of a length of at least",
}
_FORMS = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text in quotes",
}


def _keys_beside(location: tuple[int | str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = Recipe
    for part in location[:-1]:
        if isinstance(part, int):  # A place in a list of tables.
            continue
        annotation = model.model_fields[part].annotation
        annotation = next(iter(get_args(annotation)), annotation)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ()
        model = annotation
    return tuple(model.model_fields)
