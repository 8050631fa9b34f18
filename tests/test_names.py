"""Every name that a run writes is documented: what its files say is compared with the pages."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.catalogue import filter_classes, recipe_page
from pipeline.json_names import JSON_FILES
from pipeline.ledger import read_ledger
from pipeline.names_page import TABLES, counted, names_page
from pipeline.stage_names import STAGES
from pipeline.storage import Folder
from pipeline.units import REJECTED_COLUMNS

DOCS = Path(__file__).parent.parent / "docs"


def section(title: str) -> str:
    return names_page().split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> set[str]:
    """The names that the tables of a section explain."""
    return set(re.findall(r"^\| `([^`]+)`", section(title), flags=re.MULTILINE))


def test_the_page_is_fresh():
    assert (DOCS / "names.md").read_text() == names_page(), "tokenmill catalogue names > docs/names.md"


@pytest.mark.parametrize("rule", list(filter_classes()), ids=lambda rule: rule.name)
def test_a_filter_says_what_it_rejects_and_counts(rule):
    said = re.search(r"Rejects: ([^.]*)\.", rule.__doc__)
    assert set(re.findall(r"\w+", said[1]) if said else ()) - {"nothing"} == set(rule.reasons)
    assert "Counts: " in rule.__doc__


def test_every_name_of_the_ledger_is_explained(small_run):
    entries = read_ledger(Folder(str(small_run.output)))
    assert len(entries) > 100
    assert {entry.stage for entry in entries} <= rows("Stages")
    assert {entry.unit for entry in entries if entry.source == "models" and entry.stage.startswith("train-")} <= rows(
        "Models"
    )
    assert {key for entry in entries for key in entry.to_json()} <= rows("A ledger entry")
    rejected = {key.split(":")[1] for entry in entries for key in entry.rejected}
    assert len(rejected) > 30 and rejected <= rows("Why documents are rejected")
    failed = {key for entry in entries for key in entry.failed}
    assert len(failed) > 15 and failed <= rows("Why records are quarantined")


def test_every_counter_of_the_ledger_is_explained(small_run):
    rules = {rule.name: counted(rule) for rule in filter_classes()}
    sides = section("Counters")
    counters = {key for entry in read_ledger(Folder(str(small_run.output))) for key in entry.counts}
    assert len(counters) > 30
    for name in counters:
        rule, _, counter = name.partition(".")
        is_rule = rule in rules
        word = re.split(r"[.:]", counter if is_rule else rule)[0]
        assert re.search(rf"\b{word}\b", rules[rule] if is_rule else sides), name


@pytest.mark.parametrize("kind", ["documents", "rejected", "quarantine", "near-dedup", "samples", "held-out", "tokens"])
def test_every_column_of_a_table_is_explained(small_run, kind):
    tables = sorted((small_run.output / kind).rglob("*.parquet"))
    found = {name for table in tables for name in pq.read_schema(table).names}
    columns = {name.split("`")[0] for name in rows("Columns of documents")}
    others = {name for where, _, names in TABLES if where.startswith(kind) for name in names}
    assert found and found <= columns | others
    assert kind != "documents" or found <= columns
    assert kind != "rejected" or set(REJECTED_COLUMNS) <= found


@pytest.mark.parametrize("name", ["training/metrics.jsonl", "logs/train.jsonl"])
def test_every_figure_of_a_training_step_is_explained(small_run, name):
    line = json.loads((small_run.output / name).read_text().splitlines()[-1])
    assert [key for key in line if f"`{key}`" not in (DOCS / "training.md").read_text()] == []


SYNONYMS = {"num", "limit", "ratio", "share", "length", "len", "thresh", "count", "dir", "characters"}
"""Words for which the scheme has others: how many there are, `max_`, `_fraction`, `_chars`, `folder`."""
UNITS = "bytes chars words tokens documents fraction pairs ngrams passages".split()
UNITS += "jaccard containment score expansion norm".split()
"""What a bound is of."""


def recipe_keys():
    return re.findall(r"^\| `([a-z0-9_.]+)`", recipe_page(), flags=re.MULTILINE)


def test_settings_are_named_by_one_scheme():
    keys = {key.rpartition(".")[2] for key in recipe_keys()}
    assert len(keys) > 120
    assert [key for key in keys if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key)] == []
    assert [key for key in keys if SYNONYMS & set(key.split("_"))] == []
    bounds = {key for key in keys if key.startswith(("max_", "min_"))}
    bounds -= {"min_learning_rate_fraction", "min_chars_after"}
    assert [key for key in bounds if key.rpartition("_")[2] not in UNITS] == []


def test_stages_reasons_and_columns_are_named_by_one_scheme():
    assert [name for name in STAGES if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    reasons = rows("Why documents are rejected") | rows("Why records are quarantined")
    others = reasons | rows("A ledger entry") | {key for keys in JSON_FILES.values() for key in keys}
    assert [name for name in others if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
