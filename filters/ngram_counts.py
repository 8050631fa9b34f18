"""Counts n-grams of every order the way Kneser-Ney wants them, in one pass over the sorted windows of a text.

A context is the words before a word. Windows come sorted by context, nearest word first, so all that follow one
context stand together, and inside a context lie all that follow the longer contexts which end in it. An n-gram is an
entry of its context: a word, its adjusted count, and which entry of the next shorter context has the same word
(of a unigram's place: the word).
The adjusted count is how many different words stand before the n-gram, or how often it occurs where nothing can stand
before it (it begins with `<s>`) or where the order is the highest.

Source: Heafield et al. 2013, section 3; kpu/kenlm lm/builder/adjust_counts.cc.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from filters.ngram_sort import Rows, word_of
from filters.ngram_words import BEGIN, Ids, bits_of
from tokenizer.kernels import compiled

Integers = npt.NDArray[np.int64]

TALLIED_COUNTS = 6
"""Discounts go by how many n-grams have the counts 1, 2, 3 and 4; 5 stands for all above."""

_BYTES_PER_ENTRY = 4 + 8 + 8 + 16 + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """Some contexts of one length with their entries; `first` is the place of the first entry among all."""

    first: int
    keys: Rows
    sizes: Integers
    words: Ids
    counts: Integers
    lower: Integers


class LevelFile:
    """The contexts and entries of one order on disk, in the order of the contexts."""

    def __init__(self, folder: Path, order: int) -> None:
        self.entries = 0
        self._files = {
            name: (folder / f"{name}-{order}", np.dtype(kind), width)
            for name, kind, width in (
                ("keys", np.uint64, 2),
                ("sizes", np.int64, 1),
                ("words", np.uint32, 1),
                ("counts", np.int64, 1),
                ("lower", np.int64, 1),
            )
        }
        for path, _, _ in self._files.values():
            path.touch()

    def append(self, keys: Rows, sizes: Integers, words: Ids, counts: Integers, lower: Integers) -> None:
        """Contexts behind those that are there."""
        columns = {"keys": keys, "sizes": sizes, "words": words, "counts": counts, "lower": lower}
        for name, column in columns.items():
            with self._files[name][0].open("ab") as file:
                np.ascontiguousarray(column).tofile(file)
        self.entries += len(words)

    def read(self, max_entries: int) -> Iterator[Contexts]:
        """All contexts, as many at a time as have `max_entries` entries together, or a single larger one."""
        context = first = 0
        while len(sizes := self._column("sizes", context, max_entries)):
            taken = max(1, int(np.searchsorted(np.cumsum(sizes), max_entries, side="right")))
            sizes = sizes[:taken]
            entries = int(sizes.sum())
            yield Contexts(
                first=first,
                keys=self._column("keys", context, taken),
                sizes=sizes,
                words=self._column("words", first, entries),
                counts=self._column("counts", first, entries),
                lower=self._column("lower", first, entries),
            )
            context, first = context + taken, first + entries

    def _column(self, name: str, start: int, count: int) -> npt.NDArray[Any]:
        path, kind, width = self._files[name]
        found = np.fromfile(path, dtype=kind, count=count * width, offset=start * width * kind.itemsize)
        return found.reshape(-1, width) if width > 1 else found

    def remove(self) -> None:
        """The files are no longer needed."""
        for path, _, _ in self._files.values():
            path.unlink()


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was counted: a file for each order from 2 up, and the rest in memory.

    `unigrams` are adjusted counts by word id, `tallies[k - 1]` how many k-grams have each count, `contexts[k - 1]` how
    many contexts of k-grams have each word as their nearest.
    """

    unigrams: Integers
    levels: dict[int, LevelFile]
    tallies: Integers
    contexts: Integers
    ngrams: list[int]


def count_ngrams(blocks: Iterable[Rows], folder: Path, *, order: int, words: int, memory_bytes: int) -> Counts:
    """Adjusted counts of all orders from sorted, distinct windows."""
    rows_a_step = max(16, memory_bytes // (4 * order * _BYTES_PER_ENTRY))
    room = rows_a_step + words
    word_bits = bits_of(words)
    state = _State.new(order, words, room)
    levels = {k: LevelFile(folder, k) for k in range(2, order + 1)}
    for block in blocks:
        for start in range(0, len(block), rows_a_step):
            count_rows(block[start : start + rows_a_step], word_bits, state)
            state.flush(levels)
    close_contexts(0, state)
    unigrams = np.zeros(words, dtype=np.int64)
    unigrams[state.words[0, : state.cursors[0, _OPEN]]] = state.counts[0, : state.cursors[0, _OPEN]]
    state.flush(levels)
    return Counts(
        unigrams=unigrams,
        levels=levels,
        tallies=state.tallies,
        contexts=state.contexts,
        ngrams=[words, *(level.entries for level in levels.values())],
    )


# Of each order: where the open context's entries begin and where they end, how many contexts are closed, how many
# entries were written to the file before.
_OPEN, _FILLED, _CLOSED, _WRITTEN = range(4)


class _State(NamedTuple):
    """The entries of each order that are not yet on disk: those of closed contexts, then those of the open one."""

    path: Ids
    cursors: Integers
    slots: npt.NDArray[np.int32]
    words: Ids
    counts: Integers
    lower: Integers
    keys: Rows
    sizes: Integers
    tallies: Integers
    contexts: Integers

    @classmethod
    def new(cls, order: int, words: int, room: int) -> "_State":
        return cls(
            # The context of the row before; none is like this one.
            path=np.full(order, np.iinfo(np.uint32).max, dtype=np.uint32),
            cursors=np.zeros((order, 4), dtype=np.int64),
            slots=np.zeros((order, words), dtype=np.int32),
            words=np.empty((order, room), dtype=np.uint32),
            counts=np.empty((order, room), dtype=np.int64),
            lower=np.empty((order, room), dtype=np.int64),
            keys=np.empty((order, room, 2), dtype=np.uint64),
            sizes=np.empty((order, room), dtype=np.int64),
            tallies=np.zeros((order, TALLIED_COUNTS), dtype=np.int64),
            contexts=np.zeros((order, words), dtype=np.int64),
        )

    def flush(self, levels: dict[int, LevelFile]) -> None:
        """Closed contexts go to disk; the entries of the open one move to the front."""
        for k, level in levels.items():
            start, filled, closed, _ = map(int, self.cursors[k - 1])
            level.append(
                self.keys[k - 1, :closed],
                self.sizes[k - 1, :closed],
                self.words[k - 1, :start],
                self.counts[k - 1, :start],
                self.lower[k - 1, :start],
            )
            for column in (self.words, self.counts, self.lower):
                column[k - 1, : filled - start] = column[k - 1, start:filled].copy()
            # The key of the open context was written where it will be closed.
            self.keys[k - 1, 0] = self.keys[k - 1, closed]
            self.cursors[k - 1] = 0, filled - start, 0, self.cursors[k - 1, _WRITTEN] + start


_INTEGERS = numba.int64[:, ::1]
_STATE = numba.types.NamedTuple(
    (
        numba.uint32[::1],
        _INTEGERS,
        numba.int32[:, ::1],
        numba.uint32[:, ::1],
        _INTEGERS,
        _INTEGERS,
        numba.uint64[:, :, ::1],
        _INTEGERS,
        _INTEGERS,
        _INTEGERS,
    ),
    _State,
)


@compiled(numba.void(numba.int64, _STATE))
def close_contexts(shortest: int, state: _State) -> None:
    """Close the open contexts of `shortest` words and more."""
    cursors = state.cursors
    for level in range(shortest, len(cursors)):
        start, filled = cursors[level, _OPEN], cursors[level, _FILLED]
        if start == filled:
            continue
        for i in range(start, filled):
            state.slots[level, state.words[level, i]] = 0
            state.tallies[level, min(state.counts[level, i], TALLIED_COUNTS - 1)] += 1
        state.sizes[level, cursors[level, _CLOSED]] = filled - start
        if level:
            state.contexts[level, state.path[0]] += 1
        cursors[level, _CLOSED] += 1
        cursors[level, _OPEN] = filled


@compiled(numba.void(numba.uint64[:, ::1], numba.int64, _STATE))
def count_rows(rows: Any, word_bits: int, state: _State) -> None:
    """Enter each window into its longest context, and into shorter ones as far as they have not seen it there."""
    path, cursors, slots, counts = state.path, state.cursors, state.slots, state.counts
    order = len(cursors)
    for at in range(len(rows)):
        high, low = rows[at, 0], rows[at, 1]
        same, length = -1, order - 1
        for i in range(order - 1):
            word = np.uint32(word_of(high, low, word_bits, order - 1 - i))
            if same < 0 and word != path[i]:
                same = i
                close_contexts(same + 1, state)
            path[i] = word
            if word == BEGIN:
                length = i + 1
                if same < 0:
                    break
                path[i + 1 : order - 1] = BEGIN
                break
        followed = np.int64(word_of(high, low, word_bits, 0))
        count = np.int64(rows[at, 2])
        for level in range(length, -1, -1):
            slot = slots[level, followed]
            if slot:
                counts[level, cursors[level, _OPEN] + slot - 1] += 1
                break
            to = cursors[level, _FILLED]
            cursors[level, _FILLED] = to + 1
            if to == cursors[level, _OPEN]:
                closed = cursors[level, _CLOSED]
                state.keys[level, closed, 0], state.keys[level, closed, 1] = high, low
            slots[level, followed] = to - cursors[level, _OPEN] + 1
            state.words[level, to], counts[level, to] = followed, count if level == length else 1
            if level > 1:
                shorter = slots[level - 1, followed]
                place = cursors[level - 1, _OPEN] + shorter - 1 if shorter else cursors[level - 1, _FILLED]
                state.lower[level, to] = cursors[level - 1, _WRITTEN] + place
            else:
                state.lower[level, to] = followed
