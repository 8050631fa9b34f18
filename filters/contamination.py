"""Documents that hold text of evaluation sets: found by n-grams of words, with evidence, and dropped."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import Column, FilterResult, reasons
from filters.contamination_index import ContaminationIndex, load_index
from filters.contamination_scan import COLUMNS, FIRST_WORD, FOUND, HITS, PASSAGE, PLACE, SHOWN, Tallies, scan
from filters.load_once import load_once
from filters.shingle_loop import letters
from tokenizer.kernels import text_buffers

Array = np.ndarray[Any, Any]

EVIDENCE = pa.struct(
    [
        *(pa.field(name, pa.string()) for name in ("set", "item", "field", "ngram")),
        *(pa.field(name, pa.int64()) for name in ("place", "hits", "found", "ngrams")),
    ]
)
"""A passage that a document holds: whose it is, the first n-gram that is there and its first character in the text, at
how many places n-grams of it stand, and how many of its n-grams are there, out of how many."""
CONTAMINATION_COLUMN = Column(
    "contamination",
    pa.list_(EVIDENCE),
    "`decontaminate`",
    "evidence of up to five passages of evaluation sets that the document holds; null where it is clean",
)
CONTAMINATION = CONTAMINATION_COLUMN.field
"""The column that is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContamination:
    """Finds documents that hold n-grams of evaluation sets; every hash that matches is compared word by word.

    Words are those of near-duplicates: runs of letters and digits, in lower case and without accents, whatever lies
    between them; scripts without blanks have a word a letter. A document is contaminated by a passage (a field of an
    item) if it holds at least `min_fraction` of its n-grams, and one in any case.

    Source: Brown et al. 2020, section 4 and appendix C: any 13-gram in common, shorter examples by fewer words, 8 at
        least; what too many documents share is no evidence. EleutherAI/lm-evaluation-harness
        lm_eval/decontamination; huggingface/datatrove pipeline/decontamination: any n-gram of 13, of 12, in common.
    Differs: GPT-3 cuts 200 characters out around a hit and drops what is cut too often; here documents stay whole or
        go. It passes over n-grams of more than 10 documents; here those of more than `max_passages` passages of a set,
        since what many items share is a template. Other bounds in use are a `min_fraction`: Chowdhery et al. 2022 take
        70% of an item's 8-grams, marin and dolma 50% of a training paragraph's 13-grams, with a Bloom filter that
        sees more than there is. Touvron et al. 2023 (LLaMA 2) count tokens in common, with words left out.
    Reads text. Adds contamination. Counts: documents, in all and by set.
    """

    name: ClassVar[str] = "find_contamination"
    reasons: ClassVar[tuple[str, ...]] = ()
    index_path: str
    min_fraction: float = 0.0
    tallies: Tallies | None = field(default=None, compare=False, repr=False)
    """What is counted over several batches, where somebody wants to know."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_fraction <= 1:
            raise ValueError(f"min_fraction must be between 0 and 1, got {self.min_fraction}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order, no reason given; one more column."""
        index = load_once(load_index, self.index_path)
        tallies = index.tallies() if self.tallies is None else self.tallies
        before = tallies.documents_of_set.copy()
        found = find_contamination(batch.column("text"), index, tallies, self.min_fraction)
        by_set = zip(index.sets, (tallies.documents_of_set - before).tolist(), strict=True)
        counts = {"documents": len(found) - found.null_count} | {f"documents.{name}": n for name, n in by_set if n}
        return FilterResult(batch.append_column(CONTAMINATION, found), reasons([None] * len(found)), counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropContaminated:
    """Drops documents in which text of an evaluation set was found; the evidence stays beside them.

    Source: Brown et al. 2020, appendix C.
    Differs: whole documents go.
    Reads contamination. Rewrites nothing. Rejects: contaminated. Counts: nothing.
    """

    name: ClassVar[str] = "drop_contaminated"
    reasons: ClassVar[tuple[str, ...]] = ("contaminated",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        found = pc.is_valid(batch.column(CONTAMINATION.name))
        why = pc.if_else(found, pa.scalar(self.reasons[0]), pa.scalar(None, pa.string()))
        return FilterResult(batch, why, {})


def find_contamination(texts: pa.Array, index: ContaminationIndex, tallies: Tallies, min_fraction: float) -> pa.Array:
    """Evidence of each text's contamination, null where there is none; `tallies` goes on counting."""
    values, offsets = text_buffers(texts)
    table = np.zeros((len(texts), SHOWN, COLUMNS), np.int64)
    enough = scan(values, offsets, letters(), index.ngrams, tallies, min_fraction, table)
    rows: list[list[dict[str, Any]] | None] = [None] * len(texts)
    for row in np.flatnonzero(enough).tolist():
        shown = table[row, : min(enough[row], SHOWN)].tolist()
        rows[row] = [_evidence(index, found, values[offsets[row] : found[PLACE]]) for found in shown]
    return pa.array(rows, CONTAMINATION.type)


def _evidence(index: ContaminationIndex, found: list[int], before: Array) -> dict[str, Any]:
    """What was found of a passage; `before` is the text in front of the first place."""
    passage = found[PASSAGE]
    said: dict[str, Any] = index.passages.slice(passage, 1).select(["set", "item", "field"]).to_pylist()[0]
    return said | {
        "ngram": index.words(found[FIRST_WORD], int(index.ngrams.passage_words[passage])),
        "place": len(before.tobytes().decode()),
        "hits": found[HITS],
        "found": found[FOUND],
        "ngrams": int(index.ngrams.passage_ngrams[passage]),
    }
