"""What a takedown will do, found out before anything is changed: documents, tokens, places in the stream, steps.

The plan is JSON. It lies in the output folder while the work is done, so that what is killed goes on from it: once text
is blanked, nothing else says how long it was.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpora.registry import chains, stage_before
from pipeline.explain_search import Found, find_documents, trail
from pipeline.explain_stream import StreamMap, steps_done
from pipeline.ledger import LedgerEntry, read_entry
from pipeline.models import ALL_MODELS
from pipeline.run import Run, documents_folder
from pipeline.storage import Folder, read_batches
from pipeline.takedown_order import FOLDER

Plan = dict[str, Any]


def plan_takedown(run: Run, lines: Sequence[str]) -> Plan:
    """The plan for a list: what each line names, and of each document all that there is of it.

    Documents that an earlier takedown took are named, and not planned again.
    """
    found = list(find_documents(run, lines))
    named = {line: [each.doc_id for each in found if line in (each.doc_id, each.origin, each.url)] for line in lines}
    before = taken_before(run.output)
    stream = StreamMap(run) if run.output.exists("stream/stream.json") else None
    new = [each for each in found if each.doc_id not in before]
    return {
        "lines": [{"line": line, "documents": doc_ids} for line, doc_ids in named.items()],
        "unknown_lines": [line for line, doc_ids in named.items() if not doc_ids],
        "taken_down_before": sorted({each.doc_id for each in found} & before),
        "documents": _documents(run, new, stream),
        "units": [_unit(run, source, unit, ids) for (source, unit), ids in _by_unit(new).items()],
        "steps_done": steps_done(run),
    }


def taken_before(output: Folder) -> set[str]:
    """The doc_ids in all reports so far."""
    reports = (output.read_json(f"{FOLDER}/{name}") or {} for name in output.list(FOLDER) if is_report(name))
    return {document["doc_id"] for report in reports for document in report.get("documents", ())}


def is_report(name: str) -> bool:
    """Whether a file in the takedowns' folder is a report."""
    return name.removesuffix(".json").isdigit()


def _by_unit(found: Iterable[Found]) -> dict[tuple[str, str], list[str]]:
    units: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        units[each.source, each.unit].append(each.doc_id)
    return dict(sorted(units.items()))


def _documents(run: Run, found: Sequence[Found], stream: StreamMap | None) -> list[dict[str, Any]]:
    """Each document with where it ended, its token shard, and its places in the stream."""
    told = {each.doc_id: asdict(each) | {"ended": trail(run, each)[-1:], "tokens": []} for each in found}
    for (source, unit), ids in _by_unit(found).items():
        if stream is not None and source in stream.plan.names:
            for doc_id, tokens in _tokens(stream, source, unit, pa.array(ids)):
                told[doc_id]["tokens"].append(tokens)
    return sorted(told.values(), key=lambda document: (document["source"], document["unit"], document["doc_id"]))


def _tokens(stream: StreamMap, source: str, unit: str, doc_ids: pa.Array) -> Iterator[tuple[str, dict[str, Any]]]:
    """(doc_id, the ids between BOS and EOS in its token shard, and where they land in the stream)."""
    tokens = stream.source(source)
    for shard in tokens.of_unit(unit):
        base = tokens.first_token(shard)
        for document in tokens.find(shard, doc_ids):
            start, count = document.start + 1, document.end - document.start - 2
            places = stream.landings(source, base + start, count) if count else ()
            yield (
                document.doc_id,
                {
                    **{"shard": f"{source}/{shard}", "start": start, "tokens": count},
                    "stream": [asdict(place) | {"step": stream.step_of(place.position)} for place in places],
                },
            )


def _unit(run: Run, source: str, unit: str, doc_ids: list[str]) -> dict[str, Any]:
    """A unit's files that hold text, by the stage that wrote them, and what its ledger entries will say is gone."""
    entries = {
        stage: entry for stage in run.output.list("ledger") if (entry := read_entry(run.output, stage, source, unit))
    }
    values = pa.array(doc_ids)
    sizes = {stage: _text_bytes(run, stage, source, unit, values) for stage in entries}
    chain = chains(run.recipe)[source]
    gone = {}
    for stage, entry in entries.items():
        if stage in chain:
            came = sizes.get(stage_before(run.recipe, source, stage), 0) if chain.index(stage) else 0
            gone[stage] = {
                "bytes_in": _more(entry, "bytes_in", came),
                "bytes_kept": _more(entry, "bytes_kept", sizes[stage]),
            }
    read = [
        model.name
        for model in ALL_MODELS
        if model.is_trained(run.recipe)
        and not model.reads_counts
        and _holds(run, f"{documents_folder(model.reads(run.recipe).get(source, ''), source)}/{unit}.parquet", values)
    ]
    return {"source": source, "unit": unit, "doc_ids": doc_ids, "taken_down": gone, "read_by_models": read}


def _more(entry: LedgerEntry, figure: str, size: int) -> int:
    return entry.taken_down.get(figure, 0) + size


def _text_bytes(run: Run, stage: str, source: str, unit: str, doc_ids: pa.Array) -> int:
    """Bytes of these documents' text that a stage kept."""
    name = f"documents/{stage}/{source}/{unit}.parquet"
    if run.output.size(name) is None:
        return 0
    total = 0
    for batch in read_batches(run.output, name, columns=["doc_id", "text"]):
        held = batch.filter(pc.is_in(batch.column("doc_id"), value_set=doc_ids))
        total += pc.sum(pc.binary_length(held.column("text"))).as_py() or 0
    return total


def _holds(run: Run, name: str, doc_ids: pa.Array) -> bool:
    if run.output.size(name) is None:
        return False
    batches = read_batches(run.output, name, columns=["doc_id"])
    return any(pc.any(pc.is_in(batch.column("doc_id"), value_set=doc_ids)).as_py() for batch in batches)


def report_of(plan: Plan) -> dict[str, Any]:
    """What is told of a takedown: the plan, and its sums. No text of a document is in it."""
    documents = plan["documents"]
    pieces = [piece for document in documents for piece in document["tokens"]]
    places = [place for piece in pieces for place in piece["stream"]]
    steps = sorted({place["step"] for place in places})
    done = int(plan["steps_done"])
    return {
        **{key: plan[key] for key in ("lines", "unknown_lines", "taken_down_before", "documents", "steps_done")},
        "tokens_masked": sum(piece["tokens"] for piece in pieces),
        "token_shards": sorted({piece["shard"] for piece in pieces if piece["tokens"]}),
        "stream_tokens_masked": sum(place["tokens"] for place in places),
        "positions": sorted({place["position"] for place in places}),
        "steps_that_had_seen_it": [step for step in steps if step <= done],
        "steps_that_would_have": [step for step in steps if step > done],
        "models_that_had_read_it": sorted({name for unit in plan["units"] for name in unit["read_by_models"]}),
        "cautions": _cautions(plan, any(step <= done for step in steps)),
    }


def _cautions(plan: Plan, was_seen: bool) -> list[str]:
    """What a takedown cannot reach, as far as it concerns this one."""
    models = sorted({name for unit in plan["units"] for name in unit["read_by_models"]})
    found = [f"models/{name} was trained on documents that held it, and is left as it is" for name in models]
    if was_seen:
        found.append(
            "checkpoints below training/ have been trained on it; only training from an earlier step undoes that"
        )
    if plan["documents"]:
        found.append("the raw dump still has it, and so have exports and copies outside the output folder")
    return found
