"""Documents that nearly repeat another one: which of them stay, and the filter that drops the others."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numba
import numpy as np
import pyarrow as pa

from filters.batch import FilterResult, reasons
from tokenizer.kernels import compiled

Array = np.ndarray[Any, Any]

VERDICT = np.dtype(
    [
        *(("doc_id", "S32"), ("keeper", "S32"), ("document", "<u8"), ("keeper_document", "<u8")),
        *(("shared", "<u4"), ("shingles", "<u4"), ("keeper_shingles", "<u4"), ("overlap", "<f4")),
    ]
)
"""A document that goes, the one that stays in its place, what numbers they have, and what they share."""

_INDICES = numba.types.Array(numba.int32, 1, "C", readonly=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropNearDuplicates:
    """Drops documents that nearly repeat one that stays; each verdict names the one that stays.

    `contained` says that overlap was measured as containment: a document goes that stands within a longer one.

    Source: Lee et al. 2022, section 4.2 and appendix A; Touvron et al. 2023, section 2.1, on books: documents with more
        than 90% content overlap are removed.
    Differs: nothing is chained: a document goes only where its whole set of shingles was compared with that of one
        that stays.
    Reads doc_id. Rewrites nothing. Rejects: near_duplicate, contained_in_longer. Counts: nothing.
    """

    name: ClassVar[str] = "drop_near_duplicates"
    reasons: ClassVar[tuple[str, ...]] = ("near_duplicate", "contained_in_longer")
    contained: bool = False
    verdicts: Array = field(default_factory=lambda: np.zeros(0, VERDICT), compare=False, repr=False)
    _dropped: frozenset[bytes] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.verdicts.dtype != VERDICT:
            raise ValueError(f"verdicts must be rows of VERDICT, got {self.verdicts.dtype}")
        object.__setattr__(self, "_dropped", frozenset(self.verdicts["doc_id"].tolist()))

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        why = self.reasons[self.contained]
        goes = (doc_id.encode() in self._dropped for doc_id in batch.column("doc_id").to_pylist())
        return FilterResult(batch, reasons(why if gone else None for gone in goes), {})


def which_stay(longer: Array, shorter: Array, documents: int) -> Array:
    """Which of so many documents stay, given pairs (longer, shorter) that overlap, as int32 numbers of documents.

    From the longest on, a document goes where one that stays overlaps it. Which of two is the longer must follow from
    one order of all documents: documents are decided as soon as all that are longer are, in time linear in the pairs.
    """
    goes: Array = _goes(np.ascontiguousarray(longer, np.int32), np.ascontiguousarray(shorter, np.int32), documents)
    return ~goes


@compiled(numba.boolean[::1](_INDICES, _INDICES, numba.int64))
def _goes(longer: Array, shorter: Array, documents: int) -> Array:
    starts = np.zeros(documents + 2, np.int64)
    waits_for = np.zeros(documents, np.int32)
    for pair in range(len(longer)):
        starts[longer[pair] + 2] += 1
        waits_for[shorter[pair]] += 1
    for document in range(2, documents + 2):
        starts[document] += starts[document - 1]
    below = np.empty(len(longer), np.int32)  # The shorter ones of each document, from starts[it] on when all are in.
    for pair in range(len(longer)):
        below[starts[longer[pair] + 1]] = shorter[pair]
        starts[longer[pair] + 1] += 1
    queue = np.empty(documents, np.int32)
    queued = 0
    for document in range(documents):
        if waits_for[document] == 0:
            queue[queued] = document
            queued += 1
    goes = np.zeros(documents, np.bool_)
    done = 0
    while done < queued:
        document = queue[done]
        done += 1
        for place in range(starts[document], starts[document + 1]):
            other = below[place]
            goes[other] |= not goes[document]
            waits_for[other] -= 1
            if waits_for[other] == 0:
                queue[queued] = other
                queued += 1
    return goes
