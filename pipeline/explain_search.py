"""Finds documents by what people know of them: doc_id, origin, or address; and says what became of each.

Nothing is indexed: of the units that may hold them the columns that identify documents are read, batch by batch.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpora.registry import document_stages
from pipeline.held_out import REASON, HoldOut, held_out_name
from pipeline.ledger import read_entry
from pipeline.run import Run
from pipeline.stage_names import TOKENIZE
from pipeline.storage import read_batches
from pipeline.units import unit_name

NAMES = ("doc_id", "origin", "url")
"""By which a document is known, in whole: nothing is left out of what is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A document of a unit; `url` is null where its source has none."""

    source: str
    unit: str
    doc_id: str
    origin: str
    url: str | None


def find_documents(run: Run, wanted: Collection[str]) -> Iterator[Found]:
    """Every document that one of these is the doc_id, origin or address of, as `clean` kept or rejected it."""
    values = pa.array(sorted(wanted), pa.string())
    files = _files_of(wanted)
    for source in run.recipe.sources:
        units = {
            name.removesuffix(".parquet")
            for kind in ("documents", "rejected")
            for name in run.output.list(f"{kind}/clean/{source}")
        }
        for unit in sorted(units):
            if files is None or any(unit.startswith(unit_name(source, file)) for file in files):
                yield from _in_unit(run, source, unit, values)


def _files_of(wanted: Collection[str]) -> list[str] | None:
    """The input files that origins name, as an input may be called; None where not all are origins."""
    if not all("#" in name and "://" not in name for name in wanted):
        return None
    files = {name.partition("#")[0] for name in wanted}
    folders = {f"{file[:-4]}/" for file in files if file.endswith((".tar", ".git"))}
    return sorted(files | folders | {f"{file}/" for file in files if file.endswith(".git")})


def _in_unit(run: Run, source: str, unit: str, values: pa.Array) -> Iterator[Found]:
    for kind in ("documents", "rejected"):
        name = f"{kind}/clean/{source}/{unit}.parquet"
        if run.output.size(name) is None:
            continue
        for batch in read_batches(run.output, name, columns=NAMES):
            hits = pc.is_in(batch.column(NAMES[0]), value_set=values)
            for column in NAMES[1:]:
                hits = pc.or_(hits, pc.is_in(batch.column(column), value_set=values))
            for row in batch.filter(hits).to_pylist():
                yield Found(source=source, unit=unit, **row)


def trail(run: Run, found: Found) -> list[dict[str, Any]]:
    """Stage by stage what became of a document, up to the one that rejected it: with filter and reason.

    `tokenize` is named where it holds the document out of training.

    Where rejected documents are not kept, the stage is known and the reasons that it had, with their counts.
    """
    steps: list[dict[str, Any]] = []
    for stage in document_stages(run.recipe, found.source):
        place = f"{stage}/{found.source}/{found.unit}.parquet"
        if run.output.size(f"documents/{place}") is None:
            break
        if _row(run, f"documents/{place}", found.doc_id, ("doc_id",)) is not None:
            steps.append({"stage": stage, "kept": True})
            continue
        why: dict[str, Any] | None = None
        if run.output.size(f"rejected/{place}") is not None:
            why = _row(run, f"rejected/{place}", found.doc_id, ("doc_id", "filter", "reason"))
        if why is None:
            entry = read_entry(run.output, stage, found.source, found.unit)
            counts = {name: item["documents"] for name, item in entry.rejected.items()} if entry else {}
            return [*steps, {"stage": stage, "kept": False, "reasons_of_the_unit": counts}]
        return [*steps, {"stage": stage, "kept": False, "filter": why["filter"], "reason": why["reason"]}]
    place = held_out_name(found.source, found.unit)
    if run.output.size(place) is not None and _row(run, place, found.doc_id, ("doc_id",)) is not None:
        steps.append({"stage": TOKENIZE, "kept": False, "filter": HoldOut.name, "reason": REASON})
    return steps


def _row(run: Run, name: str, doc_id: str, columns: tuple[str, ...]) -> dict[str, Any] | None:
    for batch in read_batches(run.output, name, columns=columns):
        rows = batch.filter(pc.equal(batch.column("doc_id"), doc_id)).to_pylist()
        if rows:
            return dict(rows[0])
    return None


def quarantined(run: Run, origin: str) -> str | None:
    """Why a record of that origin became no document, with the stage that said so; None where none was set aside."""
    files = _files_of([origin]) or []
    for stage in run.output.list("quarantine"):
        for source in run.recipe.sources:
            for name in run.output.list(f"quarantine/{stage}/{source}"):
                if any(name.startswith(unit_name(source, file)) for file in files):
                    place = f"quarantine/{stage}/{source}/{name}"
                    for batch in read_batches(run.output, place, columns=("origin", "reason", "detail")):
                        for row in batch.filter(pc.equal(batch.column("origin"), origin)).to_pylist():
                            return f"{stage} could not read it: {row['reason']} {row['detail']}".rstrip()
    return None
