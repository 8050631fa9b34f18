"""Reads an ARPA file, the text form of an n-gram model, in one pass and in blocks; packed with gzip or xz as well.

Source: SRILM's ngram-format(5); kpu/kenlm lm/read_arpa.cc and lm/search_hashed.cc.
Every fault of a file is a ValueError that names it and the place. Refused as KenLM does: an n-gram whose context is no
n-gram, a word that is no unigram, a probability above 1, a file that ends early. An unknown word that the model lacks
has KenLM's probability of 10^-100.
Differs: an n-gram that stands twice is refused.
"""

import gzip
import lzma
import math
import os
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from filters.arpa_lines import FAULTS, FORM, POSITIVE, TWICE, WordTable, read_ngrams, word_table
from filters.backoff_model import (
    BEGIN,
    END,
    MAX_ORDER,
    Automaton,
    BackoffModel,
    empty_automaton,
    forget_idle_contexts,
)

_Found = TypeVar("_Found")

_BLOCK_BYTES = 1 << 24
_MAX_LINE_BYTES = 1 << 20
_COUNT = re.compile(rb"ngram ([1-9])=([0-9]{1,12})")
_GZIP, _XZ, _END = b"\x1f\x8b", b"\xfd7zXZ\0", b"\\end\\"
_END_BYTES = 1 << 12
_SPELLINGS_OF_UNKNOWN = (b"<unk>", b"<UNK>")
_MISSING_UNKNOWN = -100.0


def read_arpa(path: str) -> BackoffModel:
    """The model of an ARPA file. Raises FileNotFoundError or ValueError, with the path."""
    return _found(path, lambda file: _read(_Lines(file)))


def check_arpa(path: str) -> None:
    """See how a file begins and, unless it is packed, ends, as a page in its place or a cut one does not.

    Raises as `read_arpa` does.
    """
    _found(path, _check)


def _found(path: str, find: Callable[[BinaryIO], _Found]) -> _Found:
    """What is found in a file, unpacked; each fault names it."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no language model at {path}")
    try:
        with Path(path).open("rb") as raw, _unpacked(raw) as file:
            return find(file)
    except (ValueError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{path} is no n-gram model: {error}") from error


def _unpacked(raw: BinaryIO) -> Any:
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    return lzma.LZMAFile(raw) if magic == _XZ else raw


def _check(file: Any) -> None:
    _read_counts(_Lines(file))
    if isinstance(file, gzip.GzipFile | lzma.LZMAFile):  # Its end is a whole reading away.
        return
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
    if _END not in file.read():
        raise ValueError(f"it ends without {_END.decode()}")


class _Lines:
    """The lines of a file, singly or by the block; a block ends where a line does."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._before = 0
        self.block = b""
        self.at = 0

    def fill(self) -> None:
        """Take the next block where all of this one is read. Raises ValueError at the end of the file."""
        if self.at < len(self.block):
            return
        self._before += self.at
        self.block, self.at = self._file.read(_BLOCK_BYTES), 0
        if not self.block:
            raise ValueError("it ends too early")
        if not self.block.endswith(b"\n"):
            rest = self._file.readline(_MAX_LINE_BYTES)
            if len(rest) == _MAX_LINE_BYTES:
                raise self.fault(f"a line of more than {_MAX_LINE_BYTES} bytes")
            self.block += rest

    def line(self) -> bytes:
        """The next line that is not blank, without what is blank at its ends."""
        line = b""
        while not line:
            self.fill()
            end = self.block.find(b"\n", self.at) + 1 or len(self.block)
            line = self.block[self.at : end].strip(b" \t\r\n")
            self.at = end
        return line

    def fault(self, what: str, line: bytes = b"") -> ValueError:
        """An error that says where the reading stands, with the beginning of a line."""
        shown = f": {line[:60].decode('utf-8', 'replace')!r}" if line else ""
        return ValueError(f"before byte {self._before + self.at} {what}{shown}")


def _read(lines: _Lines) -> BackoffModel:
    counts = _read_counts(lines)
    # One more word, since a model may lack the unknown one.
    automaton = empty_automaton((counts[0] + 1, *counts[1:]))
    numbers = _read_unigrams(lines, counts[0], automaton)
    words = word_table(numbers)
    state = counts[0] + 2
    for order, count in enumerate(counts[1:], start=2):
        _expect(lines, b"\\%d-grams:" % order)
        state = _read_order(lines, order, count, state if order < len(counts) else 0, words, automaton)
    _expect(lines, _END)
    forget_idle_contexts(automaton)
    return BackoffModel(order=len(counts), numbers=numbers, automaton=automaton)


def _expect(lines: _Lines, header: bytes) -> None:
    line = lines.line()
    if line != header:
        raise lines.fault(f"{header.decode()} was expected", line)


def _read_counts(lines: _Lines) -> Sequence[int]:
    line = lines.line()
    while line.startswith(b"#"):
        line = lines.line()
    if line != b"\\data\\":
        raise lines.fault("\\data\\ was expected", line)
    counts: list[int] = []
    while (line := lines.line()) != b"\\1-grams:":
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            raise lines.fault(f"the count of {len(counts) + 1}-grams was expected", line)
        counts.append(int(found[2]))
    if not 2 <= len(counts) <= MAX_ORDER:
        raise ValueError(f"its order is {len(counts)}, not one from 2 to {MAX_ORDER}")
    return counts


def _read_unigrams(lines: _Lines, count: int, automaton: Automaton) -> dict[bytes, int]:
    """The number of each word: 0 for the unknown one, else its place in the file, from 1 on."""
    numbers: dict[bytes, int] = {}
    automaton.unigram[0] = _MISSING_UNKNOWN
    for place in range(1, count + 1):
        line = lines.line()
        fields = line.replace(b"\t", b" ").split(b" ")
        unknown = len(fields) > 1 and fields[1] in _SPELLINGS_OF_UNKNOWN
        try:
            probability, backoff = (float(number) for number in [fields[0], *(fields[2:] or [b"0"])])
        except ValueError:
            raise lines.fault(FAULTS[FORM].format(order=1), line) from None
        if len(fields) == 1:
            raise lines.fault(FAULTS[FORM].format(order=1), line)
        if not (probability <= 0 and math.isfinite(probability) and math.isfinite(backoff)):
            raise lines.fault(FAULTS[POSITIVE], line)
        if fields[1] in numbers or (unknown and 0 in numbers.values()):
            raise lines.fault(FAULTS[TWICE], line)
        number = 0 if unknown else place
        numbers[fields[1]] = number
        automaton.unigram[number], automaton.backoff[1 + number] = probability, backoff
    for word in (BEGIN, END):
        if word not in numbers:
            raise ValueError(f"it has no {word.decode()} among its words")
    return numbers | dict.fromkeys(_SPELLINGS_OF_UNKNOWN, 0)


def _read_order(lines: _Lines, order: int, count: int, state: int, words: WordTable, automaton: Automaton) -> int:
    """Put all n-grams of an order into the automaton, as contexts from `state` on; returns the next."""
    while count:
        lines.fill()
        data = np.frombuffer(lines.block, np.uint8)
        lines.at, count, state, fault = read_ngrams(data, lines.at, count, order, state, words, automaton)
        if fault:
            line = lines.line()
            raise lines.fault(FAULTS[fault].format(order=order), line)
    return state
