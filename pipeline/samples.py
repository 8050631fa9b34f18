"""Draws a bounded sample of documents that follows from their ids and a seed alone, never from their order."""

import hashlib
from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


def rank(purpose: str, doc_id: str) -> int:
    """64 bits that stand for a document: those with the lowest are the sample."""
    digest = hashlib.blake2b(f"{purpose}\0{doc_id}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The documents whose rank is at most `highest_rank`; `candidates` is how many they were drawn from."""

    purpose: str
    highest_rank: int
    documents: int
    candidates: int

    def holds(self, doc_id: str) -> bool:
        """Is this document in the sample?"""
        return self.documents > 0 and rank(self.purpose, doc_id) <= self.highest_rank


class Draw:
    """Meets every candidate with a number of its own (its bytes, its score) and keeps the lowest ranks, each once.

    Memory is bounded by `max_documents`, not by the candidates: 32 bytes for each document that may stay.
    """

    def __init__(self, purpose: str, max_documents: int) -> None:
        self.purpose = purpose
        self.max_documents = max_documents
        self.candidates = 0
        self._ranks = array("Q")
        self._values = array("d")

    def add(self, doc_id: str, value: float = 0.0) -> None:
        """Meet one candidate."""
        self.candidates += 1
        self._ranks.append(rank(self.purpose, doc_id))
        self._values.append(value)
        if len(self._ranks) >= 2 * self.max_documents + 1024:
            self._prune()

    def _prune(self) -> None:
        ranks, values = np.array(self._ranks, dtype=np.uint64), np.array(self._values, dtype=np.float64)
        order = np.unique(ranks, return_index=True)[1][: self.max_documents]
        self._ranks, self._values = array("Q", ranks[order].tobytes()), array("d", values[order].tobytes())

    def values(self) -> npt.NDArray[np.float64]:
        """The numbers of the sampled documents, in the order of their ranks."""
        self._prune()
        return np.array(self._values, dtype=np.float64)

    def sample(self, *, max_documents: int | None = None, max_total: float = float("inf")) -> Sample:
        """The lowest ranks whose numbers sum to at most `max_total`; the lowest of all is always in it."""
        self._prune()
        most = len(self._ranks) if max_documents is None else min(max_documents, len(self._ranks))
        within = int(np.searchsorted(np.cumsum(self._values), max_total, side="right"))
        documents = min(most, max(1, within))
        highest = self._ranks[documents - 1] if documents else 0
        return Sample(purpose=self.purpose, highest_rank=highest, documents=documents, candidates=self.candidates)
