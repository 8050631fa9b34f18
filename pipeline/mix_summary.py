"""What a stream's plan says for people: of each source its sequences, tokens, share and epochs, from its record."""

from collections.abc import Iterator, Mapping
from typing import Any

from mixtures.llama1 import TABLE
from mixtures.mixture import asked_shares

_TABLE_1 = {row.source: row.weight for row in TABLE}
_TIMES = {1: "once", 2: "twice"}


def mix_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """A line for the stream, one for each source, and one for each phase where there are several."""
    phases = record["phases"]
    yield f"mix: {record['sequences']:,} sequences, {record['tokens']:,} tokens"
    asked = asked_shares([(phase["sequences"] * phase["sequence_tokens"], phase["weights"]) for phase in phases])
    for source, figures in record["sources"].items():
        share = figures["tokens"] / record["tokens"]
        paper = f", Table 1 {_TABLE_1[source]:.1%}" if source in _TABLE_1 else ""
        counts = f"{figures['sequences']:,} sequences, {figures['tokens']:,} tokens"
        wanted = f"{share:.3%} (asked {asked.get(source, 0):.3%}{paper})"
        yield f"  {source}: {counts}, {wanted}, {said_epochs(figures)}"
    first = 0
    for phase in phases if len(phases) > 1 else ():
        shares = ", ".join(f"{source} {count:,}" for source, count in phase["shares"].items() if count)
        yield f"  from sequence {first:,}: {phase['sequences']:,} of {phase['sequence_tokens']:,} tokens: {shares}"
        first += phase["sequences"]


def said_epochs(figures: Mapping[str, Any]) -> str:
    """`2.45 epochs: 55 blocks twice, 45 blocks 3 times`; a block is what an epoch shuffles."""
    return f"{figures['epochs']:.2f} epochs: {said_readings(figures['readings'])}"


def said_readings(readings: Mapping[str, int]) -> str:
    """How many blocks the stream has how often."""
    return ", ".join(f"{count:,} blocks {_said_times(int(times))}" for times, count in readings.items())


def _said_times(times: int) -> str:
    return _TIMES.get(times, f"{times} times") if times else "not at all"
