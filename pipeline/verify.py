"""Command `verify`: recount everything from the token shards and the stream, trusting no record left beside them.

Files of token shards and stream are read once each for what they are, and token shards once more for where their
sequences lie. Workers share the reading (`pipeline/verify_work.py`); here is what comes before it and after.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixtures.stream import shard_name
from mixtures.token_format import TokenFormat
from pipeline.errors import FatalError, FaultsFoundError, SettingError
from pipeline.ledger import WHOLE_RUN, Tally, entry_name
from pipeline.listed import listed
from pipeline.manifest import manifest_faults
from pipeline.mix import MixPlan, plan_mix
from pipeline.models import TOKENIZER
from pipeline.progress import Reporter
from pipeline.run import Run
from pipeline.stage_names import VERIFY
from pipeline.storage import Folder, digest_of, scratch_below
from pipeline.token_shards import token_format
from pipeline.verify_faults import Fault
from pipeline.verify_records import Records, count_faults, listing_faults, read_records, stream_entry_faults
from pipeline.verify_shards import file_faults, read_record
from pipeline.verify_stream import STREAM, WHERE, record_faults, shard_faults
from pipeline.verify_table import count_stream, sum_reads, table_faults, table_lines
from pipeline.verify_work import VerifyWork, list_work
from pipeline.work import WorkList
from tokenizer.vocabulary import Vocabulary

PROOF = "verify.json"
"""What was counted, beside `report.html`; named by the done record."""
FAULTY = "logs/verify.json"
"""The same, with all faults, of a run that has any."""
SEEN = "logs/verified.json"
FAULTS_SAID = 20

Runs = Callable[[VerifyWork], None]
"""What does the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All faults, in the order in which they should be looked at, and what was counted."""

    faults: tuple[Fault, ...]
    table: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The proof as a JSON object."""
        return self.table | {"faults": [fault.to_json() for fault in self.faults]}


def verify(run: Run, do: Runs, reporter: Reporter) -> bool:
    """Bring the proof up to date; whether there was anything to do. Raises FaultsFoundError."""
    record = run.output.read_json(WHERE)
    if record is None and not run.output.list(STREAM):
        raise FatalError("stage verify needs the stream: run `tokenmill mix` first")
    inputs = {WHERE: run.output.digest(WHERE) if record is not None else ""}
    key = run.key(VERIFY, WHOLE_RUN, STREAM, [run.recipe.mixture.model_dump(mode="json"), run.recipe.seed], inputs)
    contradicted = tuple(manifest_faults(run))
    if not contradicted and run.current(VERIFY, WHOLE_RUN, STREAM, key) and _seen(run) == run.output.read_json(SEEN):
        return False
    proof = prove(run, do, reporter)
    if proof.faults:
        run.output.delete(entry_name(VERIFY, WHOLE_RUN, STREAM))
        run.output.delete(PROOF)
        run.output.write_json(FAULTY, proof.to_json())
        _say(reporter, proof)
        said = f"verify found {len(proof.faults)} faults, the first: {proof.faults[0]}"
        raise FaultsFoundError(said, proof.to_json())
    run.output.delete(FAULTY)
    written = run.output.write_json(PROOF, proof.to_json())
    run.record(Tally().entry(VERIFY, WHOLE_RUN, STREAM, key, inputs, {PROOF: written}))
    run.output.write_json(SEEN, _seen(run))
    _say(reporter, proof)
    return True


def _say(reporter: Reporter, proof: Proof) -> None:
    for line in table_lines(proof.table) if proof.table.get("sources") else ():
        reporter.say(f"  {line}")
    for fault in proof.faults[:FAULTS_SAID]:
        reporter.say(f"  {fault}")
    if len(proof.faults) > FAULTS_SAID:
        reporter.say(f"  … and {len(proof.faults) - FAULTS_SAID} faults more: all are in {FAULTY}")
    if not proof.faults:
        reporter.say(
            f"  verify: {proof.table['sequences']:,} sequences, {proof.table['tokens']:,} tokens are as planned"
        )


def _seen(run: Run) -> dict[str, Any]:
    """What the file system says of all files that were read: a rerun reads them again where any has changed."""
    output = listed(run.output)
    sources = [f"tokens/{source}" for source in output.list("tokens")]
    names = [f"{folder}/{name}" for folder in (*sources, STREAM) for name in output.list(folder)]
    models = [f"models/tokenizer/{name}" for name in output.list("models/tokenizer")]
    return {"files": digest_of({name: output.state(name) for name in (*names, *models)})}


def prove(run: Run, do: Runs, reporter: Reporter) -> Proof:
    """Recount everything, and compare it with what recipe, done records and plan say."""
    records = read_records(run)
    faults = [*records.faults, *manifest_faults(run)]
    vocabulary, wrong = _tokenizer(run)
    faults += wrong
    if vocabulary is None:
        return _proof(faults, {})
    form = token_format(vocabulary)
    faults += listing_faults(run, records)
    mix, impossible = _planned(run, records, form, vocabulary)
    faults += impossible
    with scratch_below(run.output) as folder:
        work = _work(run, folder, records, mix, form)
        with reporter.watch(VERIFY, work.total_bytes(), work.bytes_done):
            do(work)
        return _concluded(run, records, mix, work, faults)


def _tokenizer(run: Run) -> tuple[Vocabulary | None, list[Fault]]:
    """The tokenizer, where there is one that can be told documents apart with, and what is wrong with it."""
    where = "models/tokenizer/tokenizer.model"
    try:
        path = Path(TOKENIZER.path(run, "tokenizer.model"))
        vocabulary = Vocabulary(path)
        token_format(vocabulary)
    except (OSError, ValueError, RuntimeError, SettingError) as error:
        return None, [Fault(name="tokenizer_differs", where=where, detail=str(error).split("\n")[0][:300])]
    faults = [Fault(name="tokenizer_differs", where=where, detail=said) for said in vocabulary.faults()]
    if not TOKENIZER.is_external(run.recipe):
        held = run.output.read_json(entry_name(TOKENIZER.stage, WHOLE_RUN, TOKENIZER.name)) or {}
        said = (held.get("outputs") or {}).get(where)
        faults[:0] = (
            [
                Fault(name="tokenizer_differs", where=where, detail=fault.detail)
                for fault in file_faults(run.output, where, said)
            ]
            if said
            else []
        )
    return vocabulary, faults


def _planned(
    run: Run, records: Records, form: TokenFormat, vocabulary: Vocabulary
) -> tuple[MixPlan | None, list[Fault]]:
    """The plan that the recipe and the token shards give."""
    width = form.dtype.itemsize
    shards = {
        source: [
            (name, int(records.files[f"tokens/{source}/{name}.bin"]["bytes"]) // width)
            for name in records.shards(source)
        ]
        for source in run.recipe.sources
    }
    try:
        mix = plan_mix(shards, run.recipe, vocabulary_size=vocabulary.size, tokenizer_digest=vocabulary.digest)
    except FatalError as error:
        return None, [Fault(name="plan_impossible", where="tokens", detail=str(error))]
    return mix, list(stream_entry_faults(len(mix.stream_shards), records))


def _work(run: Run, folder: Folder, records: Records, mix: MixPlan | None, form: TokenFormat) -> VerifyWork:
    shards = [
        {
            "source": source,
            "unit": unit,
            "name": f"tokens/{source}/{name}",
            "bytes": int(records.files[f"tokens/{source}/{name}.bin"]["bytes"]),
            "files": records.shard_files(source, name),
        }
        for source in run.recipe.sources
        for unit, name in enumerate(records.shards(source))
    ]
    documents = sum(records.documents.values())
    return VerifyWork(run, list_work(WorkList(folder, "verify-work.json"), shards, mix, form, documents))


def _concluded(run: Run, records: Records, mix: MixPlan | None, work: VerifyWork, faults: list[Fault]) -> Proof:
    shards = work.found_of_shards()
    faults += [Fault(**fault) for shard in shards for fault in shard["faults"]]
    shard_names = [shard["name"] for shard in work.work_list.read()["shards"]]
    for found in work.found_of_documents():
        faults += [
            Fault(
                name="document_twice",
                where=f"{shard_names[other]}.documents.parquet",
                detail=f"a doc_id of it is one of {shard_names[one]} too ({found['count']} such in all)",
            )
            for one, other in found["pairs"]
        ]
    if not faults:
        faults += count_faults(records, shards)
    counted = {
        "token_shards": len(shards),
        "documents": sum(shard["documents"] for shard in shards),
        "source_tokens": sum(shard["tokens"] for shard in shards),
    }
    if mix is None:
        return _proof(faults, counted)
    proofs = work.found_of_stream()
    record = read_record(run.output, WHERE)
    names = [f"{STREAM}/{shard_name(index)}" for index in range(len(proofs))]
    there = [{"bytes": proof.size, "digest": proof.digest} for proof in proofs]
    # A file that is not as recorded is told of itself; `stream.json` is to say what was recorded.
    written = [records.files.get(name, found) for name, found in zip(names, there, strict=True)]
    if WHERE in records.files:
        faults += file_faults(run.output, WHERE, records.files[WHERE])
    if record is None and run.output.size(WHERE) is not None:
        faults.append(Fault(name="stream_unreadable", where=WHERE, detail="it is no JSON object"))
    other = list(record_faults(record, mix, written)) if record is not None else []
    faults += other
    if not any(fault.name in ("plan_differs", "tokens_differ") for fault in other) or _is_spoilt(run, records):
        # Where the stream was mixed by another plan, every sequence would differ: the plan is the fault.
        faults += shard_faults(mix, proofs, records.files)
    reads = sum_reads(shards)
    table = count_stream(mix, run.recipe.phases, proofs, reads)
    if not faults:
        unknown = sum(proof.unknown for proof in proofs)
        if unknown:
            faults.append(Fault(name="plan_not_whole", where=WHERE, detail=f"{unknown} pieces have no source"))
        faults += table_faults(table, mix, reads)
    return _proof(faults, table | counted)


def _is_spoilt(run: Run, records: Records) -> bool:
    """Whether `stream.json` is not what `mix` wrote, so that what it says of the plan says nothing of the shards."""
    said = records.files.get(WHERE)
    return said is None or any(file_faults(run.output, WHERE, said))


def _proof(faults: list[Fault], table: dict[str, Any]) -> Proof:
    kept = dict.fromkeys(faults)
    return Proof(faults=tuple(kept), table=json.loads(json.dumps(table)))
