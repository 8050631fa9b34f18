"""Applies the verdicts of deduplication: which lines and documents go."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, reasons, with_column
from filters.fingerprint import Array, Lines, document_keys, line_keys
from filters.key_sets import KeySet, repeated
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_array

_NO_KEYS = np.empty(0, np.uint64)
_NO_ROWS = np.empty((0, 3), np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDuplicateLines:
    """Drops every copy of a line that two documents have, and the repeats of a line within its document.

    `duplicate_keys` are the sorted keys, as `line_keys` gives them, of the lines that two or more documents hold.
    `blank_lines_count` is CCNet's way: a blank line is a line like any other.

    Source: Wenzek et al. 2019, section 3.1; facebookresearch/cc_net dedup.py, `DuplicatesRemover`.
    Differs: unless `blank_lines_count`, a blank line is no paragraph: it is never a duplicate and goes or stays with
        the line before it, and a document of blank lines alone is rejected. CCNet drops all blank lines, and lines of
        marks alone, which share their key, as soon as two documents have one; where one has, its first stays, and may
        be all that is left of it.
    Reads text. Rewrites text, kept_lines. Rejects: nothing_left, too_few_chars.
    Counts: lines_in, lines_duplicate, lines_repeated, lines_blank_dropped.
    """

    name: ClassVar[str] = "drop_duplicate_lines"
    reasons: ClassVar[tuple[str, ...]] = ("nothing_left", "too_few_chars")
    duplicate_keys: Array = field(default_factory=lambda: _NO_KEYS, compare=False, repr=False)
    min_chars: int = 0
    blank_lines_count: bool = False
    _duplicates: KeySet = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ValueError(f"min_chars must be at least 0, got {self.min_chars}")
        try:
            object.__setattr__(self, "_duplicates", KeySet.of(self.duplicate_keys))
        except ValueError as error:
            raise ValueError(f"duplicate_{error}") from error

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        lines = line_keys(batch.column("text"))
        counted = counted_lines(lines, blank_lines_count=self.blank_lines_count)
        duplicate = self._duplicates.holds(lines.keys) & counted
        repeat = repeated(lines.keys, lines.document, counted & ~duplicate)
        blank_dropped = _follows_dropped(lines.document, counted, duplicate | repeat)
        keep = ~(duplicate | repeat | blank_dropped)
        values, offsets, numbers, ends = _join_lines(
            lines.values, lines.start, lines.end, lines.document, keep, batch.num_rows
        )
        text = text_array(values, offsets)
        has_line = np.zeros(batch.num_rows, np.bool_)
        has_line[lines.document[keep & counted]] = True
        counts = {
            "lines_in": len(lines.keys),
            "lines_duplicate": int(duplicate.sum()),
            "lines_repeated": int(repeat.sum()),
            "lines_blank_dropped": int(blank_dropped.sum()),
        }
        kept_lines = pa.ListArray.from_arrays(pa.array(ends), pa.array(numbers))
        kept = with_column(with_column(batch, "text", text), "kept_lines", kept_lines)
        return FilterResult(kept, self._verdict(has_line, text), counts)

    def _verdict(self, has_line: Array, text: pa.Array) -> pa.StringArray:
        too_short = pc.less(pc.utf8_length(text), self.min_chars)
        verdict = pc.if_else(too_short, pa.scalar("too_few_chars"), pa.scalar(None, pa.string()))
        return pc.if_else(pa.array(has_line), verdict, pa.scalar("nothing_left"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDuplicateDocuments:
    """Keeps one of all documents with the same text, to the byte: the first of the first unit.

    `winners` has a row (two halves of the text's key, key of the doc_id that stays) for each text that some document
    of the unit loses, sorted by key. Two rows with one text and one doc_id are one document; the reader gives none.

    Source: SlimPajama and RedPajama v1, exact deduplication of documents; LLaMA names it for GitHub (section 2.1).
    Differs: the key is 128 bits of BLAKE2b.
    Reads text, doc_id. Rewrites nothing. Rejects: duplicate_document. Counts: nothing.
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
    return KeySet.of(sorted_keys).holds(keys)


def counted_lines(lines: Lines, *, blank_lines_count: bool) -> Array:
    """Which lines can be duplicates: those that are not blank, or all lines of texts that are not empty."""
    if not blank_lines_count:
        return ~lines.blank
    only = np.bincount(lines.document) == 1
    counted: Array = ~((lines.start == lines.end) & only[lines.document])
    return counted


@compiled(numba.boolean[::1](numba.int32[::1], numba.boolean[::1], numba.boolean[::1]))
def _follows_dropped(document: Array, counted: Array, gone: Array) -> Array:
    """Which lines that do not count follow a line that goes, with nothing but such lines between."""
    drop = np.zeros(len(gone), np.bool_)
    for line in range(1, len(gone)):
        if not counted[line] and document[line - 1] == document[line]:
            drop[line] = gone[line - 1] or drop[line - 1]
    return drop


@compiled(
    numba.types.Tuple((numba.uint8[::1], numba.int64[::1], numba.int32[::1], numba.int32[::1]))(
        BYTES, OFFSETS, OFFSETS, numba.int32[::1], numba.boolean[::1], numba.int64
    )
)
def _join_lines(values: Array, start: Array, end: Array, document: Array, keep: Array, documents: int) -> Any:
    """The kept lines of each document with line feeds between, as bytes and offsets; their numbers, likewise."""
    size = 0
    for line in range(len(start)):
        if keep[line]:
            size += end[line] - start[line] + 1
    joined, offsets = np.empty(size, np.uint8), np.zeros(documents + 1, np.int64)
    numbers, ends = np.empty(len(start), np.int32), np.zeros(documents + 1, np.int32)
    at, kept, line = 0, 0, 0
    for index in range(documents):
        first = line
        while line < len(start) and document[line] == index:
            if not keep[line]:
                line += 1
                continue
            behind = line + 1  # Neighbours that stay are taken together, line feeds and all.
            while behind < len(start) and document[behind] == index and keep[behind]:
                behind += 1
            if kept > ends[index]:
                joined[at] = 10
                at += 1
            width = end[behind - 1] - start[line]
            joined[at : at + width] = values[start[line] : end[behind - 1]]
            at += width
            for stays in range(line, behind):
                numbers[kept] = stays - first
                kept += 1
            line = behind
        offsets[index + 1], ends[index + 1] = at, kept
    return joined[:at], offsets, numbers[:kept], ends
