"""Counts n-grams the way Kneser-Ney wants them, in bounded memory: adjusted counts of every order, sorted by suffix.

A sentence of words w1 … wn is the sequence `<s> w1 … wn </s>`. All n-grams that share their last two words lie in one
partition, so each partition is counted alone, and an n-gram, its suffix of the next lower order and its role as a
context are found without looking into another partition.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

UNKNOWN, BEGIN, END = 0, 1, 2
SPECIAL_WORDS = (b"<unk>", b"<s>", b"</s>")
MAX_WORD_BYTES = 1024
"""A longer word is `<unk>`: what SentencePiece does not know comes as one word, however long."""
BYTES_PER_NGRAM = 192
"""Allowed for each position in the text: 156 beside the 24 of the input, measured on 2 million of order 6."""

Ids = npt.NDArray[np.uint32]
Integers = npt.NDArray[np.int64]
Array = TypeVar("Array", bound=npt.NDArray[np.generic])

_POSITIONS_A_READ = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The distinct n-grams of one order in one partition, sorted by last word, then the word before it, and so on.

    `words` is each n-gram's first word, `suffix` the row of the rest of it one order below (for bigrams: the last
    word itself), `counts` the adjusted count: how many different words stand before it, or how often it occurs where
    nothing can stand before it (it begins with `<s>`) or where the order is the highest.
    """

    words: Ids
    suffix: Integers
    counts: Integers


class Vocabulary:
    """Words to ids in order of first appearance; past `max_words` a new word is `<unk>`."""

    def __init__(self, max_words: int) -> None:
        self.ids: dict[bytes, int] = {word: i for i, word in enumerate(SPECIAL_WORDS)}
        self.max_words = max_words

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, words: list[bytes]) -> list[int]:
        """Ids of words; a word that reads `<s>` or `</s>` is data, not a boundary, and becomes `<unk>`."""
        ids = self.ids
        if len(ids) + len(words) <= self.max_words:
            found = [ids.setdefault(word, len(ids)) for word in words]
        else:
            found = [self._admit(word) for word in words]
        return [UNKNOWN if BEGIN <= i <= END else i for i in found]

    def _admit(self, word: bytes) -> int:
        if word not in self.ids and len(self.ids) >= self.max_words:
            return UNKNOWN
        return self.ids.setdefault(word, len(self.ids))


def split_words(sentence: str) -> list[bytes]:
    """Words as KenLM cuts them: at ASCII blanks and NUL only, so a no-break space is part of a word."""
    words = sentence.replace("\0", " ").encode("utf-8", "replace").split()
    if max(map(len, words), default=0) > MAX_WORD_BYTES:
        words = [word if len(word) <= MAX_WORD_BYTES else SPECIAL_WORDS[UNKNOWN] for word in words]
    return words


def write_tokens(sentences: Iterable[str], order: int, vocabulary: Vocabulary, path: Path) -> int:
    """Each sentence as ids, behind `order - 1` times `<s>` and before `</s>`; returns the number of ids."""
    padding = [BEGIN] * (order - 1)
    tokens = 0
    with path.open("wb") as file:
        for sentence in sentences:
            words = split_words(sentence)
            if words:
                ids = np.array([*padding, *vocabulary.encode(words), END], dtype=np.uint32)
                file.write(ids.tobytes())
                tokens += len(ids)
    return tokens


def partition_of(newest: Ids, older: Ids, partitions: int) -> Integers:
    """The partition of n-grams by their last word and the word before it."""
    mixed = (newest.astype(np.uint64) << np.uint64(32)) | older.astype(np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits depend on all of both words.
    return ((mixed >> np.uint64(33)) % np.uint64(partitions)).astype(np.int64)


def write_partitions(tokens: Path, order: int, partitions: int, target: Callable[[int], Path]) -> None:
    """Every window of `order` ids that ends in a word, as rows in the file of its partition."""
    stream: Ids = np.memmap(tokens, dtype=np.uint32, mode="r")
    for start in range(0, len(stream) - order + 1, _POSITIONS_A_READ):
        chunk = stream[start : start + _POSITIONS_A_READ + order - 1]
        windows = np.lib.stride_tricks.sliding_window_view(chunk, order)
        # Columns run from the newest word to the oldest: that is the order in which n-grams are sorted.
        windows = windows[windows[:, -1] != BEGIN][:, ::-1]
        append_split(windows, partition_of(windows[:, 0], windows[:, 1], partitions), partitions, target)


def append_split(rows: Array, parts: Integers, partitions: int, target: Callable[[int], Path]) -> Integers:
    """Rows appended to one file a partition, in the order they have; returns how many went to each."""
    order = np.argsort(parts, kind="stable")
    sizes = np.bincount(parts, minlength=partitions)
    for part, chosen in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
        with target(part).open("ab") as file:
            np.ascontiguousarray(rows[chosen]).tofile(file)
    return sizes


def count_levels(windows: Ids) -> list[Level]:
    """The levels of order 2 up to the width of `windows`, whose columns run from the newest word to the oldest."""
    columns = _sorted_columns(windows)
    group = columns[0].astype(np.int64)
    levels: list[Level] = []
    for depth in range(1, len(columns)):
        starts = _group_starts(group, columns[depth])
        suffix, words = group[starts], columns[depth][starts]
        if levels:
            levels[-1] = _with_adjusted_counts(levels[-1], suffix)
        occurrences = np.diff(starts, append=len(group))
        levels.append(Level(words=words, suffix=suffix, counts=occurrences))
        sizes = occurrences if len(starts) else np.zeros(0, dtype=np.int64)
        # Nothing stands before <s>, so no longer n-gram is made of a row that begins with it.
        goes_on = columns[depth] != BEGIN
        group = np.repeat(np.arange(len(starts)), sizes)[goes_on]
        columns = [column[goes_on] for column in columns]
    return levels


def _with_adjusted_counts(level: Level, suffix_of_longer: Integers) -> Level:
    """Different words before each n-gram; where none can stand before it, its occurrences stay."""
    before = np.bincount(suffix_of_longer, minlength=len(level.counts))
    return Level(words=level.words, suffix=level.suffix, counts=np.where(before > 0, before, level.counts))


def _group_starts(group: Integers, words: Ids) -> Integers:
    """Where a row differs from the row before it in its group or its next word."""
    differs = np.empty(len(group), dtype=bool)
    differs[:1] = True
    np.not_equal(group[1:], group[:-1], out=differs[1:])
    differs[1:] |= words[1:] != words[:-1]
    return np.flatnonzero(differs)


def _sorted_columns(windows: Ids) -> list[Ids]:
    """The columns with the rows sorted by the first column, then the second, and so on."""
    bits = max(1, int(windows.max(initial=1)).bit_length())
    per_key = 64 // bits
    keys = []
    for first in range(0, windows.shape[1], per_key):
        # Several words in one 64-bit key: two sorts instead of five.
        key = np.zeros(len(windows), dtype=np.uint64)
        for column in range(first, min(first + per_key, windows.shape[1])):
            key = (key << np.uint64(bits)) | windows[:, column].astype(np.uint64)
        keys.append(key)
    order = np.lexsort(keys[::-1])
    return [windows[order, column] for column in range(windows.shape[1])]


def spell(levels: list[Level]) -> list[Ids]:
    """The words of the last level's n-grams, a column a word, from the newest to the oldest."""
    rows = np.arange(len(levels[-1].words))
    columns: list[Ids] = []
    for level in reversed(levels):
        columns.append(level.words[rows])
        rows = level.suffix[rows]
    return [rows.astype(np.uint32), *reversed(columns)]


def find(levels: list[Level], columns: list[Ids], vocabulary_size: int) -> Integers:
    """The row of each n-gram in the last level; columns run from the newest word to the oldest, all are present."""
    rows = columns[0].astype(np.int64)
    for level, words in zip(levels, columns[1:], strict=True):
        keys = level.suffix * vocabulary_size + level.words
        rows = np.searchsorted(keys, rows * vocabulary_size + words)
    return rows
