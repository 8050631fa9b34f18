"""LLaMA-1's mixture, Table 1 of Touvron et al. 2023, as data."""

from dataclasses import dataclass

TOTAL_TOKENS = 1_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: sampling weight, epochs over 1.4T tokens, and size on disk; the rest follows."""

    source: str
    weight: float
    epochs: float
    disk_bytes: int

    @property
    def sampled_tokens(self) -> float:
        """Tokens of the source that training reads, repeats included."""
        return self.weight * TOTAL_TOKENS

    @property
    def unique_tokens(self) -> float:
        """Tokens of the source that there are."""
        return self.sampled_tokens / self.epochs

    @property
    def bytes_per_token(self) -> float:
        """Bytes on disk for each token of it."""
        return self.disk_bytes / self.unique_tokens


TABLE = (
    Row(source="commoncrawl", weight=0.67, epochs=1.10, disk_bytes=3_300 * 10**9),
    Row(source="c4", weight=0.15, epochs=1.06, disk_bytes=783 * 10**9),
    Row(source="github", weight=0.045, epochs=0.64, disk_bytes=328 * 10**9),
    Row(source="wikipedia", weight=0.045, epochs=2.45, disk_bytes=83 * 10**9),
    Row(source="books", weight=0.045, epochs=2.23, disk_bytes=85 * 10**9),
    Row(source="arxiv", weight=0.025, epochs=1.06, disk_bytes=92 * 10**9),
    Row(source="stackexchange", weight=0.02, epochs=1.03, disk_bytes=78 * 10**9),
)
