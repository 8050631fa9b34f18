"""What done records say lies among token shards and in the stream, and whether it does: no more, no less."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixtures.shards import SIDECARS
from mixtures.stream import RECORD_NAME, shard_name
from mixtures.token_format import shard_names
from pipeline.ledger import WHOLE_RUN, LedgerEntry, read_entry
from pipeline.run import Run
from pipeline.stage_names import MIX, TOKENIZE
from pipeline.verify_faults import Fault
from pipeline.verify_stream import STREAM

TOKENS = "tokens"


@dataclass(slots=True, kw_only=True)
class Records:
    """What `tokenize` and `mix` recorded: the files by name, and counts by source."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def shards(self, source: str) -> list[str]:
        """Names of the source's token shards, in order."""
        start = f"{TOKENS}/{source}/"
        return shard_names(name.removeprefix(start) for name in self.files if name.startswith(start))

    def shard_files(self, source: str, shard: str) -> dict[str, dict[str, Any]]:
        """The files of one token shard, by name below the output folder."""
        names = [f"{TOKENS}/{source}/{shard}{suffix}" for suffix in (".bin", *SIDECARS)]
        return {name: self.files[name] for name in names if name in self.files}


def read_records(run: Run) -> Records:
    """The done records of `tokenize` and `mix`; what cannot be read is a fault."""
    found, run = Records(), run.listed()
    for source in run.recipe.sources:
        found.tokens[source] = found.documents[source] = 0
        for file in run.output.list(f"ledger/{TOKENIZE}/{source}"):
            entry = _entry(run, found, TOKENIZE, source, file)
            if entry:
                found.tokens[source] += entry.tokens
                found.documents[source] += entry.documents_kept
    for file in run.output.list(f"ledger/{MIX}/{WHOLE_RUN}"):
        _entry(run, found, MIX, WHOLE_RUN, file)
    return found


def _entry(run: Run, found: Records, stage: str, source: str, file: str) -> LedgerEntry | None:
    where = f"ledger/{stage}/{source}/{file}"
    try:
        entry = read_entry(run.output, stage, source, file.removesuffix(".json"))
    except RecursionError:
        entry = None
    whole = entry is not None and all(
        isinstance(said, Mapping) and isinstance(said.get("bytes"), int) and isinstance(said.get("digest"), str)
        for said in entry.outputs.values()
    )
    if entry is None or not whole:
        found.faults.append(Fault(name="record_missing", where=where, detail="it is no done record"))
        return None
    found.files |= {name: dict(said) for name, said in entry.outputs.items()}
    return entry


def listing_faults(run: Run, records: Records) -> Iterator[Fault]:
    """Files that are there and should not be, and sources without any. What is missing is told shard by shard."""
    for source in sorted({*run.output.list(TOKENS), *run.recipe.sources}):
        for file in run.output.list(f"{TOKENS}/{source}"):
            yield from _unknown(f"{TOKENS}/{source}/{file}", records)
        if source in run.recipe.sources and not records.shards(source):
            yield Fault(name="source_missing", where=f"{TOKENS}/{source}", detail="it has no token shard")
    for file in run.output.list(STREAM):
        yield from _unknown(f"{STREAM}/{file}", records)


def _unknown(name: str, records: Records) -> Iterator[Fault]:
    if name not in records.files:
        yield Fault(name="file_unknown", where=name, detail="no done record names it")


def stream_entry_faults(shards: int, records: Records) -> Iterator[Fault]:
    """Stream shards that the plan has, and no done record."""
    for name in [RECORD_NAME, *(shard_name(index) for index in range(shards))]:
        if f"{STREAM}/{name}" not in records.files:
            yield Fault(name="record_missing", where=f"{STREAM}/{name}", detail="no done record of mix names it")


def count_faults(records: Records, found: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Documents and tokens that `tokenize` recorded of each source against those that its shards hold."""
    for source in records.tokens:
        shards = [shard for shard in found if shard["source"] == source]
        said = (records.documents[source], records.tokens[source])
        there = (sum(shard["documents"] for shard in shards), sum(shard["tokens"] for shard in shards))
        if said != there:
            detail = f"{said[0]} documents and {said[1]} tokens, its shards hold {there[0]} and {there[1]}"
            yield Fault(name="ledger_differs", where=f"ledger/{TOKENIZE}/{source}", detail=detail)
