"""What was counted: tokens of each source against its budget and LLaMA's Table 1, how often each block is read, and
how far each source strays from its share at any position and over any stretch."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from mixtures.llama1 import TABLE
from mixtures.mixture import Ratios
from mixtures.plan import Phase
from pipeline.mix import MixPlan
from pipeline.verify_faults import Fault
from pipeline.verify_stream import WHERE, StreamProof

LLAMA1 = {row.source: row for row in TABLE}
ROUNDING = 2e-6
"""What was counted is rounded to a millionth, before it is held against what was promised."""


def promised_drift(phase: Phase) -> tuple[float, float]:
    """Within how many sequences of its share each source is: at every position, and over any stretch."""
    bound = round(phase.schedule.bound() + ROUNDING, 6)
    return bound, 2 * bound


def count_stream(
    mix: MixPlan, ratios: Sequence[Ratios], proofs: Sequence[StreamProof], reads: Mapping[str, Mapping[int, int]]
) -> dict[str, Any]:
    """The table as a JSON object. `reads` says, by source, how many pieces are read how many times."""
    plan = mix.plan
    phases = [
        _phase_row(plan.names, phase, asked, _of_phase(mix, phase, proofs))
        for phase, asked in zip(plan.phases, ratios, strict=True)
    ]
    got = {name: sum(phase["sources"][name]["tokens"] for phase in phases) for name in plan.names}
    asked_tokens = {name: sum(phase["sources"][name]["asked_tokens"] for phase in phases) for name in plan.names}
    sources = {}
    for number, name in enumerate(plan.names):
        available = plan.blocks[number] * plan.block_tokens
        row = LLAMA1.get(name)
        sources[name] = {
            "asked_percent": round(100 * asked_tokens[name] / plan.tokens, 6),
            "got_percent": round(100 * got[name] / plan.tokens, 6),
            "tokens": got[name],
            "epochs": round(got[name] / available, 6) if available else 0.0,
            "off_sequences": max((phase["sources"][name]["off_sequences"] for phase in phases), key=abs),
            "llama1_percent": round(100 * row.weight, 6) if row else 0.0,
            "llama1_epochs": row.epochs if row else 0.0,
            "blocks_read": {str(times): count for times, count in sorted(reads.get(name, {}).items())},
        }
    return {"tokens": plan.tokens, "sequences": plan.sequences, "sources": sources, "phases": phases}


def _of_phase(mix: MixPlan, phase: Phase, proofs: Sequence[StreamProof]) -> list[StreamProof]:
    return [proof for proof, shard in zip(proofs, mix.stream_shards, strict=True) if shard.phase.first == phase.first]


def _phase_row(names: Sequence[str], phase: Phase, ratios: Ratios, proofs: Sequence[StreamProof]) -> dict[str, Any]:
    rows = {}
    for number, name in enumerate(names):
        asked = Fraction(repr(ratios.weights.get(name, 0.0))) * phase.sequences
        got = sum(proof.proven.get(name, 0) for proof in proofs)
        low, high = _extremes(phase, name, phase.schedule.dealt[number], proofs)
        whole = sum(phase.schedule.dealt)
        rows[name] = {
            "asked_tokens": float(asked * phase.sequence_tokens),
            "tokens": got * phase.sequence_tokens,
            "off_sequences": round(float(got - asked), 6),
            "farthest_at_a_position": round(max(high, -low) / whole, 6),
            "farthest_over_a_stretch": round((high - low) / whole, 6),
        }
    return {
        "first": phase.first,
        "sequences": phase.sequences,
        "sequence_tokens": phase.sequence_tokens,
        "promised_drift": promised_drift(phase),
        "sources": rows,
    }


def _extremes(phase: Phase, name: str, share: int, proofs: Sequence[StreamProof]) -> tuple[int, int]:
    """The lowest and the highest distance of a source from its share at any position of a phase, scaled."""
    whole = sum(phase.schedule.dealt)
    at = low = high = 0
    for proof in proofs:
        sequences, lowest, highest = proof.drift[name]
        low, high = min(low, at + lowest), max(high, at + highest)
        at += sequences * whole - sum(count for count, _, _ in proof.drift.values()) * share
    return low, high


def table_faults(table: Mapping[str, Any], mix: MixPlan, reads: Mapping[str, Mapping[int, int]]) -> Iterator[Fault]:
    """Where what was counted is not what was promised."""
    for phase, planned in zip(table["phases"], mix.plan.phases, strict=True):
        near, far = phase["promised_drift"]
        budget = near + 1 if planned.schedule.is_cut else 1  # A phase that ends early ends anywhere in its order.
        for name, row in phase["sources"].items():
            where = f"{name}, positions {phase['first']} … {phase['first'] + phase['sequences']}"
            one, two = row["farthest_at_a_position"], row["farthest_over_a_stretch"]
            if one > near or two > far:
                detail = f"{where}: {one} sequences from its share at a position, {two} over a stretch"
                yield Fault(name="ratio_drifts", where=WHERE, detail=detail)
            if abs(row["off_sequences"]) >= budget:
                detail = f"{where}: {row['off_sequences']} sequences off its weight"
                yield Fault(name="budget_missed", where=WHERE, detail=detail)
    for name, row in table["sources"].items():
        counted = sum(times * count for times, count in reads.get(name, {}).items()) * read_tokens(mix)
        if counted != row["tokens"]:
            detail = f"{name}: its blocks are read for {counted} tokens, the stream has {row['tokens']}"
            yield Fault(name="reads_differ", where=WHERE, detail=detail)


def read_tokens(mix: MixPlan) -> int:
    """Tokens of what reads are counted in: a block, unless a phase has shorter sequences."""
    return math.gcd(*(phase.piece_tokens for phase in mix.plan.phases))


def sum_reads(found: Sequence[Mapping[str, Any]]) -> dict[str, Counter[int]]:
    """How many pieces of each source are read how many times, over its token shards."""
    sums: dict[str, Counter[int]] = {}
    for shard in found:
        held = sums.setdefault(shard["source"], Counter())
        held.update({int(times): count for times, count in shard["reads"].items()})
    return sums


def table_lines(table: Mapping[str, Any]) -> list[str]:
    """The table for people."""
    head = ("source", "asked %", "got %", "tokens", "epochs", "off by", "Table 1 %", "read 0x 1x 2x 3x …")
    lines = [head]
    for name, row in table["sources"].items():
        times = [row["blocks_read"].get(str(n), 0) for n in range(1 + max(map(int, row["blocks_read"]), default=0))]
        lines.append(
            (
                name,
                f"{row['asked_percent']:.3f}",
                f"{row['got_percent']:.3f}",
                f"{row['tokens']:,}",
                f"{row['epochs']:.3f}",
                f"{row['off_sequences']:+.3f}",
                f"{row['llama1_percent']:.1f}",
                " ".join(f"{count:,}" for count in times),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    last = len(head) - 1
    return [
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
