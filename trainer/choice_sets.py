"""The paper's multiple-choice sets, read from files: questions, the completions to choose from, and the right one.

A set is a file of JSON lines, plain or gzipped. A line has `query`, `choices` and `gold`, the number of the right one,
or, as in WinoGrande, `context_options`, the one `continuation` of all of them, and `gold`. A line that is no item is
counted with a reason.

Differs: the paper does not print its prompts. Here a query with a question gets a line `Answer:` where it has none,
and one blank parts what stands before from what follows.
"""

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainer.errors import SettingsError

Rule = Literal["likelihood", "per_character", "per_token", "over_answer"]
"""What of a completion's likelihood is compared: itself, its root by characters or by tokens, or its quotient by that
of the completion behind `Answer:` alone."""

PAPER_RULES: dict[str, Rule] = {
    "boolq": "over_answer",
    "piqa": "per_character",
    "siqa": "per_character",
    "hellaswag": "per_character",
    "winogrande": "likelihood",
    "arc_easy": "per_character",
    "arc_challenge": "per_character",
    "openbook_qa": "over_answer",
}
"""The sets of the paper's Table 3 by the names of their files, and how each is scored.

Source: Touvron et al. 2023, section 3: per character, after Gao et al. 2021; OpenBookQA and BoolQ over the likelihood
behind `Answer:`, after Brown et al. 2020. WinoGrande's completions are the same text: Trinh and Le 2018.
"""

ANSWER, _QUESTION = "Answer:", "Question:"


@dataclass(frozen=True, slots=True)
class Completion:
    """A text behind another one; there is a blank between them, and none at their ends."""

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """Completions to choose from, and the number of the right one."""

    completions: tuple[Completion, ...]
    gold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceSet:
    """The items of a file; `broken` says how many lines are none, by reason."""

    name: str
    rule: Rule
    items: tuple[Item, ...]
    broken: Counter[str] = field(default_factory=Counter)


def read_sets(folder: Path, limit: int | None = None) -> list[ChoiceSet]:
    """The paper's sets that lie in a folder as NAME.jsonl.gz or NAME.jsonl; of each the first `limit` lines.

    Raises SettingsError where there is none, where a file cannot be read, or where one holds no item.
    """
    places = {name: (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl") for name in PAPER_RULES}
    files = {name: path for name, paths in places.items() for path in paths if path.exists()}
    if not files:
        raise SettingsError(f"{folder} holds none of {', '.join(PAPER_RULES)} as NAME.jsonl.gz or NAME.jsonl")
    return [_read_set(name, path, limit) for name, path in files.items()]


def _read_set(name: str, path: Path, limit: int | None) -> ChoiceSet:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            items, broken = _items(itertools.islice(lines, limit))
    except (OSError, EOFError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not items:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(broken.items()))
        raise SettingsError(f"{path} holds no item: {told or 'it is empty'}")
    return ChoiceSet(name=name, rule=PAPER_RULES[name], items=tuple(items), broken=broken)


class _BrokenItemError(ValueError):
    """A line that is no item; the text is the reason."""


def _items(lines: Iterable[bytes]) -> tuple[list[Item], Counter[str]]:
    items, broken = [], Counter[str]()
    for line in lines:
        try:
            items.append(_item(json.loads(line)))
        except _BrokenItemError as error:
            broken[str(error)] += 1
        except (ValueError, RecursionError):
            broken["no_json"] += 1
    return items, broken


def _item(row: Any) -> Item:
    if not isinstance(row, dict):
        raise _BrokenItemError("no_object")
    if "context_options" in row:
        contexts = _texts(row["context_options"])
        texts = _texts([row.get("continuation")] * len(contexts))
    else:
        texts = _texts(row.get("choices"))
        contexts = [_prompt(query) for query in _texts([row.get("query")] * len(texts))]
    gold = row.get("gold")
    if len(texts) < 2:
        raise _BrokenItemError("no_choice")
    if type(gold) is not int or not 0 <= gold < len(texts):
        raise _BrokenItemError("gold_is_no_choice")
    return Item(tuple(map(Completion, contexts, texts)), gold)


def _texts(values: Any) -> list[str]:
    """Texts without the blanks around them."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _BrokenItemError("no_text")
    texts = [value.strip() for value in values]
    if not all(texts):
        raise _BrokenItemError("empty_text")
    return texts


def _prompt(query: str) -> str:
    return f"{query}\n{ANSWER}" if _QUESTION in query and not query.endswith(ANSWER) else query
