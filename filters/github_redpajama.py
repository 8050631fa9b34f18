"""GitHub as RedPajama v1 made it, bug for bug, to compare with. What was meant is in `filters/github.py`."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, first_reason, reasons, texts, with_column
from filters.code_counts import CHARS, LINES, LONGEST_LINE, alphanumeric_counts, line_counts
from filters.github import LEFT_OUT, LINK_MARK

_LICENSE_PREFIXES = "mit", "bsd", "apache"
_LICENSE = re.compile(r"[\w.+-]+")
_BLOCK_COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
_COPYRIGHT = re.compile("copyright", re.IGNORECASE)
_HEADER_LINES = "//", "#", "--"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedPajamaFile:
    """Keeps files under the key of a wanted licence, with content, whose path ends in one of the endings.

    Source: RedPajama v1, data_prep/github: the query (keys that begin with `mit`, `bsd`, `apache`; content not null),
        github_clean_dedup_local.py (no `.crt`, no `LICENSE` in the root), github_run_filter.py (the endings).
    Differs: `max_file_bytes` is ours; BigQuery gives no content above 1 MiB. A link's target stays, as any text.
    Reads license, path, text. Rewrites text. Rejects: license_not_permitted, license_text, certificate,
        extension_not_kept, binary, file_too_large. Counts: nothing.
    """

    name: ClassVar[str] = "redpajama_file"
    reasons: ClassVar[tuple[str, ...]] = (
        "license_not_permitted",
        "license_text",
        "certificate",
        "extension_not_kept",
        "binary",
        "file_too_large",
    )
    extensions: tuple[str, ...]
    file_names: tuple[str, ...]
    max_file_bytes: int

    def __post_init__(self) -> None:
        if self.max_file_bytes < 1:
            raise ValueError(f"max_file_bytes must be at least 1, got {self.max_file_bytes}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        endings = (*(f".{extension}" for extension in self.extensions), *self.file_names)
        licenses, paths = batch.column("license").to_pylist(), batch.column("path").to_pylist()
        batch = with_column(batch, "text", [text.removeprefix(LINK_MARK) for text in texts(batch)])
        column = batch.column("text")
        found = first_reason(
            license_not_permitted=[not _is_wanted(license) for license in licenses],
            license_text=[path == "LICENSE" for path in paths],
            certificate=[(path or "").endswith(".crt") for path in paths],
            extension_not_kept=[not (path or "").endswith(endings) for path in paths],
            binary=pc.equal(column, LEFT_OUT),
            file_too_large=pc.greater(pc.binary_length(column), self.max_file_bytes),
        )
        return FilterResult(batch, found, {})


def _is_wanted(license: str | None) -> bool:
    return any(key.startswith(_LICENSE_PREFIXES) for key in _LICENSE.findall((license or "").lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedPajamaHeader:
    """Cuts the first block comment if it says "copyright"; of a text without any, all leading comments and blank lines.

    Source: RedPajama v1, data_prep/github/github_clean_dedup_local.py, clean_copyright_comments.
    Differs: not at all. Kept on purpose: the comment is looked for in the whole file; shebangs, `#include`, `#pragma`,
        encoding lines and Markdown titles count as comments; any block comment keeps the `//` header above it.
    Reads text. Rewrites text. Rejects nothing. Counts: headers_removed.
    """

    name: ClassVar[str] = "redpajama_header"
    reasons: ClassVar[tuple[str, ...]] = ()

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null for each."""
        before = texts(batch)
        after = [redpajama_header_removed(text) for text in before]
        counts = {"headers_removed": sum(old != new for old, new in zip(before, after, strict=True))}
        return FilterResult(with_column(batch, "text", after), reasons([None] * len(after)), counts)


def redpajama_header_removed(text: str) -> str:
    """The text as RedPajama's header removal leaves it."""
    comment = _BLOCK_COMMENT.search(text)
    if comment is not None:
        return text[: comment.start()] + text[comment.end() :] if _COPYRIGHT.search(comment[0]) else text
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        if end < 0:
            return "" if text.startswith(_HEADER_LINES, at) else text[at:]
        if end > at and not text.startswith(_HEADER_LINES, at):
            break
        at = end + 1
    return text[at:]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedPajamaStatistics:
    """Rejects files by the statistics of what the header removal left.

    Source: RedPajama v1, data_prep/github: get_filecontent_stats, discard_record.
    Differs: its last test, letters for each token of Pythia's tokenizer, is left out. Kept on purpose: lines end where
        Python's `splitlines` ends them (form feeds, U+2028), and their terminators count in the mean.
    Reads text. Rewrites nothing. Rejects: empty_text, line_too_long, mean_line_too_long, too_few_alphanumeric.
        Counts: nothing.
    """

    name: ClassVar[str] = "redpajama_statistics"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text", "line_too_long", "mean_line_too_long", "too_few_alphanumeric")
    max_line_chars: int = 1000
    max_mean_line_chars: int = 100
    min_alphanumeric_fraction: float = 0.25

    def __post_init__(self) -> None:
        for name in ("max_line_chars", "max_mean_line_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.min_alphanumeric_fraction <= 1:
            raise ValueError(f"min_alphanumeric_fraction must be from 0 to 1, got {self.min_alphanumeric_fraction}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        column = batch.column("text")
        counts = line_counts(column, split_as_python=True)
        chars = counts[:, CHARS]
        found = first_reason(
            empty_text=chars == 0,
            line_too_long=counts[:, LONGEST_LINE] > self.max_line_chars,
            mean_line_too_long=chars > self.max_mean_line_chars * counts[:, LINES],
            too_few_alphanumeric=alphanumeric_counts(column) < self.min_alphanumeric_fraction * chars,
        )
        return FilterResult(batch, found, {})
