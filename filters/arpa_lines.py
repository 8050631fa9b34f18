"""The loops that read the lines of an ARPA file: numbers, words, and where an n-gram goes in the automaton."""

from typing import Any, NamedTuple

import numba
import numpy as np

from filters.backoff_model import AUTOMATON, Array, Automaton, add
from tokenizer.kernels import BYTES, compiled

FAULTS = (
    "",
    "not a number and {order} words",
    "a word is no unigram",
    "the context is no n-gram of the model",
    "a probability above 1",
    "the n-gram stands twice",
    "more than a back-off behind the words",
    "a back-off where none can be charged",
)
FORM, _UNSEEN, _CONTEXT, POSITIVE, TWICE, _LONG, _BACKOFF = range(1, len(FAULTS))
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
_TAB, _LINE_END, _RETURN, _SPACE = 9, 10, 13, 32


class WordTable(NamedTuple):
    """Words by their bytes: `slots` holds the place of a word among all, plus one; `numbers` the number of each."""

    values: Array
    offsets: Array
    numbers: Array
    slots: Array


WORD_TABLE = numba.types.NamedTuple((BYTES, numba.int64[::1], numba.int32[::1], numba.int32[::1]), WordTable)


@compiled(numba.int64(WORD_TABLE, BYTES, numba.int64, numba.int64))
def find_word(table: WordTable, data: Array, start: int, end: int) -> Any:
    """The slot of the word that stands in `data`, or where it would go: then that slot is empty."""
    values, offsets, slots = table.values, table.offsets, table.slots
    mixed = np.uint64(0xCBF29CE484222325)  # FNV-1a, mixed once more for the sake of short words.
    for at in range(start, end):
        mixed = (mixed ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
    mixed = (mixed ^ mixed >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    slot: Any = np.int64((mixed >> np.uint64(32)) * np.uint64(len(slots)) >> np.uint64(32))
    while slots[slot] != 0:
        first = offsets[slots[slot] - 1]
        same = offsets[slots[slot]] - first == end - start
        at = start
        while same and at < end:
            same = data[at] == values[first + at - start]
            at += 1
        if same:
            break
        slot += 1
        if slot == len(slots):
            slot = 0
    return slot


def word_table(numbers: dict[bytes, int]) -> WordTable:
    """The table of words with their numbers."""
    offsets = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum([len(word) for word in numbers], out=offsets[1:])
    values = np.frombuffer(b"".join(numbers), np.uint8)
    table = WordTable(values, offsets, np.array(list(numbers.values()), np.int32), np.zeros(2 * len(numbers), np.int32))
    for place in range(len(numbers)):
        table.slots[find_word(table, values, offsets[place], offsets[place + 1])] = place + 1
    return table


@compiled(numba.types.Tuple((numba.float64, numba.int64))(BYTES, numba.int64, numba.int64, numba.float64[::1]))
def number_at(data: Array, at: Any, end: int, powers: Array) -> Any:
    """A decimal number and the place after it; where there is none, the place -1."""
    negative = at < end and data[at] == 45
    at += negative
    digits, exponent, point = 0, 0, False
    mantissa: Any = np.int64(0)
    while at < end and (48 <= data[at] < 58 or (data[at] == 46 and not point)):
        if data[at] == 46:
            point = True
        else:
            digits += 1
            exponent -= point
            if mantissa < 10**17:
                mantissa = mantissa * 10 + data[at] - 48
            else:
                exponent += 1
        at += 1
    if at < end and data[at] | 32 == 101:
        down = at + 1 < end and data[at + 1] == 45
        at += 1 + (at + 1 < end and (data[at + 1] == 45 or data[at + 1] == 43))
        digits = 0
        power: Any = np.int64(0)
        while at < end and 48 <= data[at] < 58:
            digits += 1
            power = min(power * 10 + data[at] - 48, 10**6)
            at += 1
        exponent += -power if down else power
    if digits == 0:
        return 0.0, -1
    number = np.float64(mantissa)
    while exponent < 0 and number != 0:
        number /= powers[min(-exponent, 22)]
        exponent += min(-exponent, 22)
    while exponent > 0 and number != 0 and number < np.inf:
        number *= powers[min(exponent, 22)]
        exponent -= min(exponent, 22)
    return -number if negative else number, at


@compiled(numba.int64(BYTES, numba.int64, numba.int64))
def _skip_blanks(data: Array, at: int, end: int) -> int:
    while at < end and (data[at] == _SPACE or data[at] == _TAB or data[at] == _RETURN):
        at += 1
    return at


@compiled(
    numba.types.Tuple((numba.float32, numba.float32, numba.int64))(
        BYTES, numba.int64, numba.int64, numba.float64[::1], WORD_TABLE, numba.int64[::1]
    )
)
def _read_line(data: Array, at: int, end: int, powers: Array, words: WordTable, ngram: Array) -> Any:
    """Probability and back-off of the n-gram in a line, whose words' numbers are put into `ngram`; and the fault."""
    probability, at = number_at(data, at, end, powers)
    backoff = 0.0
    for place in range(len(ngram)):
        start = _skip_blanks(data, at, end)
        if at < 0 or start in (at, end):
            return np.float32(0), np.float32(0), FORM
        at = start
        while at < end and data[at] != _SPACE and data[at] != _TAB and data[at] != _RETURN:
            at += 1
        slot = find_word(words, data, start, at)
        if words.slots[slot] == 0:
            return np.float32(0), np.float32(0), _UNSEEN
        ngram[place] = words.numbers[words.slots[slot] - 1]
    start = _skip_blanks(data, at, end)
    if start < end:
        backoff, at = number_at(data, start, end, powers)
        if at < 0 or _skip_blanks(data, at, end) < end:
            return np.float32(0), np.float32(0), _LONG
    own, charge = np.float32(probability), np.float32(backoff)
    return own, charge, 0 if -np.inf < own <= 0 and abs(charge) < np.inf else POSITIVE


@compiled(
    numba.types.UniTuple(numba.int64, 4)(
        BYTES, numba.int64, numba.int64, numba.int64, numba.int64, WORD_TABLE, AUTOMATON
    )
)
def read_ngrams(data: Array, at: int, left: int, order: int, state: int, words: WordTable, automaton: Automaton) -> Any:
    """Read lines on from `at`, which become the contexts from `state` on, or none where that is 0.

    Returns where the reading stands, the n-grams left, the next state, and the fault of the line there.
    """
    ngram = np.empty(order, np.int64)
    powers = _POWERS.copy()
    while left > 0 and at < len(data):
        end = at
        while end < len(data) and data[end] != _LINE_END:
            end += 1
        start = _skip_blanks(data, at, end)
        if start < end:
            probability, backoff, fault = _read_line(data, start, end, powers, words, ngram)
            if fault == 0 and state == 0 and backoff != 0:
                fault = _BACKOFF
            if fault == 0:
                done = add(automaton, ngram, probability, backoff, state)
                fault = 0 if done == 0 else (_CONTEXT if done == -1 else TWICE)
            if fault != 0:
                return at, left, state, fault
            state += state != 0
            left -= 1
        at = end + 1
    return min(at, len(data)), left, state, 0
