"""The one n-gram that lmplz tallies by another count than all others: the last of each order.

Source: kpu/kenlm lm/builder/adjust_counts.cc.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from filters.ngram_sort import shift_word
from filters.ngram_words import BEGIN
from tokenizer.kernels import compiled

Integers = npt.NDArray[np.int64]

_U32, _I64 = numba.uint32, numba.int64


@dataclass(frozen=True, slots=True, kw_only=True)
class LastNgram:
    """The window that comes last when sorted by its last word, the word before it and so on, and what ends in it.

    `raw[k - 1]` is how often its last k words stand in the text, `adjusted[k - 1]` how many words stand before them.
    """

    raw: Integers
    adjusted: Integers


def last_ngram(read: Any, *, order: int, words: int) -> LastNgram:
    """`read()` gives the ids of the text anew."""
    best = np.zeros(order, dtype=np.uint32)
    before = np.full(order - 1, BEGIN, dtype=np.uint32)
    for ids in read():
        find_last(ids, before, best)
    begins = np.flatnonzero(best == BEGIN)
    longest = min(order - 1, int(begins[0]) if len(begins) else order)
    raw = np.zeros(longest, dtype=np.int64)
    preceding = np.zeros((longest, words), dtype=np.bool_)
    before = np.full(order - 1, BEGIN, dtype=np.uint32)
    for ids in read():
        count_last(ids, before, best, raw, preceding)
    return LastNgram(raw=raw, adjusted=preceding.sum(axis=1))


@compiled(numba.void(_U32[::1], _U32[::1], _U32[::1]))
def find_last(ids: Any, before: Any, best: Any) -> None:
    """Keep in `best` the highest window, the newest word first."""
    for at in range(len(ids)):
        if ids[at] >= best[0]:
            higher = ids[at] > best[0]
            for i in range(len(before)):
                if higher or before[i] != best[i + 1]:
                    higher = higher or before[i] > best[i + 1]
                    break
            if higher:
                best[0] = ids[at]
                best[1:] = before
        shift_word(before, ids[at])


@compiled(numba.void(_U32[::1], _U32[::1], _U32[::1], _I64[::1], numba.boolean[:, ::1]))
def count_last(ids: Any, before: Any, last: Any, raw: Any, preceding: Any) -> None:
    """Count how often the last words of `last` stand, and mark what stands before them."""
    for at in range(len(ids)):
        if ids[at] == last[0]:
            for length in range(len(raw)):
                if length and before[length - 1] != last[length]:
                    break
                raw[length] += 1
                preceding[length, before[length]] = True
        shift_word(before, ids[at])
