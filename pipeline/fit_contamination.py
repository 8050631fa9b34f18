"""Stage `index-evals`: the evaluation sets that the recipe names as one table of passages, which documents are put to.

It reads no document, and stands before all other stages: a set that is missing or too large ends the run there.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from filters.contamination_index import PASSAGES_SCHEMA, ContaminationIndex, count_words, load_index, write_passages
from pipeline.errors import SettingError
from pipeline.evaluation_sets import Faults, Item, read_items, set_files
from pipeline.recipe import Recipe
from pipeline.web_sections import Decontaminate

PASSAGES = "passages.parquet"
_BATCH_ITEMS, _BATCH_CHARS = 1000, 1 << 20
TOO_FEW_WORDS, ONLY_TEMPLATE = "too_few_words", "only_template"
"""Why an item is not searchable: no passage is long enough, or all that it says many others say as well."""


def fit_contamination(_: Callable[..., Any], recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`passages.parquet`; the report says of each set how many of its items can be looked for, and what was broken."""
    settings, room = recipe.decontaminate, _Room(recipe.decontaminate.max_ngrams)
    read = [_read_set(name, pattern, settings, room) for name, pattern in settings.sets.items()]
    passages = pa.concat_tables([PASSAGES_SCHEMA.empty_table(), *(held.table() for held in read)])
    path = str(folder / PASSAGES)
    write_passages(path, passages, ngram_words=settings.ngram_words, max_passages=settings.max_passages)
    index = load_index(path)
    return {"ngram_words": settings.ngram_words, "sets": {held.name: held.report(index) for held in read}}


def set_of_files(recipe: Recipe) -> list[str]:
    """All files of all sets."""
    return sorted({file for pattern in recipe.decontaminate.sets.values() for file in set_files(pattern)})


@dataclass(slots=True)
class _Room:
    """How many n-grams the sets may still have."""

    max_ngrams: int
    taken: int = 0

    def take(self, ngrams: int, origin: str) -> None:
        """Raise SettingError where there are too many."""
        self.taken += ngrams
        if self.taken > self.max_ngrams:
            raise SettingError(
                f"decontaminate.max_ngrams must be above {self.taken - 1} for these sets ({origin} is past it),"
                f" got {self.max_ngrams}"
            )


@dataclass(slots=True)
class _ReadSet:
    """A set as far as it has been read: its passages, each once, and which items have them."""

    name: str
    files: int
    items: int = 0
    faults: Faults = field(default_factory=Faults)
    numbers: dict[bytes, int] = field(default_factory=dict)
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    items_of: list[list[int]] = field(default_factory=list)

    def table(self) -> pa.Table:
        """The passages."""
        origins, fields, texts = zip(*self.rows, strict=True) if self.rows else ((), (), ())
        columns = ([self.name] * len(self.rows), origins, fields, texts, self.items_of)
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, PASSAGES_SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=PASSAGES_SCHEMA)

    def report(self, index: ContaminationIndex) -> dict[str, Any]:
        """Figures of the set, now that all n-grams are known."""
        said = np.array([row == self.name for row in index.passages.column("set").to_pylist()], np.bool_)
        counts = index.ngrams.passage_ngrams[said]
        is_in = index.sets.index(self.name) if self.name in index.sets else None
        has_words = {item for items in self.items_of for item in items}
        searchable = {item for items, count in zip(self.items_of, counts, strict=True) if count for item in items}
        missed = {TOO_FEW_WORDS: self.items - len(has_words), ONLY_TEMPLATE: len(has_words) - len(searchable)}
        return {
            "files": self.files,
            "items": self.items,
            "searchable_items": len(searchable),
            "not_searchable": missed,
            "passages": int(np.count_nonzero(counts)),
            "ngrams": int(counts.sum()),
            "template_ngrams": 0 if is_in is None else index.template_ngrams[is_in],
            "number_ngrams": 0 if is_in is None else index.number_ngrams[is_in],
            "faults": dict(sorted(self.faults.counts.items())),
            "first_faults": self.faults.shown,
        }


def _read_set(name: str, pattern: str, settings: Decontaminate, room: _Room) -> _ReadSet:
    files = set_files(pattern)
    held, waiting, size = _ReadSet(name, len(files)), list[Item](), 0
    for item in read_items(files, settings.fields.get(name, ()), held.faults):
        waiting.append(item)
        size += sum(len(text) for _, text in item.passages)
        if len(waiting) == _BATCH_ITEMS or size > _BATCH_CHARS:
            _take(held, waiting, settings, room)
            waiting, size = [], 0
    _take(held, waiting, settings, room)
    return held


def _take(held: _ReadSet, items: Sequence[Item], settings: Decontaminate, room: _Room) -> None:
    """Add the passages of items that have enough words."""
    found = [(at, item.origin, *passage) for at, item in enumerate(items, held.items) for passage in item.passages]
    held.items += len(items)
    counts = count_words(pa.array([text for *_, text in found], pa.large_string())).tolist()
    for (number, origin, name, text), words in zip(found, counts, strict=True):
        if words < settings.min_words:
            continue
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest not in held.numbers:
            room.take(max(1, words - settings.ngram_words + 1), origin)
            held.numbers[digest] = len(held.rows)
            held.rows.append((origin, name, text))
            held.items_of.append([])
        owners = held.items_of[held.numbers[digest]]
        if owners[-1:] != [number]:
            owners.append(number)
