"""What stands for the near-duplicates that went: a table of pairs a unit, and a page a source to judge them by.

The page draws pairs, reads both texts again and counts what they share in plain Python, word by word: it trusts none of
the hashes by which they were found.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.batch import Filter
from filters.near_duplicates import DropNearDuplicates
from filters.plain_shingles import overlap_of_words
from filters.precision import precision_interval
from pipeline.corpora.registry import stage_before
from pipeline.ledger import read_entry
from pipeline.near_duplicates import CLUSTERS_OF
from pipeline.near_page import DrawnPair, Side, near_page
from pipeline.run import Run
from pipeline.stage_names import NEAR_DEDUP
from pipeline.storage import Folder, Output, ParquetSink, read_batches
from pipeline.totals import StageTotals
from pipeline.units import Unit

PAIRS_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("doc_id", "keeper", "keeper_unit")),
        *(pa.field(name, pa.int64()) for name in ("row", "keeper_row", "shared", "shingles", "keeper_shingles")),
        pa.field("overlap", pa.float32()),
    ]
)
"""A document that went, the one that stayed, where both lie in their units' documents, and what they share."""

PAGE, FIGURES = "audit.html", "audit.json"
EXCERPT_CHARS = 300
MAX_COUNTED_SHINGLES = 1 << 20
"""A longer document is not drawn: its words are counted in Python, a second a million."""
_SHOWN = ("doc_id", "origin", "title", "text")
_ROWS = np.uint64((1 << 32) - 1)


def audit_name(source: str) -> str:
    """The name of the audit's done record."""
    return f"audit-{source}"


def write_pairs(output: Folder, unit: Unit, units: Sequence[str], filters: Sequence[Filter]) -> Mapping[str, Output]:
    """The unit's near-duplicates with what stays in their place, sorted by doc_id; nothing where there is none.

    `units` are the names of all units that were judged together, by their numbers.
    """
    for rule in filters:
        if isinstance(rule, DropNearDuplicates) and len(rule.verdicts):
            name = f"{NEAR_DEDUP}/{unit.source}/{unit.name}.parquet"
            with output.create(name) as pending:
                sink = ParquetSink(pending.path, PAIRS_SCHEMA)
                sink.write(_pairs(rule, units))
                sink.close()
            assert pending.output is not None  # published: `create` would have raised
            return {name: pending.output}
    return {}


def _pairs(rule: DropNearDuplicates, units: Sequence[str]) -> pa.RecordBatch:
    held = rule.verdicts
    columns: dict[str, Any] = {
        "doc_id": held["doc_id"].astype(str),
        "keeper": held["keeper"].astype(str),
        "keeper_unit": [units[number >> 32] for number in held["keeper_document"].tolist()],
        "row": held["document"] & _ROWS,
        "keeper_row": held["keeper_document"] & _ROWS,
    }
    columns |= {name: held[name] for name in ("shared", "shingles", "keeper_shingles", "overlap")}
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name]).cast(field.type) for field in PAIRS_SCHEMA], schema=PAIRS_SCHEMA
    )


def lost_too_much(total: StageTotals, bound: float) -> str | None:
    """What to say where a source has lost more of its documents, or of their bytes, than it may."""
    lost_bytes = total.rejected_bytes.total()
    losses = (("documents", total.documents_rejected, total.documents_in), ("bytes", lost_bytes, total.bytes_in))
    for what, lost, came in losses:
        if came and lost / came > bound:
            key = f"near_dedup.max_lost_fraction.{total.source}"
            return f"{lost} of {came} {what} are near-duplicates: {lost / came:.3f}, more than {key} = {bound}"
    return None


def write_audit(run: Run, source: str, notes: Folder) -> dict[str, Output]:
    """The page and its figures, of the units' tables and of what was noted while they were judged."""
    settings = run.recipe.near_dedup
    bound = settings.max_containment if source in settings.contained else settings.max_jaccard
    counts: Counter[str] = Counter()
    for name in notes.list():
        counts.update(notes.read_json(name) or {})
    drawn = list(_drawn(run, source))
    hits = sum(pair.counted > bound for pair in drawn)
    total = _totals(run, source)
    sizes = {name.removeprefix(CLUSTERS_OF): count for name, count in counts.items() if name.startswith(CLUSTERS_OF)}
    figures = {
        "source": source,
        "measure": "containment" if source in settings.contained else "jaccard",
        "max_overlap": bound,
        "shingle_words": settings.shingle_words,
        "documents": total.documents_in,
        "documents_lost": total.documents_rejected,
        "bytes": total.bytes_in,
        "bytes_lost": total.rejected_bytes.total(),
        "clusters": {size: sizes[size] for size in sorted(sizes, key=int)},
        **{name: counts[name] for name in ("pairs_compared", "pairs_overlapping", "pairs_left_out")},
        "pairs_drawn": len(drawn),
        "pairs_confirmed": hits,
        "precision": list(precision_interval(hits, len(drawn))),
    }
    folder = f"{NEAR_DEDUP}/{source}"
    return {
        f"{folder}/{FIGURES}": run.output.write_json(f"{folder}/{FIGURES}", figures),
        f"{folder}/{PAGE}": run.output.write_text(f"{folder}/{PAGE}", near_page(figures, drawn)),
    }


def _totals(run: Run, source: str) -> StageTotals:
    total = StageTotals(source=source, stage=NEAR_DEDUP)
    for name in run.output.list(f"ledger/{NEAR_DEDUP}/{source}"):
        if entry := read_entry(run.output, NEAR_DEDUP, source, name.removesuffix(".json")):
            total.add(entry)
    return total


def _drawn(run: Run, source: str) -> Iterator[DrawnPair]:
    """The pairs of the documents with the smallest doc_ids, which are hashes: a sample without favour."""
    folder, count = f"{NEAR_DEDUP}/{source}", run.recipe.near_dedup.audit_pairs
    smallest: list[tuple[str, str, dict[str, Any]]] = []
    for name in run.output.list(folder):
        if name.endswith(".parquet"):
            rows = islice(_countable(run.output, f"{folder}/{name}"), count)
            found = ((row["doc_id"], name, row) for row in rows)
            smallest = heapq.nsmallest(count, [*smallest, *found], key=lambda item: item[:2])
    before = f"documents/{stage_before(run.recipe, source, NEAR_DEDUP)}/{source}"
    contained, words = source in run.recipe.near_dedup.contained, run.recipe.near_dedup.shingle_words
    for _, name, row in smallest:
        gone, keeper = (
            _read_row(run.output, f"{before}/{file}", row[place])
            for file, place in ((name, "row"), (f"{row['keeper_unit']}.parquet", "keeper_row"))
        )
        counted = overlap_of_words(gone["text"], keeper["text"], words, contained=contained)
        yield DrawnPair(gone=_side(gone), keeper=_side(keeper), found=row["overlap"], counted=counted)


def _countable(output: Folder, name: str) -> Iterator[dict[str, Any]]:
    """The table's rows in order, but those of documents too long for Python."""
    for batch in read_batches(output, name):
        yield from (row for row in batch.to_pylist() if row["keeper_shingles"] <= MAX_COUNTED_SHINGLES)


def _read_row(output: Folder, name: str, row: int) -> dict[str, Any]:
    """One row of a file, its group alone read."""
    with output.open(name) as stream, pq.ParquetFile(stream) as file:
        group = 0
        while row >= file.metadata.row_group(group).num_rows:
            row -= file.metadata.row_group(group).num_rows
            group += 1
        return dict(file.read_row_group(group, columns=list(_SHOWN)).slice(row, 1).to_pylist()[0])


def _side(row: dict[str, Any]) -> Side:
    title, excerpt = str(row["title"] or "")[:EXCERPT_CHARS], row["text"][:EXCERPT_CHARS]
    return Side(doc_id=row["doc_id"], origin=row["origin"], title=title, excerpt=excerpt)
