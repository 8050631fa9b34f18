"""Writes an n-gram model as ARPA, the text format that KenLM, SRILM and others read.

Source: kpu/kenlm lm/common/print.cc.
Differs: logarithms have at most seven digits after the point.
"""

import math
from collections.abc import Sequence
from typing import Any, BinaryIO

import numba
import numpy as np
import numpy.typing as npt

from filters.ngram_sort import word_of
from filters.ngram_words import bits_of
from tokenizer.kernels import BYTES, OFFSETS, compiled

Floats = npt.NDArray[np.float32]

_BUFFER_BYTES = 1 << 22
_NUMBER_BYTES = 24
_DECIMALS = 7
_SCALE = 10**_DECIMALS


class ArpaWriter:
    """Sections of n-grams, from unigrams up; `spellings` are the words by their ids."""

    def __init__(self, file: BinaryIO, ngrams: Sequence[int], spellings: Sequence[bytes]) -> None:
        self._file = file
        self._letters = np.frombuffer(b"".join(spellings), dtype=np.uint8)
        self._offsets = np.zeros(len(spellings) + 1, dtype=np.int64)
        np.cumsum([len(word) for word in spellings], out=self._offsets[1:])
        self._line_bytes = len(ngrams) * (max(map(len, spellings)) + 1) + 2 * _NUMBER_BYTES
        self._buffer = np.empty(_BUFFER_BYTES + self._line_bytes, dtype=np.uint8)
        self._bits = bits_of(len(spellings))
        self._order = len(ngrams)
        file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % pair for pair in enumerate(ngrams, start=1)))

    def begin(self, order: int) -> None:
        """The head of a section."""
        self._file.write(b"\n\\%d-grams:\n" % order)

    def write(
        self,
        order: int,
        keys: npt.NDArray[np.uint64],
        words: npt.NDArray[np.uint32],
        probabilities: Floats,
        backoffs: Floats | None,
    ) -> None:
        """A line an n-gram: its last word, and the words before it from its key, as `pack_windows` packs them."""
        own = np.zeros(0, dtype=np.float32) if backoffs is None else backoffs
        start = 0
        while start < len(words):
            start, used = format_ngrams(
                start,
                order,
                self._order,
                self._bits,
                keys,
                words,
                probabilities,
                own,
                self._letters,
                self._offsets,
                self._buffer,
                self._line_bytes,
            )
            self._file.write(self._buffer[:used].data)

    def end(self) -> None:
        """The last line."""
        self._file.write(b"\n\\end\\\n")


_F32 = numba.float32[::1]
_BUFFER = numba.uint8[::1]


@compiled(numba.int64(numba.float64, _BUFFER, numba.int64))
def write_logarithm(value: float, buffer: Any, at: int) -> Any:
    """The base-10 logarithm as text, never above 0, which KenLM refuses and rounding could give; the place after it."""
    if value <= 0.0:
        for letter in (45, 105, 110, 102):  # -inf
            buffer[at] = letter
            at += 1
        return at
    number = np.int64(round(-math.log10(value) * _SCALE))
    if number <= 0:
        buffer[at] = 48
        return at + 1
    buffer[at] = 45
    whole, rest = number // _SCALE, number % _SCALE
    digits, bound = 1, 10
    while whole >= bound:
        digits, bound = digits + 1, bound * 10
    for i in range(digits - 1, -1, -1):
        buffer[at + 1 + i] = 48 + whole % 10
        whole //= 10
    at += 1 + digits
    if rest:
        buffer[at] = 46
        digits = _DECIMALS
        while rest % 10 == 0:
            rest //= 10
            digits -= 1
        for i in range(digits, 0, -1):
            buffer[at + i] = 48 + rest % 10
            rest //= 10
        at += 1 + digits
    return at


@compiled(
    numba.types.UniTuple(numba.int64, 2)(
        numba.int64,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.uint64[:, ::1],
        numba.uint32[::1],
        _F32,
        _F32,
        BYTES,
        OFFSETS,
        _BUFFER,
        numba.int64,
    )
)
def format_ngrams(
    start: int,
    order: int,
    key_words: int,
    word_bits: int,
    keys: Any,
    words: Any,
    probabilities: Any,
    backoffs: Any,
    letters: Any,
    offsets: Any,
    buffer: Any,
    line_bytes: int,
) -> Any:
    """Lines from n-gram `start` on, as many as fit; returns the first that is not written, and the bytes used."""
    used = 0
    for at in range(start, len(words)):
        if used + line_bytes > len(buffer):
            return at, used
        used = write_logarithm(probabilities[at], buffer, used)
        buffer[used] = 9
        used += 1
        for i in range(order - 2, -2, -1):
            word = np.int64(words[at])
            if i >= 0:
                word = np.int64(word_of(keys[at, 0], keys[at, 1], word_bits, key_words - 1 - i))
            for j in range(offsets[word], offsets[word + 1]):
                buffer[used] = letters[j]
                used += 1
            buffer[used] = 32
            used += 1
        used -= 1
        if len(backoffs):
            buffer[used] = 9
            used = write_logarithm(backoffs[at], buffer, used + 1)
        buffer[used] = 10
        used += 1
    return len(words), used
