"""Applies the verdicts of deduplication: which lines and documents go."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, reasons, with_column
from filters.fingerprint import Array, Lines, document_keys, line_keys
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_array

_NO_KEYS = np.empty(0, np.uint64)
_NO_ROWS = np.empty((0, 3), np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDuplicateLines:
    """Drops every copy of a line that two documents have, and the repeats of a line within its document.

    `duplicate_keys` are the sorted keys, as `line_keys` gives them, of the lines that two or more documents hold.

    Source: Wenzek et al. 2019, section 3.1; facebookresearch/cc_net dedup.py, `DuplicatesRemover`.
    Differs: a blank line is no paragraph: it is never a duplicate and goes or stays with the line before it, where
        CCNet drops it as soon as two documents have one. A document of blank lines alone is rejected here.
    Reads text. Rewrites text. Rejects: nothing_left, too_few_chars.
    Counts: lines_in, lines_duplicate, lines_repeated, lines_blank_dropped.
    """

    name: ClassVar[str] = "drop_duplicate_lines"
    reasons: ClassVar[tuple[str, ...]] = ("nothing_left", "too_few_chars")
    duplicate_keys: Array = field(default_factory=lambda: _NO_KEYS, compare=False, repr=False)
    min_chars: int = 0

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ValueError(f"min_chars must be at least 0, got {self.min_chars}")
        if len(self.duplicate_keys) > 1 and not np.all(self.duplicate_keys[:-1] < self.duplicate_keys[1:]):
            raise ValueError("duplicate_keys must be sorted and each there once")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        lines = line_keys(batch.column("text"))
        duplicate = is_member(lines.keys, self.duplicate_keys) & ~lines.blank
        repeated = repeats(lines, ~duplicate & ~lines.blank)
        gone = duplicate | repeated
        blank_dropped = _follows_dropped(lines.document, lines.blank, gone)
        keep = ~(gone | blank_dropped)
        text = text_array(*_join_lines(lines.values, lines.start, lines.end, lines.document, keep, batch.num_rows))
        has_line = np.zeros(batch.num_rows, np.bool_)
        has_line[lines.document[keep & ~lines.blank]] = True
        long_enough = pc.utf8_length(text).to_numpy() >= self.min_chars
        verdict = [
            None if line and chars else "too_few_chars" if line else "nothing_left"
            for line, chars in zip(has_line, long_enough, strict=True)
        ]
        counts = {
            "lines_in": len(lines.keys),
            "lines_duplicate": int(duplicate.sum()),
            "lines_repeated": int(repeated.sum()),
            "lines_blank_dropped": int(blank_dropped.sum()),
        }
        return FilterResult(with_column(batch, "text", text), reasons(verdict), counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDuplicateDocuments:
    """Keeps one of all documents with the same text, to the byte: the first of the first unit.

    `winners` has a row (two halves of the text's key, key of the doc_id that stays) for each text that some document
    of the unit loses, sorted by key. Two rows with one text and one doc_id are one document; the reader gives none.

    Source: SlimPajama and RedPajama v1, exact deduplication of documents; LLaMA names it for GitHub (section 2.1).
    Differs: the key is 128 bits of BLAKE2b.
    Reads text, doc_id. Rewrites nothing. Rejects: duplicate_document. Counts: none.
    """

    name: ClassVar[str] = "drop_duplicate_documents"
    reasons: ClassVar[tuple[str, ...]] = ("duplicate_document",)
    winners: Array = field(default_factory=lambda: _NO_ROWS, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.winners.ndim != 2 or self.winners.shape[1] != 3:
            raise ValueError(f"winners must have 3 columns, got shape {self.winners.shape}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        keys, who = document_keys(batch.column("text")), identities(batch)
        first = np.searchsorted(self.winners[:, 0], keys[:, 0], "left")
        last = np.searchsorted(self.winners[:, 0], keys[:, 0], "right")
        lost = np.zeros(batch.num_rows, np.bool_)
        for row in np.flatnonzero(first < last):
            near = self.winners[first[row] : last[row]]
            lost[row] = bool(np.any((near[:, 1] == keys[row, 1]) & (near[:, 2] != who[row])))
        verdict = ["duplicate_document" if is_lost else None for is_lost in lost]
        return FilterResult(batch, reasons(verdict), {})


def identities(batch: pa.RecordBatch) -> Array:
    """64 bits for each document that follow from its doc_id: enough to tell apart documents with the same text."""
    return document_keys(batch.column("doc_id"))[:, 0]


def is_member(keys: Array, sorted_keys: Array) -> Array:
    """Which of the keys are among the sorted ones."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.bool_)
    places = np.searchsorted(sorted_keys, keys)
    found: Array = sorted_keys[np.minimum(places, len(sorted_keys) - 1)] == keys
    return found


def repeats(lines: Lines, candidates: Array) -> Array:
    """Which of the candidate lines stand earlier in their own document, among the candidates."""
    among = np.flatnonzero(candidates)
    order = among[np.lexsort((lines.keys[among], lines.document[among]))]  # Stable: the first of each comes first.
    keys, documents = lines.keys[order], lines.document[order]
    again = np.zeros(len(lines.keys), np.bool_)
    again[order[1:]] = (keys[1:] == keys[:-1]) & (documents[1:] == documents[:-1])
    return again


@compiled(numba.boolean[::1](numba.int32[::1], numba.boolean[::1], numba.boolean[::1]))
def _follows_dropped(document: Array, blank: Array, gone: Array) -> Array:
    """Which blank lines follow a line that goes, with nothing but blank lines between."""
    drop = np.zeros(len(blank), np.bool_)
    for line in range(len(blank)):
        if blank[line] and line > 0 and document[line - 1] == document[line]:
            drop[line] = drop[line - 1] if blank[line - 1] else gone[line - 1]
    return drop


@compiled(
    numba.types.Tuple((numba.uint8[::1], numba.int64[::1]))(
        BYTES, OFFSETS, OFFSETS, numba.int32[::1], numba.boolean[::1], numba.int64
    )
)
def _join_lines(values: Array, start: Array, end: Array, document: Array, keep: Array, documents: int) -> Any:
    """The kept lines of each document with line feeds between, as bytes and offsets."""
    size = 0
    for line in range(len(start)):
        if keep[line]:
            size += end[line] - start[line] + 1
    joined = np.empty(size, np.uint8)
    offsets = np.zeros(documents + 1, np.int64)
    at = 0
    line = 0
    for index in range(documents):
        first = True
        while line < len(start) and document[line] == index:
            if keep[line]:
                if not first:
                    joined[at] = 10
                    at += 1
                first = False
                width = end[line] - start[line]
                joined[at : at + width] = values[start[line] : end[line]]
                at += width
            line += 1
        offsets[index + 1] = at
    return joined[:at].copy(), offsets
