"""GitHub: permitted licences, files that are code, and no data in code's clothing."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, first_reason, heads, reasons, texts, with_column
from filters.code_counts import LINE_CHARS, LINES, LONGEST_LINE, alphanumeric_counts, line_counts
from filters.license_headers import strip_license_header
from filters.licenses import MAX_HEADER_CHARS, is_permitted, license_of_boilerplate, license_of_notice, spdx_expression

_REPLACEMENT = "\ufffd"
MAX_REPLACED_FRACTION = 0.01
LEFT_OUT = "\0"
"""What the reader gives for content that BigQuery leaves out; `ReadableText` rejects it as binary."""

LINK_MARK = "\0-> "
"""What the reader sets before the target of a link, which is a name and no text of its own."""

_LICENSE_TEXT = re.compile(
    r"(?:(?:un)?licen[sc]es?|copying|copyright|notice|patents)(?:[-._](?:mit|apache|bsd|isc|zlib|[al]?gpl|mpl|cc|cc0"
    r"|third[-_]?party|3rd[-_]?party)[\w.-]{0,20})?\.(?:md|markdown|rst|html|tex)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseIs:
    """Keeps files under the permitted licences: what the file says of itself, else what its repository says.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: Apache, BSD and MIT projects.
    Differs: RedPajama v1 asks BigQuery's key of the repository alone; a file's own `SPDX-License-Identifier` or GNU
        notice goes before it here, and where the repository says nothing, the licence text or Apache's notice at the
        file's top is taken.
    Reads license, text. Rewrites license. Rejects: license_unknown, license_not_permitted. Counts: file_licenses.
    """

    name: ClassVar[str] = "github_license"
    reasons: ClassVar[tuple[str, ...]] = ("license_unknown", "license_not_permitted")
    licenses: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.licenses:
            raise ValueError("licenses must name at least one licence, got none")
        for name in self.licenses:
            if spdx_expression(name) != name:
                raise ValueError(f"licenses must be identifiers of SPDX such as MIT, got {name}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        tops, kept = heads(batch, MAX_HEADER_CHARS), batch.column("license").to_pylist()
        notices = [
            license_of_notice(head) or (license_of_boilerplate(head) if license is None else None)
            for head, license in zip(tops, kept, strict=True)
        ]
        found = [notice or license for notice, license in zip(notices, kept, strict=True)]
        counts = {"file_licenses": sum(notice is not None for notice in notices)}
        return FilterResult(with_column(batch, "license", found), reasons(map(self._fault, found)), counts)

    def _fault(self, license: str | None) -> str | None:
        if license is None or "LicenseRef-Unknown" in license:
            return "license_unknown"
        return None if is_permitted(license, self.licenses) else "license_not_permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathIsCode:
    """Keeps files whose name ends like code: `.py`, `.md`, `Makefile`; not the texts of licences.

    Source: RedPajama v1, data_prep/github: a list of suffixes, case-sensitive; a file `LICENSE` in the root is no code.
    Differs: an extension must follow a dot and a name a slash, a dot or the start, so `Scratchmakefile` is none;
        a licence is none in any folder, nor as `LICENSE.md` or `COPYING.rst`.
    Reads path. Rewrites nothing. Rejects: extension_not_kept, license_text. Counts: nothing.
    """

    name: ClassVar[str] = "github_path"
    reasons: ClassVar[tuple[str, ...]] = ("extension_not_kept", "license_text")
    extensions: tuple[str, ...]
    file_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.extensions and not self.file_names:
            raise ValueError("extensions and file_names must name at least one file between them, got none")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        extensions, names = frozenset(self.extensions), frozenset(self.file_names)

        def fault(path: str | None) -> str | None:
            file_name = (path or "").rpartition("/")[2]
            _, dot, suffix = file_name.rpartition(".")
            is_code = file_name in names or (dot and (suffix in extensions or suffix in names))
            if not is_code:
                return "extension_not_kept"
            return "license_text" if _LICENSE_TEXT.match(file_name) else None

        return FilterResult(batch, reasons(map(fault, batch.column("path").to_pylist())), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableText:
    """Keeps text: files that are not empty, not binary, not too large, and no links to another file.

    Source: BigQuery's `contents` table, which leaves out the content of binary files and of those above 1 MiB.
    Differs: says which of the two it was where the raw dump tells. The reader gives `max_file_bytes` and one byte
        more of a file too large, and a NUL for content left out; more than one character in a hundred that could not
        be decoded is binary too. A link's only text is the name of another file.
    Reads text. Rewrites nothing. Rejects: empty_text, file_too_large, binary, link. Counts: nothing.
    """

    name: ClassVar[str] = "github_text"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text", "file_too_large", "binary", "link")
    max_file_bytes: int

    def __post_init__(self) -> None:
        if self.max_file_bytes < 1:
            raise ValueError(f"max_file_bytes must be at least 1, got {self.max_file_bytes}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        return FilterResult(batch, reasons(map(self._fault, texts(batch))), {})

    def _fault(self, text: str) -> str | None:
        if text.startswith(LINK_MARK):
            return "link"
        if "\0" in text or text.count(_REPLACEMENT) > MAX_REPLACED_FRACTION * len(text):
            return "binary"
        if len(text) > self.max_file_bytes or len(text.encode()) > self.max_file_bytes:
            return "file_too_large"
        return None if text.strip() else "empty_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripLicenseHeader:
    """Takes licence and copyright comments off the top of a file; rejects files that were nothing else.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: boilerplate such as headers removed by regular expressions;
        RedPajama v1, data_prep/github: the first block comment if it says "copyright", else all leading comments.
    Differs: knows the language by the path; only paragraphs that speak of rights go, so shebangs, encoding lines,
        `#include`, Markdown titles, directives of tools and descriptions stay; a later block comment hides nothing.
    Reads text, path. Rewrites text. Rejects: only_a_header. Counts: headers_removed.
    """

    name: ClassVar[str] = "github_header"
    reasons: ClassVar[tuple[str, ...]] = ("only_a_header",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        before = texts(batch)
        paths = batch.column("path").to_pylist()
        after = [strip_license_header(text, path or "") for text, path in zip(before, paths, strict=True)]
        emptied = [
            "only_a_header" if old.strip() and not new.strip() else None for old, new in zip(before, after, strict=True)
        ]
        counts = {"headers_removed": sum(len(new) < len(old) for old, new in zip(before, after, strict=True))}
        kept = [old if reason else new for old, new, reason in zip(before, after, emptied, strict=True)]
        return FilterResult(with_column(batch, "text", kept), reasons(emptied), counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLengths:
    """Rejects files with very long lines: data and minified code.

    Source: RedPajama v1, data_prep/github (longest line above 1000, mean above 100), after The Stack; LLaMA names
        only "line length".
    Differs: the mean leaves the terminators out, so Windows and Unix files are judged alike.
    Reads text. Rewrites nothing. Rejects: line_too_long, mean_line_too_long. Counts: nothing.
    """

    name: ClassVar[str] = "github_lines"
    reasons: ClassVar[tuple[str, ...]] = ("line_too_long", "mean_line_too_long")
    max_line_chars: int = 1000
    max_mean_line_chars: int = 100

    def __post_init__(self) -> None:
        for name in ("max_line_chars", "max_mean_line_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        counts = line_counts(batch.column("text"))
        too_long = counts[:, LONGEST_LINE] > self.max_line_chars
        mean_too_long = counts[:, LINE_CHARS] > self.max_mean_line_chars * counts[:, LINES]
        return FilterResult(batch, first_reason(line_too_long=too_long, mean_line_too_long=mean_too_long), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphanumericFraction:
    """Rejects files with few letters and digits: tables, drawings, encoded data.

    Source: RedPajama v1, data_prep/github (below 0.25), after The Stack; LLaMA names only "share of alphanumeric".
    Differs: RedPajama's second test, alphabetic characters for each token of a tokenizer, is left out.
    Reads text. Rewrites nothing. Rejects: too_few_alphanumeric. Counts: nothing.
    """

    name: ClassVar[str] = "github_alphanumeric"
    reasons: ClassVar[tuple[str, ...]] = ("too_few_alphanumeric",)
    min_alphanumeric_fraction: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.min_alphanumeric_fraction <= 1:
            raise ValueError(f"min_alphanumeric_fraction must be from 0 to 1, got {self.min_alphanumeric_fraction}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        column = batch.column("text")
        chars = pc.utf8_length(column).to_numpy()
        too_few = alphanumeric_counts(column) < self.min_alphanumeric_fraction * chars
        return FilterResult(batch, first_reason(too_few_alphanumeric=too_few), {})
