"""What a whole CommonCrawl dump costs, computed from measured claims: processor hours, bytes shuffled, memory."""

from collections.abc import Iterable
from typing import Any

from benchmarks.page import results_of

DUMP = "CC-MAIN-2019-09"
DUMP_FILES = 64_000
DUMP_TEXT_BYTES = 24e12
"""2.9 billion pages in 7.62 TiB of WET files (CommonCrawl's announcement), 24 TB of text (Wenzek et al. 2019)."""
CCNET_PROCESSOR_HOURS = 9 * 5000
"""Wenzek et al. 2019, section 4: nine hours on 5000 cores."""

CHAIN, MEMORY, SHUFFLE = "commoncrawl-chain", "growth-memory", "shuffle-bytes"
START, END = "<!-- cost: from the benchmarks -->", "<!-- end of cost -->"


def cost_section(lines: Iterable[str]) -> str:
    """The section on cost of docs/commoncrawl.md. Raises ValueError where a claim that it follows from is missing."""
    found = {row["name"]: row for row in results_of(lines)}
    missing = [name for name in (CHAIN, SHUFFLE, MEMORY) if name not in found]
    if missing:
        raise ValueError(f"the cost of a dump follows from {', '.join(missing)}, which the results do not have")
    chain, shuffle, memory = found[CHAIN], found[SHUFFLE], found[MEMORY]
    rows = [
        "| | Tokenmill | |",
        "|---|--:|---|",
        f"| processor hours | {_hours(chain['ours']):,.0f} | {chain['ours']:g} MB of text a second and core"
        f" (`{CHAIN}`); the libraries called one document at a time: {_hours(chain['reference']):,.0f} |",
        f"| bytes through the shuffle | {_shuffled(shuffle) / 1e12:.1f} TB | keys of lines; the text itself would be"
        f" {DUMP_TEXT_BYTES / 1e12:.0f} TB (`{SHUFFLE}`) |",
        f"| memory of a worker | {memory['ours']:,.0f} MB | on a unit of {memory['input_bytes'] / 1e6:.0f} MB of text,"
        f" {memory['reference']:,.0f} MB on a sixteenth of it (`{MEMORY}`) |",
    ]
    closing = (
        f"For {DUMP}: {DUMP_FILES:,} WET files, {DUMP_TEXT_BYTES / 1e12:.0f} TB of text. From gzipped WET to documents"
        " with language and perplexity, rejected documents and ledger written. CCNet's authors report"
        f" {CCNET_PROCESSOR_HOURS:,} processor hours for it. Measured on {chain['machine']}."
    )
    return "\n".join([START, *rows, "", closing, END])


def _hours(megabytes_a_second: float) -> float:
    return DUMP_TEXT_BYTES / (megabytes_a_second * 1e6) / 3600


def _shuffled(row: dict[str, Any]) -> float:
    return float(DUMP_TEXT_BYTES * row["ours"] / row["reference"])
