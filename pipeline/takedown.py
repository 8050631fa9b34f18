"""Command `takedown`: the text of documents goes from a finished run, in place.

In token shards and in the stream the ids between BOS and EOS become UNK, so layout, document ends and sidecars stay
true. Rows of documents lose their text. Only files that hold it are written, each whole or not at all, and done records
follow: they keep as `made` what a file was, by which keys go, so nothing is done again for it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

from filters.load_once import load_once
from mixtures.stream import RECORD_NAME
from pipeline.decontaminate import FINDINGS_ENTRY
from pipeline.explain_stream import StreamMap
from pipeline.held_out import HELD_OUT
from pipeline.ledger import WHOLE_RUN, LedgerEntry, read_entry
from pipeline.manifest import write_manifest
from pipeline.mix_work import STREAM
from pipeline.models import TOKENIZER
from pipeline.near_audit import audit_name
from pipeline.progress import Reporter
from pipeline.run import MANIFEST, Run
from pipeline.stage_names import DECONTAMINATE, MIX, NEAR_DEDUP, REPORT, TOKENIZE, VERIFY
from pipeline.stages import load_vocabulary
from pipeline.storage import Folder, Output
from pipeline.takedown_order import FOLDER, PENDING, put_in_force
from pipeline.takedown_plan import Plan, is_report, plan_takedown, report_of
from pipeline.takedown_text import Ranges, blank, mask

_TEXT = ("documents/", "rejected/", "samples/", f"{DECONTAMINATE}/", f"{NEAR_DEDUP}/", f"{HELD_OUT}/")
"""Folders whose files may hold words of documents."""

Finish = Callable[[Sequence[str]], object]


def take_down(run: Run, lines: Sequence[str], reporter: Reporter, finish: Finish) -> dict[str, Any]:
    """Take down what the lines name, after what an earlier command left unfinished; gives the report.

    `finish` brings the stages up to date that recount and report. `did` says whether any file was changed.
    """
    held = run.output.read_json(PENDING)
    if held is not None:
        reporter.say(f"  going on with {held['report']}, which was not finished")
        _apply(run, held, finish)
    plan = plan_takedown(run, lines)
    put_in_force(run.output, lines)
    if not plan["documents"]:
        return report_of(plan) | {"did": held is not None, "report": None}
    reports = [name for name in run.output.list(FOLDER) if is_report(name)]
    plan["report"] = f"{FOLDER}/{len(reports) + 1:05d}.json"
    run.output.write_json(PENDING, plan)
    return _apply(run, plan, finish) | {"did": True}


def _apply(run: Run, plan: Plan, finish: Finish) -> dict[str, Any]:
    """Bring all files to what the plan says, whatever has been done of it, and write the report."""
    run.output.delete(MANIFEST)  # It is true where it lies.
    for unit in plan["units"]:
        _Unit(run, unit["source"], unit["unit"], frozenset(unit["doc_ids"])).clear(unit["taken_down"])
    _clear_reports(run, frozenset(document["doc_id"] for document in plan["documents"]))
    masked = _Tokens(run, plan).mask() if any(document["tokens"] for document in plan["documents"]) else []
    report = report_of(plan) | {"stream_shards": masked, "report": plan["report"]}
    if run.output.read_json(plan["report"]) != report:
        run.output.write_json(plan["report"], report)
    done = {VERIFY: STREAM, REPORT: "report"}
    finish([step for step, unit in done.items() if read_entry(run.output, step, WHOLE_RUN, unit)])
    write_manifest(run)
    run.output.delete(PENDING)
    return report


@dataclass(frozen=True, slots=True)
class _Unit:
    """The files of one unit that hold text of documents to be taken down."""

    run: Run
    source: str
    unit: str
    doc_ids: Set[str]

    def clear(self, taken_down: dict[str, dict[str, int]]) -> None:
        """Blank the text in all of them, and let the done records follow."""
        for stage in self.run.output.list("ledger"):
            entry = read_entry(self.run.output, stage, self.source, self.unit)
            if entry is None:
                continue
            entry = settle(self.run.output, entry, lambda name: blank(self.run.output, name, self.doc_ids))
            if stage in taken_down and dict(entry.taken_down) != taken_down[stage]:
                entry = replace(entry, taken_down=taken_down[stage])
                self.run.output.write_json(entry.name, entry.to_json())


def settle(output: Folder, entry: LedgerEntry, change: Callable[[str], bool]) -> LedgerEntry:
    """Put a stage's files that may hold text to `change`, and let its done record follow what they are then.

    A file that was changed before a kill, and its record not, is seen by its digest.
    """
    outputs = dict(entry.outputs)
    for name, said in entry.outputs.items():
        if not name.startswith(_TEXT) or output.size(name) is None:
            continue
        if change(name) or output.size(name) != said["bytes"] or _is_other(output, name, said):
            outputs[name] = followed(output, name, said)
    if outputs == dict(entry.outputs):
        return entry
    entry = replace(entry, outputs=outputs)
    output.write_json(entry.name, entry.to_json())
    return entry


def _is_other(output: Folder, name: str, said: Any) -> bool:
    return bool(output.digest(name) != said["digest"])


def followed(output: Folder, name: str, said: Any) -> dict[str, Any]:
    """What a done record says of an output that a takedown has changed."""
    made = said.get("made", {"bytes": said["bytes"], "digest": said["digest"]})
    now = {"bytes": output.size(name), "digest": output.digest(name)}
    return now if now == made else now | {"made": made}


def _clear_reports(run: Run, doc_ids: Set[str]) -> None:
    """Examples of near-duplicates and of contamination that show words of these documents."""
    names = [(NEAR_DEDUP, audit_name(source)) for source in run.recipe.sources]
    for stage, name in [*names, (DECONTAMINATE, FINDINGS_ENTRY)]:
        entry = read_entry(run.output, stage, WHOLE_RUN, name)
        if entry is not None:
            settle(run.output, entry, lambda file: blank(run.output, file, doc_ids))


class _Tokens:
    """The token shards and the stream's shards that a plan touches."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run, self._plan = run, plan
        self._stream = StreamMap(run)
        self._unk_id = load_once(load_vocabulary, TOKENIZER.path(run, "tokenizer.model")).unk_id

    def mask(self) -> list[str]:
        """Mask all of them, with the records beside them; gives the names of the stream's shards."""
        for (source, unit), shards in self._shards().items():
            names = [name for shard, ranges in shards.items() for name in self._mask_shard(source, shard, ranges)]
            self._follow(TOKENIZE, source, unit, names)
        ranges = self._landed()
        names = [str(self._stream.record["shards"][number]["name"]) for number in ranges]
        for name, held in zip(names, ranges.values(), strict=True):
            mask(self._run.output, f"{STREAM}/{name}", held, self._unk_id, self._stream.dtype)
            self._follow(MIX, WHOLE_RUN, name, [f"{STREAM}/{name}"])
        self._write_stream_record(names)
        return names

    def _shards(self) -> dict[tuple[str, str], dict[str, Ranges]]:
        """By source and unit, of each token shard the ids to mask."""
        found: dict[tuple[str, str], dict[str, Ranges]] = defaultdict(lambda: defaultdict(list))
        for document, piece in self._pieces():
            if piece["tokens"]:
                shard = piece["shard"].partition("/")[2]
                found[document["source"], document["unit"]][shard].append((piece["start"], piece["tokens"]))
        return found

    def _pieces(self) -> Iterator[tuple[Any, Any]]:
        yield from ((document, piece) for document in self._plan["documents"] for piece in document["tokens"])

    def _mask_shard(self, source: str, shard: str, ranges: Ranges) -> tuple[str, str]:
        output, ids = self._run.output, f"tokens/{source}/{shard}.bin"
        mask(output, ids, ranges, self._unk_id, self._stream.dtype)
        record = output.read_json(f"tokens/{source}/{shard}.json") or {}
        now = asdict(Output(output.size(ids) or 0, output.digest(ids)))
        if record["files"][f"{shard}.bin"] != now:
            record["files"][f"{shard}.bin"] = now
            output.write_text(f"tokens/{source}/{shard}.json", json.dumps(record, indent=1, sort_keys=True) + "\n")
        return ids, f"tokens/{source}/{shard}.json"

    def _landed(self) -> dict[int, Ranges]:
        """By number of the stream's shard the ids to mask. A place is of one sequence, so of one shard."""
        found: dict[int, Ranges] = defaultdict(list)
        for _, piece in self._pieces():
            for place in piece["stream"]:
                number, first = self._stream.shard_of(place["stream_token"])
                found[number].append((first, place["tokens"]))
        return dict(sorted(found.items()))

    def _follow(self, stage: str, source: str, unit: str, names: Sequence[str]) -> None:
        output = self._run.output
        entry = read_entry(output, stage, source, unit)
        if entry is not None:
            outputs = dict(entry.outputs) | {name: followed(output, name, entry.outputs[name]) for name in names}
            if outputs != dict(entry.outputs):
                output.write_json(entry.name, replace(entry, outputs=outputs).to_json())

    def _write_stream_record(self, names: Sequence[str]) -> None:
        """`stream.json` says what the shards are now. Its own digest stays: to training it is the same stream."""
        output, where = self._run.output, f"{STREAM}/{RECORD_NAME}"
        record = dict(self._stream.record)
        record["shards"] = [shard | self._now(shard) if shard["name"] in names else shard for shard in record["shards"]]
        if record != self._stream.record:
            output.write_json(where, record)
        self._follow(MIX, WHOLE_RUN, STREAM, [where])

    def _now(self, shard: Any) -> dict[str, Any]:
        digest = self._run.output.digest(f"{STREAM}/{shard['name']}")
        return {"digest": digest, "made": shard.get("made", shard["digest"])}
