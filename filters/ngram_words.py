"""Words to numbers: a text as a file of word ids, sentence after sentence.

Source: kpu/kenlm lm/builder/corpus_count.cc, `lmplz --skip_symbols`.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from tokenizer.kernels import BYTES, OFFSETS, compiled

UNKNOWN, BEGIN, END = 0, 1, 2
SPECIAL_WORDS = (b"<unk>", b"<s>", b"</s>")
MAX_WORD_BYTES = 1024
"""A longer word is `<unk>`: what SentencePiece does not know comes as one word, however long."""
MAX_WORDS = 1 << 21
"""Six words of 21 bits are the 128 bits of a sort key."""

MAX_LETTERS = 1 << 28
"""Words that take more bytes than this together are unknown as well."""

Ids = npt.NDArray[np.uint32]

_CHARS_A_STEP = 1 << 20
_IDS_A_READ = 1 << 20
_MAX_PROBES = 1 << 10
_BLANKS = tuple(b"\0\t\n\r ")
_LINE_FEED = 10
_FIRST_SLOTS, _FIRST_LETTERS = 1 << 12, 1 << 14

_I64 = numba.int64
_IDS = _SLOTS = numba.uint32[::1]
_COUNTS = _I64[::1]


def bits_of(words: int) -> int:
    """Bits of the highest id of so many words."""
    return max(1, (words - 1).bit_length())


@compiled(_I64(BYTES, _I64, _I64, _SLOTS, BYTES, OFFSETS))
def find_slot(text: Any, start: int, end: int, slots: Any, letters: Any, offsets: Any) -> Any:
    """Where the word is or would be; -1 where that takes too long. A slot holds the word's id and one, or 0."""
    mark = np.uint64(0xCBF29CE484222325)  # FNV-1a
    for i in range(start, end):
        mark = (mark ^ np.uint64(text[i])) * np.uint64(0x100000001B3)
    mark ^= mark >> np.uint64(29)
    last = len(slots) - 1
    slot = np.int64(mark & np.uint64(last))
    for _ in range(_MAX_PROBES):
        word = np.int64(slots[slot]) - 1
        if word < 0:
            return slot
        if offsets[word + 1] - offsets[word] == end - start:
            same = 0
            while same < end - start and letters[offsets[word] + same] == text[start + same]:
                same += 1
            if same == end - start:
                return slot
        slot = (slot + 1) & last
    return -1


@compiled(numba.void(_I64, _SLOTS, BYTES, OFFSETS))
def place_words(words: int, slots: Any, letters: Any, offsets: Any) -> None:
    """Give each word its slot in an empty table."""
    for word in range(words):
        slot = find_slot(letters, offsets[word], offsets[word + 1], slots, letters, offsets)
        if slot >= 0:
            slots[slot] = word + 1


@compiled(_I64(BYTES, _IDS, _I64, _I64, _COUNTS, _SLOTS, numba.uint8[::1], _COUNTS))
def encode_words(
    text: Any, ids: Any, filled: int, max_words: int, state: Any, slots: Any, letters: Any, offsets: Any
) -> Any:
    """Ids of words and lines, from where `state` says on, as long as a new word has room; returns their number."""
    at = state[1]
    while at < len(text):
        if text[at] in _BLANKS:
            if text[at] == _LINE_FEED:
                ids[filled] = END
                filled += 1
            at += 1
            continue
        start, words = at, state[0]
        while at < len(text) and text[at] not in _BLANKS:
            at += 1
        slot = find_slot(text, start, at, slots, letters, offsets)
        if slot >= 0 and slots[slot]:
            if slots[slot] <= END + 1:
                continue
            ids[filled] = slots[slot] - 1
        elif slot < 0 or words >= max_words or at - start > MAX_WORD_BYTES or offsets[words] > MAX_LETTERS:
            ids[filled] = UNKNOWN
        else:
            to = offsets[words]
            if 2 * (words + 1) > len(slots) or to + at - start > len(letters):
                state[1] = start
                return filled
            letters[to : to + at - start] = text[start:at]
            offsets[words + 1] = to + at - start
            slots[slot] = words + 1
            ids[filled] = words
            state[0] = words + 1
        filled += 1
    state[1] = at
    return filled


class Vocabulary:
    """Words to ids in order of first appearance; past `max_words` a new word is `<unk>`."""

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self.max_words = max_words
        self._slots = np.zeros(_FIRST_SLOTS, dtype=np.uint32)
        self._letters = np.zeros(_FIRST_LETTERS, dtype=np.uint8)
        self._offsets = np.zeros(_FIRST_SLOTS // 2 + 1, dtype=np.int64)
        special = b"".join(SPECIAL_WORDS)
        self._letters[: len(special)] = list(special)
        self._offsets[1 : 1 + len(SPECIAL_WORDS)] = np.cumsum([len(word) for word in SPECIAL_WORDS])
        # How many words are known, and how far the text is read.
        self._state = np.array([len(SPECIAL_WORDS), 0])
        place_words(len(self), self._slots, self._letters, self._offsets)

    def __len__(self) -> int:
        return int(self._state[0])

    def spellings(self) -> list[bytes]:
        """The words by their ids."""
        letters, offsets = self._letters.tobytes(), self._offsets.tolist()
        return [letters[offsets[i] : offsets[i + 1]] for i in range(len(self))]

    def encode(self, text: bytes) -> Ids:
        """Ids of lines of words, `</s>` for each line feed.

        Words are cut where lmplz cuts them: at blank, TAB, CR, LF and NUL only, so that a no-break space is part of a
        word. What reads `<s>`, `</s>` or `<unk>` is a blank, as for `lmplz --skip_symbols`.
        """
        letters, ids = np.frombuffer(text, dtype=np.uint8), np.empty(len(text), dtype=np.uint32)
        self._state[1] = filled = 0
        while self._state[1] < len(text):
            filled = encode_words(
                letters, ids, filled, self.max_words, self._state, self._slots, self._letters, self._offsets
            )
            if self._state[1] < len(text):
                self._grow()
        return ids[:filled]

    def _grow(self) -> None:
        """Twice the room, for words or for their letters."""
        words = len(self)
        if 2 * (words + 1) > len(self._slots):
            self._offsets = np.concatenate([self._offsets, np.zeros(len(self._slots) // 2, dtype=np.int64)])
            self._slots = np.zeros(2 * len(self._slots), dtype=np.uint32)
            place_words(words, self._slots, self._letters, self._offsets)
        if self._offsets[words] + MAX_WORD_BYTES > len(self._letters):
            self._letters = np.concatenate([self._letters, np.zeros(len(self._letters), dtype=np.uint8)])


def write_tokens(sentences: Iterable[str], vocabulary: Vocabulary, path: Path) -> int:
    """Each sentence as ids and `</s>`, a sentence without a word too; returns the number of ids."""
    tokens = chars = 0
    waiting: list[str] = []
    with path.open("wb") as file:
        for sentence in chain(sentences, (None,)):
            if sentence is None or chars > _CHARS_A_STEP:
                ids = vocabulary.encode("".join(waiting).encode("utf-8", "replace"))
                file.write(ids.data)
                tokens, chars, waiting = tokens + len(ids), 0, []
            if sentence is not None:
                waiting += (sentence.replace("\n", " "), "\n")
                chars += len(sentence)
    return tokens


def read_tokens(path: Path) -> Iterator[Ids]:
    """The file's ids, some at a time."""
    with path.open("rb") as file:
        while len(ids := np.fromfile(file, dtype=np.uint32, count=_IDS_A_READ)):
            yield ids
