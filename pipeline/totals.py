"""The ledger summed by source and stage: what the progress lines, `--json` and the report tell of."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.ledger import LedgerEntry

SUMS = (
    *("documents_in", "documents_kept", "documents_failed", "bytes_in", "bytes_kept", "bytes_failed"),
    *("bytes_trimmed", "tokens"),
)
"""The figures of an entry that are added up as they are."""


@dataclass(slots=True, kw_only=True)
class StageTotals:
    """What happened to a source's documents at a stage, over all its units."""

    source: str
    stage: str
    units: int = 0
    documents_in: int = 0
    documents_kept: int = 0
    documents_failed: int = 0
    bytes_in: int = 0
    bytes_kept: int = 0
    bytes_failed: int = 0
    bytes_trimmed: int = 0
    tokens: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_bytes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, entry: LedgerEntry) -> None:
        """One more unit."""
        self.units += 1
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(entry, name))
        for kind, item in entry.rejected.items():
            self.rejected[kind] += item["documents"]
            self.rejected_bytes[kind] += item["bytes"]
        self.failed.update(entry.failed)
        self.counts.update(entry.counts)

    @property
    def documents_rejected(self) -> int:
        """Documents that filters rejected, for whatever reason."""
        return self.rejected.total()

    @property
    def balances(self) -> bool:
        """Whether nothing vanished: in = kept + rejected + failed, for documents and (with what was trimmed) bytes."""
        documents = self.documents_kept + self.documents_rejected + self.documents_failed
        held = self.bytes_kept + self.rejected_bytes.total() + self.bytes_failed + self.bytes_trimmed
        return self.documents_in == documents and self.bytes_in == held


def sum_stages(entries: Iterable[LedgerEntry], chains: Mapping[str, tuple[str, ...]]) -> list[StageTotals]:
    """The entries summed by source and stage, in the order in which the pipeline goes through them."""
    sums: dict[tuple[str, str], StageTotals] = {}
    for entry in entries:
        key = (entry.source, entry.stage)
        sums.setdefault(key, StageTotals(source=entry.source, stage=entry.stage)).add(entry)
    sources = list(chains)

    def place(totals: StageTotals) -> tuple[int, str, int, str]:
        chain = chains.get(totals.source, ())
        source = sources.index(totals.source) if totals.source in sources else len(sources)
        stage = chain.index(totals.stage) if totals.stage in chain else len(chain)
        return source, totals.source, stage, totals.stage

    return sorted(sums.values(), key=place)
