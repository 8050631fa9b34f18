"""The ledger: what happened to every document of every unit, and the proof that nothing vanished.

For each unit, stage and source: documents in = kept + rejected by reason + failed; bytes likewise, with the bytes
that cleaning took out of (or added to) documents as a term of their own. An entry is also the unit's done record.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from filters.batch import text_bytes
from pipeline.listed import listed
from pipeline.storage import Folder, Output

WHOLE_RUN = "models"
"""The "source" of entries that are about models and streams, not documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one stage did to one unit. `key` says from which inputs, settings and version it follows."""

    stage: str
    """The stage's name."""
    source: str
    """The source; `models` for what is made of all."""
    unit: str
    """The unit: a raw file, or a part of one; else a model's or file's name."""
    key: str
    """A digest of inputs, settings and the rules' code: the entry is out of date where it differs."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The digest of each file that was read."""
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Bytes and digest of each file that was written."""
    documents_in: int = 0
    """Documents that came in, quarantined records among them."""
    documents_kept: int = 0
    """Documents that left the stage."""
    documents_failed: int = 0
    """Records that could not be read, and are quarantined."""
    bytes_in: int = 0
    """Bytes of text of what came in; of a quarantined record its raw bytes."""
    bytes_kept: int = 0
    """Bytes of text of what left."""
    bytes_failed: int = 0
    """Raw bytes of what was quarantined."""
    bytes_trimmed: int = 0
    """Bytes that rules took out of texts that stayed, less those that they added."""
    rejected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Documents and bytes that were rejected, by `FILTER:REASON`."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Records that were quarantined, by reason."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What filters counted, by `FILTER.COUNTER`; of a stage that only looks, by its counters."""
    tokens: int = 0
    """Tokens that were written."""
    taken_down: Mapping[str, int] = field(default_factory=dict)
    """Of `bytes_in` and `bytes_kept`, how many a takedown has blanked since; all other figures tell of before."""

    @property
    def name(self) -> str:
        """Where the entry lies below the output folder."""
        return entry_name(self.stage, self.source, self.unit)

    def faults(self) -> Iterator[str]:
        """Each way in which the entry does not balance, as a sentence."""
        where = f"{self.stage}/{self.source}/{self.unit}"
        rejected = sum(item["documents"] for item in self.rejected.values())
        if self.documents_in != self.documents_kept + rejected + self.documents_failed:
            yield (
                f"{where}: {self.documents_in} documents in, but {self.documents_kept} kept + {rejected} rejected"
                f" + {self.documents_failed} failed"
            )
        rejected_bytes = sum(item["bytes"] for item in self.rejected.values())
        if self.bytes_in != self.bytes_kept + rejected_bytes + self.bytes_failed + self.bytes_trimmed:
            yield (
                f"{where}: {self.bytes_in} bytes in, but {self.bytes_kept} kept + {rejected_bytes} rejected"
                f" + {self.bytes_failed} failed + {self.bytes_trimmed} trimmed"
            )
        if sum(self.failed.values()) != self.documents_failed:
            yield f"{where}: {self.documents_failed} failed, but their reasons count {sum(self.failed.values())}"

    def to_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LedgerEntry":
        """The entry of a JSON object; raises TypeError on another version's."""
        return cls(**value)


def as_made(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Bytes and digests of outputs as their stage made them, which is what keys go by.

    A takedown blanks text in a finished file. Nothing is to be done again for that, so the output keeps, as `made`,
    what it was before; what other outputs follow from is still that.
    """
    return {name: output.get("made", output) for name, output in outputs.items()}


class Tally:
    """Counts a unit's documents while it is processed."""

    def __init__(self) -> None:
        self.documents_in = self.documents_kept = self.documents_failed = 0
        self.bytes_in = self.bytes_kept = self.bytes_failed = self.bytes_trimmed = 0
        self.rejected: dict[str, dict[str, int]] = {}
        self.failed: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.tokens = 0

    def enter(self, batch: pa.RecordBatch) -> None:
        """Documents that come in."""
        self.documents_in += batch.num_rows
        self.bytes_in += text_bytes(batch)

    def keep(self, batch: pa.RecordBatch) -> None:
        """Documents that leave the stage."""
        self.documents_kept += batch.num_rows
        self.bytes_kept += text_bytes(batch)

    def reject(self, filter_name: str, reason: str, documents: int, size: int) -> None:
        """Documents that a filter rejects, `size` bytes of text in all."""
        held = self.rejected.setdefault(f"{filter_name}:{reason}", {"documents": 0, "bytes": 0})
        held["documents"] += documents
        held["bytes"] += size

    def fail(self, reason: str, size: int) -> None:
        """A record that could not be read; it came in too."""
        self.documents_in += 1
        self.documents_failed += 1
        self.bytes_in += size
        self.bytes_failed += size
        self.failed[reason] += 1

    def entry(
        self, stage: str, source: str, unit: str, key: str, inputs: Mapping[str, str], outputs: Mapping[str, Output]
    ) -> LedgerEntry:
        """The finished entry."""
        return LedgerEntry(
            stage=stage,
            source=source,
            unit=unit,
            key=key,
            inputs=dict(inputs),
            outputs={name: asdict(output) for name, output in sorted(outputs.items())},
            documents_in=self.documents_in,
            documents_kept=self.documents_kept,
            documents_failed=self.documents_failed,
            bytes_in=self.bytes_in,
            bytes_kept=self.bytes_kept,
            bytes_failed=self.bytes_failed,
            bytes_trimmed=self.bytes_trimmed,
            rejected=self.rejected,
            failed=dict(self.failed),
            counts=dict(self.counts),
            tokens=self.tokens,
        )


def entry_name(stage: str, source: str, unit: str) -> str:
    """Where the entry of a stage, source and unit lies below the output folder."""
    return f"ledger/{stage}/{source}/{unit}.json"


def read_entry(output: Folder, stage: str, source: str, unit: str) -> LedgerEntry | None:
    """The unit's done record, None where there is none or it is not whole."""
    value = output.read_json(entry_name(stage, source, unit))
    if value is None:
        return None
    try:
        return LedgerEntry.from_json(value)
    except TypeError:  # Written by a version with other fields: as good as absent, the unit is done again.
        return None


def read_ledger(output: Folder) -> list[LedgerEntry]:
    """All entries below the output folder, by stage, source and unit."""
    output = listed(output)
    found = (
        read_entry(output, stage, source, name.removesuffix(".json"))
        for stage in output.list("ledger")
        for source in output.list(f"ledger/{stage}")
        for name in output.list(f"ledger/{stage}/{source}")
        if name.endswith(".json")
    )
    return [entry for entry in found if entry is not None]


def chain_faults(entries: Iterable[LedgerEntry], chains: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Where a stage did not get all that the stage before it kept, unit by unit."""
    found = {(entry.stage, entry.source, entry.unit): entry for entry in entries}
    for (stage, source, unit), entry in sorted(found.items()):
        chain = chains.get(source, ())
        if stage not in chain or chain.index(stage) == 0:
            continue
        before = chain[chain.index(stage) - 1]
        previous = found.get((before, source, unit))
        kept = (previous.documents_kept, _left(previous, "bytes_kept")) if previous else (0, 0)
        came = entry.documents_in, _left(entry, "bytes_in")
        if kept != came:
            yield (
                f"{stage}/{source}/{unit}: {came[0]} documents and {came[1]} bytes in, but {before}"
                f" kept {kept[0]} documents and {kept[1]} bytes"
            )


def _left(entry: LedgerEntry, figure: str) -> int:
    """A figure less what a takedown has blanked: a stage that is done again after it finds no more."""
    return int(getattr(entry, figure)) - entry.taken_down.get(figure, 0)
