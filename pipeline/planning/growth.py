"""How much less of a source deduplication leaves when there is more of it: judged on halves of the sample.

What two documents share is found the oftener the more documents there are. The share of text that a stage keeps is
taken to fall as a power of the number of documents, as vocabularies grow (Heaps 1978); the exponent is how much less
the whole sample keeps than its halves do. Far beyond the sample that is a guess, and shown as one: the upper end of the
estimate is that no more is found than in the sample.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from filters.batch import text_bytes
from pipeline.corpora.registry import document_stages
from pipeline.group_stages import GROUP_STAGES, documents_of, group_rounds, witnesses
from pipeline.ledger import read_entry
from pipeline.planning.estimate import Estimate
from pipeline.rounds import LookAgain, Rounds
from pipeline.run import Run
from pipeline.stage_names import DEDUP
from pipeline.storage import read_batches

Read = Callable[[int], Iterator[pa.RecordBatch]]
"""`read(unit)` gives a unit's documents anew."""


def growth_of(run: Run, source: str, times: float) -> dict[str, Estimate]:
    """For each group stage of a source, the share of what the sample keeps that is kept of `times` as much."""
    found = {}
    for stage in document_stages(run.recipe, source):
        if stage in GROUP_STAGES:
            entries = [read_entry(run.output, stage, source, unit.name) for unit in run.units(source)]
            came = sum(entry.bytes_in for entry in entries if entry)
            kept = sum(entry.bytes_kept for entry in entries if entry)
            more = min(times, _block_times(run, source)) if (stage, source) == (DEDUP, "commoncrawl") else times
            if not came or kept in (0, came) or more <= 1:
                found[stage] = Estimate.exactly(1.0)
            else:
                found[stage] = fallen(kept / came, kept_of_halves(run, stage, source), more)
    return found


def _block_times(run: Run, source: str) -> float:
    """How many times the sample's units are deduplicated together."""
    return run.recipe.dedup.block_files / max(1, len(run.units(source)))


def fallen(whole: float, halves: Sequence[float], times: float) -> Estimate:
    """What is kept of `times` as many documents, as a share of what is kept of the sample."""
    lost = [max(0.0, math.log2(half / whole)) for half in halves if half > 0 and whole > 0]
    exponent = sum(lost) / len(lost) if lost else 0.0
    return Estimate(times**-exponent, float(times ** (-2 * exponent)), 1.0)


def kept_of_halves(run: Run, stage: str, source: str) -> list[float]:
    """The share of text that the stage keeps of either half of the sample's documents, judged by itself."""
    units, others = run.units(source), witnesses(run, stage, source)

    def reader(half: int) -> Read:
        def read(index: int) -> Iterator[pa.RecordBatch]:
            name = documents_of(run, stage, source, [*units, *others][index])[0]
            batches = read_batches(run.output, name)
            return (in_half(batch, half) if index < len(units) else batch for batch in batches)

        return read

    found = [judged(group_rounds(run, stage, source), reader(half), len(units), len(others)) for half in (0, 1)]
    return [kept / came for came, kept in found if came]


def in_half(batch: pa.RecordBatch, half: int) -> pa.RecordBatch:
    """The documents of either half, by the last digit of their ids."""
    return batch.filter(pa.array([int(doc_id[-1], 16) % 2 == half for doc_id in batch.column("doc_id").to_pylist()]))


def judged(rounds: Rounds, read: Read, units: int, others: int = 0) -> tuple[int, int]:
    """(bytes of text in, bytes kept) of units that are judged together, in this process and without an engine."""
    sent: dict[int, list[bytes]] = {}
    for index in range(units + others):
        for key, block in rounds.sketch(index, read(index)):
            sent.setdefault(key, []).append(block)
    for judge in rounds.judges:
        answered: dict[int, list[bytes]] = {}
        for partition in sorted(sent):
            blocks = sent.pop(partition)
            if isinstance(judge, LookAgain):
                told = judge.judge(partition, blocks, read(partition))
            else:
                told = judge(partition, blocks)
            for key, block in told:
                answered.setdefault(key, []).append(block)
        sent = answered
    came = kept = 0
    for index in range(units):
        filters = rounds.filters(sent.get(index, []))
        for batch in read(index):
            came += text_bytes(batch)
            left = batch
            for rule in filters:
                result = rule.apply(left)
                left = result.batch.filter(result.reason.is_null())
            kept += text_bytes(left)
    return came, kept
