"""The text of a new recipe: the sections that chosen sources need, each key with what is known of it.

What a section is for is its class's own docstring; what a key may hold is as the catalogue has it; why it is what it
is, the recipe that ships as `llama1` says, wherever the value is still its.
"""

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import resources
from typing import Any

from pydantic import BaseModel

from pipeline.catalogue import key_type, row_class
from pipeline.mixture_section import Mixture
from pipeline.recipe import Recipe
from pipeline.section import SOURCES
from pipeline.trainer_section import PRESETS

_WEB = ("pages", "dedup", "language", "language_model", "perplexity", "reference", "quality")
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "commoncrawl": ("commoncrawl", *_WEB),
    "c4": ("c4", "dedup"),
    "github": ("github", "dedup"),
    "wikipedia": ("wikipedia",),
    "books": ("books", "near_dedup"),
    "arxiv": ("arxiv",),
    "stackexchange": ("stackexchange",),
}
"""The sections that say what becomes of a source."""
_ALWAYS = ("inputs", "mixture", "tokenizer", "tokens", "trainer", "limits", "rejected")
_WIDTH = 120
_NOTE = re.compile(r"(\w+) = .*?\s# (.+)")


def shares(sources: Sequence[str]) -> dict[str, float]:
    """Table 1's ratios among these sources, in the paper's order; they sum to one to the sixth digit."""
    table = {source: Fraction(str(Mixture().weights[source])) for source in SOURCES if source in sources}
    whole = sum(table.values())
    found = {source: round(weight / whole, 6) for source, weight in table.items()}
    first = next(iter(found))
    found[first] += 1 - sum(found.values())
    return {source: float(weight) for source, weight in found.items()}


def recipe_text(base: Recipe, sources: Sequence[str], *, name: str, root: str, tokens: int | None = None) -> str:
    """A recipe for the sources, with the values of `base` and weights of Table 1; `tokens`: those of the stream."""
    chosen = [source for source in SOURCES if source in sources]
    wanted = {section for source in chosen for section in _SECTIONS[source]} | set(_ALWAYS)
    notes = _notes()
    parts = [
        f"# {', '.join(chosen)}.",
        "# Any key can be set for one command too (--set KEY=VALUE); what is left out is as docs/recipe.md has it.",
        "# P marks a number of the LLaMA paper; a source's weights are Table 1's, made to sum to one again.",
        f"name = {json.dumps(name)}",
        f"seed = {base.seed}",
    ]
    for section in (section for section in Recipe.model_fields if section in wanted):
        values = _changed(base, section, chosen, root, tokens)
        parts += ["", *_section(section, values, _left_out(section, values, chosen), notes)]
    return "\n".join(parts) + "\n"


def _changed(base: Recipe, section: str, sources: Sequence[str], root: str, tokens: int | None) -> BaseModel:
    """The base's section, as it is for these sources."""
    found: BaseModel = getattr(base, section)
    if section == "inputs":
        return found.model_copy(update={"root": root})
    if section == "mixture":
        return found.model_copy(
            update={"weights": shares(sources)} | ({"total_tokens": tokens} if tokens is not None else {})
        )
    if section == "trainer" and tokens is not None:
        batch = base.trainer.batch_sequences * base.mixture.sequence_tokens
        steps = max(1, min(base.trainer.steps, tokens // batch))
        return found.model_copy(update={"steps": steps, "warmup_steps": min(base.trainer.warmup_steps, steps)})
    if section == "near_dedup":
        named = {
            key: tuple(name for name in getattr(found, key) if name in sources) for key in ("sources", "contained")
        }
        return found.model_copy(update=named)
    return found


def _left_out(section: str, values: Any, sources: Sequence[str]) -> set[str]:
    """Keys that are given otherwise: those of a preset, and what is said of sources that are not chosen."""
    preset = PRESETS.get(values.preset, {}) if section == "trainer" else {}
    return set(SOURCES) - set(sources) | {key for key, value in preset.items() if getattr(values, key) == value}


def _section(name: str, values: BaseModel, left_out: set[str], notes: Mapping[str, tuple[Any, str]]) -> Iterator[str]:
    """The lines of a section: what it is for, its keys, and then its tables."""
    text = inspect.cleandoc(type(values).__doc__ or "").split("\n\n")
    yield from (f"# {line}" for part in text for line in textwrap.wrap(" ".join(part.split()), _WIDTH - 2))
    yield f"[{name}]"
    fields = {key: field for key, field in type(values).model_fields.items() if key not in left_out}
    for key, field in fields.items():
        value = getattr(values, key)
        if not isinstance(value, Mapping) and row_class(field.annotation) is None:
            shipped, note = notes.get(f"{name}.{key}", (None, ""))
            yield from _line(key, value, note if note and shipped == value else key_type(field))
    for key in fields:
        if isinstance(table := getattr(values, key), Mapping) and table:
            yield f"[{name}.{key}]"
            yield from (f"{inner} = {_toml(held)}" for inner, held in table.items() if inner not in left_out)


def _line(key: str, value: Any, comment: str) -> Iterator[str]:
    text = f"{key} = {_toml(value)}"
    if comment in ("bool", "str"):  # As anyone sees.
        yield text
        return
    if max(len(text), 36) + len(comment) + 3 <= _WIDTH:
        yield f"{text:<36} # {comment}"
        return
    yield f"# {key}: {comment}"
    if len(text) <= _WIDTH or not isinstance(value, tuple):
        yield text
        return
    yield f"{key} = ["
    yield from textwrap.wrap(
        ", ".join(map(_toml, value)) + ",", _WIDTH, initial_indent="    ", subsequent_indent="    "
    )
    yield "]"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return (
        f"{value:_}"
        if isinstance(value, int) and not isinstance(value, bool)
        else json.dumps(value, ensure_ascii=False)
    )


def _notes() -> dict[str, tuple[Any, str]]:
    """What `llama1` says of a key at the end of its line, with its value there."""
    import tomllib

    text = (resources.files("pipeline.recipes") / "llama1.toml").read_text("utf-8")
    held, section, found = tomllib.loads(text), "", {}
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[(\w+)\].*", line):
            section = heading[1]
        elif (note := _NOTE.match(line)) and isinstance(held.get(section), dict) and note[1] in held[section]:
            value = held[section][note[1]]
            found[f"{section}.{note[1]}"] = (tuple(value) if isinstance(value, list) else value, note[2])
    return found
