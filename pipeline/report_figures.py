"""What the report shows, read from an output folder: sums of the ledger, a few examples, models, mixture, training.

Every list is bounded, so the report's size does not grow with the corpus.
"""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from pipeline.ledger import chain_faults, read_ledger
from pipeline.report_contamination import FINDINGS
from pipeline.report_near import read_audits
from pipeline.report_rows import row_groups
from pipeline.report_scores import Scores, read_scores
from pipeline.report_thresholds import Thresholds, read_thresholds
from pipeline.report_tokenizer import read_tokenizer
from pipeline.report_training import Training, read_training
from pipeline.stage_names import TOKENIZE
from pipeline.storage import Folder
from pipeline.totals import StageTotals, sum_stages

EXAMPLES = 3
"""Documents shown for each filter and reason, those with the smallest `doc_id` (or origin) among what is looked at."""

EXCERPT_CHARS = 400
MAX_FAULTS = 50
MAX_KINDS = 200
MAX_MODEL_FIGURES = 60
MAX_LISTED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A document or record to look at. `kind` is FILTER:REASON, a quarantine's reason, or `kept`."""

    source: str
    stage: str
    kind: str
    origin: str
    title: str
    excerpt: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that the report shows."""

    stages: Sequence[StageTotals]
    faults: Sequence[str]
    rejected: Sequence[Example]
    kept: Sequence[Example]
    quarantined: Sequence[Example]
    audits: Sequence[Mapping[str, Any]]
    contamination: Mapping[str, Any]
    models: Mapping[str, Mapping[str, str]]
    scores: Scores
    thresholds: Thresholds
    tokenizer: Mapping[str, Any]
    stream: Mapping[str, Any]
    training: Training


def read_figures(output: Folder, chains: Mapping[str, tuple[str, ...]]) -> Figures:
    """The figures of an output folder; what is not there yet is empty."""
    # Stages beside a chain look at documents and take none: they are no part of the funnel.
    entries = [entry for entry in read_ledger(output) if entry.stage in chains.get(entry.source, ())]
    stages = sum_stages(entries, chains)
    faults = [fault for entry in entries for fault in entry.faults()]
    faults += chain_faults(entries, chains)
    rejected: list[Example] = []
    kept: list[Example] = []
    quarantined: list[Example] = []
    for figures in stages:
        rejected += _examples(output, "rejected", figures, "doc_id", ("filter", "reason"))
        quarantined += _examples(output, "quarantine", figures, "origin", ("reason",))
        if figures.stage == _last_document_stage(stages, figures.source):
            kept += _examples(output, "documents", figures, "doc_id", ())
    return Figures(
        stages=stages,
        faults=faults[:MAX_FAULTS],
        rejected=rejected,
        kept=kept,
        quarantined=quarantined,
        audits=read_audits(output),
        contamination=output.read_json(FINDINGS) or {},
        models=_models(output),
        scores=read_scores(output),
        thresholds=read_thresholds(output),
        tokenizer=read_tokenizer(output),
        stream=output.read_json("stream/stream.json") or {},
        training=read_training(output),
    )


def _last_document_stage(stages: Sequence[StageTotals], source: str) -> str:
    """The stage whose documents go into the tokens."""
    return next((item.stage for item in reversed(stages) if item.source == source and item.stage != TOKENIZE), "")


def _examples(output: Folder, what: str, figures: StageTotals, order: str, kinds: tuple[str, ...]) -> Iterator[Example]:
    """The first few rows of each kind, by the column `order`; texts are read for these alone."""
    folder = f"{what}/{figures.stage}/{figures.source}"
    smallest: dict[str, list[tuple[str, str, int, int]]] = {}
    for name, group, table in row_groups(output, folder, (order, *kinds)):
        for row, values in enumerate(table.to_pylist()):
            kind = ":".join(str(values[column]) for column in kinds) or "kept"
            if kind in smallest or len(smallest) < MAX_KINDS:
                held = smallest.setdefault(kind, [])
                held.append((str(values[order]), name, group, row))
                if len(held) > 64 * EXAMPLES:
                    smallest[kind] = heapq.nsmallest(EXAMPLES, held)
    for kind in sorted(smallest):
        for _, name, group, row in heapq.nsmallest(EXAMPLES, smallest[kind]):
            yield _example(figures, kind, _read_row(output, name, group, row))


def _read_row(output: Folder, name: str, group: int, row: int) -> dict[str, Any]:
    with output.open(name) as stream, pq.ParquetFile(stream) as file:
        return dict(file.read_row_group(group).slice(row, 1).to_pylist()[0])


def _example(figures: StageTotals, kind: str, row: Mapping[str, Any]) -> Example:
    raw = row.get("raw")
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(row.get("text") or "")
    size = row.get("size")
    return Example(
        source=figures.source,
        stage=figures.stage,
        kind=kind,
        origin=str(row.get("origin") or "")[:EXCERPT_CHARS],
        title=str(row.get("title") or row.get("detail") or "")[:EXCERPT_CHARS],
        excerpt=text[:EXCERPT_CHARS],
        size=int(size) if size is not None else len(text.encode("utf-8", "replace")),
    )


def _models(output: Folder) -> dict[str, dict[str, str]]:
    """The figures that each model's report gives, flattened."""
    names = (name for name in output.list("models") if name != "tokenizer")  # It has a section of its own.
    reports = ((name, output.read_json(f"models/{name}/report.json")) for name in names)
    return {name: dict(list(_flat("", report))[:MAX_MODEL_FIGURES]) for name, report in reports if report is not None}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key in sorted(value):
            if isinstance(value[key], list) and len(value[key]) > MAX_LISTED:
                continue  # A spread, which is drawn.
            yield from _flat(f"{prefix} · {key}" if prefix else str(key), value[key])
    else:
        text = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
        yield prefix[:EXCERPT_CHARS], text.strip('"')[:EXCERPT_CHARS]
