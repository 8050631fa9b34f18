"""The page of names: stages, models, columns, reasons, figures and counters, from where the code declares them."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from filters.batch import COLUMNS
from filters.contamination import CONTAMINATION_COLUMN, EVIDENCE
from mixtures.shards import DOCUMENTS_SCHEMA
from pipeline.catalogue import filter_classes
from pipeline.corpora.bad_reasons import BAD_REASONS
from pipeline.corpora.registry import CORPORA
from pipeline.held_out import SCHEMA as HELD_OUT_SCHEMA
from pipeline.json_names import JSON_FILES
from pipeline.ledger import LedgerEntry
from pipeline.map_stages import MAP_STAGES
from pipeline.models import ALL_MODELS
from pipeline.near_audit import PAIRS_SCHEMA
from pipeline.stage_names import STAGE_HELP, STAGES
from pipeline.stages import UNREADABLE, SideStage
from pipeline.tokenizer_sample import SCHEMA as SAMPLE_SCHEMA
from pipeline.units import QUARANTINE_SCHEMA, REJECTED_COLUMNS

TABLES: tuple[tuple[str, str, Sequence[str]], ...] = (
    (
        "rejected/STAGE/SOURCE/*.parquet",
        "a document's columns as they were, and which rule rejected it",
        REJECTED_COLUMNS,
    ),
    ("quarantine/STAGE/SOURCE/*.parquet", "a record that could not be read", QUARANTINE_SCHEMA.names),
    (
        "samples/tokenizer/SOURCE/*.parquet",
        "a document that the tokenizer is trained on or measured by",
        SAMPLE_SCHEMA.names,
    ),
    ("held-out/SOURCE/*.parquet", "a document that is in no token shard", HELD_OUT_SCHEMA.names),
    (
        "near-dedup/SOURCE/*.parquet",
        "a document that went, the one that stays for it, what they share",
        PAIRS_SCHEMA.names,
    ),
    ("tokens/SOURCE/*.documents.parquet", "a document of a token shard, and where it ends", DOCUMENTS_SCHEMA.names),
    ("`contamination`, each element", "a passage that the document holds", [field.name for field in EVIDENCE]),
)
"""Tables beside those of documents: where they lie, what a row is, their columns."""


_HEAD = """# Names

Written by `tokenmill catalogue names`, from where the code declares them. [Filters](filters.md),
[recipe keys](recipe.md), [commands](commands.md), the faults that [`verify`](verify.md) finds and the
figures of a [training step](training.md#what-is-written) have pages of their own."""
_SUMS = """
Sums over units have the same names, in `--json` and in the report; `documents_rejected` adds `rejected` up."""
_FILES = """
## Files of JSON

Below the output folder. [`stream.json`](token-files.md#the-stream-stream), [the tokenizer's
report](tokenizer.md#the-report) and [what a training writes](training.md#what-is-written) have pages of their own."""
_SCHEME = """
## How names are made

Stages and commands are verbs, or what they make, in words joined by `-`; an option is a key with `-` for `_`. All
other names are words joined by `_`, and say their unit last: `_bytes`, `_chars`, `_words`, `_tokens`, `_documents`,
`_fraction` (0 to 1), `_percent`. A bound begins with `max_` or `min_`, and is itself allowed; what is kept in spite of
a rule, with `keep_`. A reason says what is wrong with the document (`too_few_words`) or record (`truncated_gzip`); a
filter, what it judges, after its source's name where only one has it. Rules of C4 keep the names of C4's own code."""


def names_page() -> str:
    """All names that files, messages and the report speak in."""
    parts = [
        _HEAD,
        *_section("Stages", ("stage", "what it does"), ((f"`{name}`", STAGE_HELP[name]) for name in STAGES)),
        *_section("Models", ("model", "fitted by", "files below `models/`"), _models()),
        *_section("Columns of documents", ("column", "written by", "meaning"), _columns()),
        *_section("Columns of other tables", ("table", "a row is", "columns"), _tables()),
        *_section("Why documents are rejected", ("reason", "filters"), _reject_reasons()),
        *_section("Why records are quarantined", ("reason", "sources", "meaning"), _bad_reasons()),
        *_section("A ledger entry", ("key", "meaning"), _ledger()),
        _SUMS,
        *_section("Counters", ("counted by", "what"), _counters()),
        _FILES,
        *chain.from_iterable(_section(f"`{name}`", ("key", "what"), _keys(name), "###") for name in JSON_FILES),
        _SCHEME,
    ]
    return "\n".join(parts) + "\n"


def counted(rule: type[Any]) -> str:
    """What the docstring of a filter says that it counts, empty for nothing."""
    found = re.search(r"Counts: (.*?)\.?\s*(?:\n\n|\Z)", inspect.cleandoc(rule.__doc__ or ""), flags=re.DOTALL)
    said = " ".join(found[1].split()) if found else ""
    return "" if said == "nothing" else said


def _section(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], level: str = "##") -> Iterator[str]:
    yield from ("", f"{level} {title}", "", f"| {' | '.join(headings)} |", "|---" * len(headings) + "|")
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _keys(file: str) -> Iterator[tuple[str, str]]:
    return ((f"`{key}`", what) for key, what in JSON_FILES[file].items())


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _models() -> Iterator[tuple[str, str, str]]:
    for model in ALL_MODELS:
        yield f"`{model.name}`", f"`{model.stage}`", _named(f"{model.name}/{file}" for file in model.files)


def _columns() -> Iterator[tuple[str, str, str]]:
    for column in (*COLUMNS, CONTAMINATION_COLUMN):
        yield f"`{column.name}` ({_type(column.type)})", column.written_by, column.meaning


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "list" if pa.types.is_struct(kind.value_type) else f"list of {kind.value_type}"
    return str(kind).removeprefix("large_")


def _tables() -> Iterator[tuple[str, str, str]]:
    for name, row, columns in TABLES:
        yield name if "`" in name else f"`{name}`", row, _named(columns)


def _reject_reasons() -> Iterator[tuple[str, str]]:
    given: dict[str, list[str]] = {}
    for rule in filter_classes():
        for reason in rule.reasons:
            given.setdefault(reason, []).append(rule.name)
    for reason, rules in sorted(given.items()):
        yield f"`{reason}`", _named(rules)


def _bad_reasons() -> Iterator[tuple[str, str, str]]:
    for reason, meaning in sorted(BAD_REASONS.items()):
        sources = [name for name, corpus in CORPORA.items() if reason in corpus.bad_reasons]
        yield f"`{reason}`", "all" if reason == UNREADABLE else ", ".join(sources), meaning


def _ledger() -> Iterator[tuple[str, str]]:
    """The entry's fields with the text below each."""
    (body,) = ast.parse(inspect.getsource(LedgerEntry)).body
    assert isinstance(body, ast.ClassDef)
    for statement, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said = below.value if isinstance(below, ast.Expr) else None
            meaning = str(said.value) if isinstance(said, ast.Constant) else ""
            yield f"`{statement.target.id}`", " ".join(meaning.split())


def _counters() -> Iterator[tuple[str, str]]:
    for rule in filter_classes():
        if said := counted(rule):
            yield f"filter `{rule.name}`", said
    for stage in MAP_STAGES.values():
        if isinstance(stage, SideStage):
            yield f"stage `{stage.name}`", "; ".join(f"`{name}`: {meaning}" for name, meaning in stage.counts.items())
