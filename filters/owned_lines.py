"""Line deduplication as C4 has it: of all pages that hold a line one owns it, and the others lose it."""

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.c4_lines import MIN_SENTENCES, sentence_counter
from filters.dedup import identities, is_member
from filters.fingerprint import Array

_NO_PAIRS = np.empty((0, 2), np.uint64)
_NO_PAGES = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepOwnedLines:
    """Drops the lines that another page owns, and the repeats of a line within its page.

    `lost` has a row (key of the doc_id, key of the line) for each line that goes, sorted; `leaving` are the keys of
    pages that would be left with too few sentences, `short` of those that stay nevertheless, both sorted.

    Source: Raffel et al. 2020, section 2.2; tensorflow/datasets c4_utils.py, `remove_duplicate_text`.
    Differs: whole lines, as the code has it, and not spans of three sentences. A page with too few sentences leaves
    before owners are chosen, so that its lines are not lost with it; sentences are counted line by line, as the rules
    about lines do (`recounts=True`: afterwards, over the joined text, where a line's end is no sentence's end).
    Reads text, doc_id. Rewrites text. Rejects: empty, too_few_sentences.
    Counts: passed, global_duplicate, local_duplicate (lines; not those of leaving pages), short_pages.
    """

    name: ClassVar[str] = "c4_owned_lines"
    reasons: ClassVar[tuple[str, ...]] = ("empty", "too_few_sentences")
    lost: Array = field(default_factory=lambda: _NO_PAIRS, compare=False, repr=False)
    leaving: Array = field(default_factory=lambda: _NO_PAGES, compare=False, repr=False)
    short: Array = field(default_factory=lambda: _NO_PAGES, compare=False, repr=False)
    min_sentences: int = MIN_SENTENCES
    recounts: bool = False
    punkt_path: str = ""

    def __post_init__(self) -> None:
        if self.min_sentences < 1:
            raise ValueError(f"min_sentences must be at least 1, got {self.min_sentences}")
        if self.lost.ndim != 2 or self.lost.shape[1] != 2:
            raise ValueError(f"lost must have 2 columns, got shape {self.lost.shape}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        pages = np.ascontiguousarray(identities(batch))
        starts, ends = (np.searchsorted(self.lost[:, 0], pages, side).tolist() for side in ("left", "right"))
        leaving, short = is_member(pages, self.leaving), is_member(pages, self.short)
        counts = dict.fromkeys(("passed", "global_duplicate", "local_duplicate"), 0)
        left: list[str] = []
        verdicts: list[str | None] = []
        for row, text in enumerate(texts(batch)):
            if leaving[row]:
                left.append(text)
                verdicts.append("too_few_sentences")
                continue
            left.append(_owned(text, set(self.lost[starts[row] : ends[row], 1].tolist()), counts))
            verdicts.append(self._judge(left[-1]))
        counts["short_pages"] = int(short.sum())
        return FilterResult(with_column(batch, "text", left), reasons(verdicts), counts)

    def _judge(self, text: str) -> str | None:
        if not text:
            return "empty"
        if not self.recounts:
            return None
        count = sentence_counter(self.punkt_path, most=self.min_sentences, curly_quotes=False)
        return None if count(text) >= self.min_sentences else "too_few_sentences"


def _owned(text: str, lost: set[int], counts: dict[str, int]) -> str:
    """The lines that are not lost, each once; `counts` takes up what became of each."""
    seen: set[int] = set()
    kept = []
    for line, key in zip(text.split("\n"), owned_line_keys(text).tolist(), strict=True):
        if key in lost:
            counts["global_duplicate"] += 1
        elif key in seen:
            counts["local_duplicate"] += 1
        else:
            counts["passed"] += 1
            seen.add(key)
            kept.append(line)
    return "\n".join(kept)


def owned_line_keys(text: str) -> Array:
    """For each line 64 bits of the MD5 of its stripped, lower-cased form: a page's blanks and capitals do not count."""
    forms = (line.strip().lower().encode() for line in text.split("\n"))
    digests = b"".join(hashlib.md5(form, usedforsecurity=False).digest()[:8] for form in forms)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def page_ranks(urls: list[str | None]) -> Array:
    """64 bits of the MD5 of each page's address: of the pages that hold a line, the one with the smallest owns it."""
    digests = (hashlib.md5((url or "").encode(), usedforsecurity=False).digest()[:8] for url in urls)
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
