"""SentencePiece's normaliser over Arrow buffers: its table of characters, its blanks, the blank put before a text.

Source: google/sentencepiece 0.2.3, src/normalizer.cc.
In what comes out U+2581, SentencePiece's mark for a blank, is written as one byte, a blank: no other blank is left.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.charsmap import CHANGES, INNER, flag_keys, matched, parse_charsmap
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point
from tokenizer.sentencepiece_model import BLANK, SPACE, Kind, SentencePieceModel
from tokenizer.trie import TRIE, Trie, build, longest

PADDING = 32
"""So many bytes may be read past the end of normalised text."""

_SLOW = 0xFF
_OWN = 4
"""The flag, beside those of the table, of a code point that begins a symbol of the user's own."""


class Rules(NamedTuple):
    """What the kernel reads.

    `units` is the table's double array over UTF-8 bytes (empty: every character stays), `targets` the strings that
    its values point into, each ended by a zero byte. `kept` are the user's own symbols, which nothing changes. So that
    the table is seldom asked: `ascii` says for each byte which one stands for it, or _SLOW; `flags` says of each code
    point whether it is a key of the table or begins a symbol of the user's own (CHANGES, _OWN), and whether it stands
    second in a key (INNER).
    """

    units: NDArray[np.uint32]
    targets: NDArray[np.uint8]
    ascii: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    kept: Trie
    prefix: bool
    suffix: bool
    squeeze: bool
    escape: bool


RULES = numba.types.NamedTuple(
    (numba.uint32[::1], BYTES, numba.uint8[::1], numba.uint8[::1], TRIE, *(numba.boolean,) * 4), Rules
)
SPAN = numba.types.Tuple((numba.int64, numba.int64, numba.int64, numba.boolean))
GROWN = numba.types.Tuple((numba.uint8[::1], numba.int64))


class Normalized(NamedTuple):
    """Texts one behind another, U+2581 as a blank, and PADDING bytes: text i is `text[offsets[i] : offsets[i + 1]]`."""

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]


class Normalizer:
    """The normaliser of a model."""

    def __init__(self, model: SentencePieceModel) -> None:
        units, targets = parse_charsmap(model.charsmap)
        own = model.ids_of(Kind.USER_DEFINED)
        flags, ascii_ = _quick_answers(model, units, targets)
        self._rules = Rules(
            units=units,
            targets=targets,
            ascii=ascii_,
            flags=flags,
            kept=build([model.pieces[i] for i in own], own),
            prefix=model.add_dummy_prefix and not model.whitespace_is_suffix,
            suffix=model.add_dummy_prefix and model.whitespace_is_suffix,
            squeeze=model.remove_extra_whitespaces,
            escape=model.escape_whitespaces,
        )

    def normalize(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Normalized:
        """The normalised texts of UTF-8 bytes and n + 1 offsets into them."""
        return Normalized(*_normalize(self._rules, values, offsets))


def _quick_answers(
    model: SentencePieceModel, units: NDArray[np.uint32], targets: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`flags` and `ascii` of the rules."""
    flags = flag_keys(units)
    for symbol in model.ids_of(Kind.USER_DEFINED):
        flags[ord(model.pieces[symbol].decode()[0])] |= CHANGES | _OWN
    if model.escape_whitespaces:
        flags[ord(BLANK.decode())] |= CHANGES
    return flags, _ascii_targets(flags, units, targets)


def _ascii_targets(
    flags: NDArray[np.uint8], units: NDArray[np.uint32], targets: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """What each ASCII character becomes where the next one is in no key behind another, if that is one again."""
    found = np.full(256, _SLOW, np.uint8)
    if (flags[:128] & INNER).any():
        return found
    for code in range(128):
        length, start = matched(units, np.array([code], np.uint8), 0, 1)
        target = targets[start : start + 2].tolist() if length else [code, 0]
        if target[0] < 128 and target[1:] == [0] and not (flags[code] & _OWN):
            found[code] = target[0]
    return found


@compiled(SPAN(RULES, BYTES, numba.int64, numba.int64))
def _next(rules: Rules, values: NDArray[np.uint8], at: int, end: int) -> Any:
    """Bytes read; what stands for them: where it begins and ends in its array, and whether this is `targets`."""
    kept = longest(rules.kept, values, at, end)
    if kept > at:
        return kept - at, at, kept, False
    length, start = matched(rules.units, values, at, end)
    if length and start < len(rules.targets):
        stop = start
        while stop < len(rules.targets) and rules.targets[stop]:
            stop += 1
        return length, start, stop, True
    _, after = next_code_point(values, at, end)
    return after - at, at, after, False


@compiled(numba.uint8[::1](numba.uint8[::1], numba.int64, numba.int64))
def _with_room(text: NDArray[np.uint8], used: int, room: int) -> Any:
    """The same bytes with room for so many more."""
    if used + room <= len(text):
        return text
    larger = np.empty(2 * len(text) + room, np.uint8)
    larger[:used] = text[:used]
    return larger


@compiled(numba.int64(RULES, BYTES, numba.int64, numba.int64))
def _after_blanks(rules: Rules, values: NDArray[np.uint8], at: int, end: int) -> Any:
    """Where a text begins whose leading blanks do not count."""
    while at < end:
        length, start, stop, is_target = _next(rules, values, at, end)
        source = rules.targets if is_target else values
        if stop - start != 1 or source[start] != SPACE:
            break
        at += length
    return at


@compiled(GROWN(BYTES, numba.int64, numba.int64, numba.boolean, numba.uint8[::1], numba.int64))
def _append(source: NDArray[np.uint8], start: int, stop: int, escape: bool, text: Any, used: int) -> Any:
    """source[start:stop] behind the text, each U+2581 as a blank."""
    text = _with_room(text, used, stop - start)
    at = start
    while at < stop:
        byte = source[at]
        if escape and byte == 0xE2 and at + 2 < stop and source[at + 1] == 0x96 and source[at + 2] == 0x81:
            byte = np.uint8(SPACE)
            at += 2
        text[used] = byte
        used += 1
        at += 1
    return text, used


@compiled(
    numba.types.UniTuple(numba.int64, 3)(
        numba.uint8[::1],
        numba.uint8[::1],
        BYTES,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.uint8[::1],
        numba.int64,
    )
)
def _copy(
    ascii_: Any, flags: Any, values: Any, at: int, end: int, squeeze: int, blank: Any, text: Any, used: int
) -> Any:
    """Appends characters up to one that the table must be asked for; returns the places and the state after them."""
    start, before, used_before, blank_before = at, at, used, blank
    while at < end:
        target = ascii_[values[np.uint64(at)]]
        if target != _SLOW:
            before, used_before, blank_before = at, used, blank
            text[np.uint64(used)] = target
            is_space = np.int64(target == SPACE)
            used += 1 - (is_space & blank)  # A blank too many is written over: that costs less than to ask.
            blank = is_space & squeeze
            at += 1
            continue
        code, after = next_code_point(values, at, end)
        if flags[code] & INNER and at > start:
            return before, used_before, blank_before
        if code < 128 or flags[code] & CHANGES:
            break
        before, used_before, blank_before = at, used, blank
        while at < after:
            text[np.uint64(used)] = values[np.uint64(at)]
            used += 1
            at += 1
        blank = np.int64(0)
    return at, used, blank


@compiled(GROWN(RULES, BYTES, numba.int64, numba.int64, numba.uint8[::1], numba.int64))
def _append_normalized(rules: Rules, values: NDArray[np.uint8], at: int, end: int, text: Any, used: int) -> Any:
    """One text, not empty, behind the others."""
    begin = used
    text = _with_room(text, used, end - at + 2)
    if rules.prefix:
        text[used] = SPACE
        used += 1
    squeeze: Any = np.int64(rules.squeeze)
    blank = squeeze  # Whether a blank that comes now is one too many.
    while at < end:
        at, used, blank = _copy(rules.ascii, rules.flags, values, at, end, squeeze, blank, text, used)
        if at == end:
            break
        length, start, stop, is_target = _next(rules, values, at, end)
        source = rules.targets if is_target else values
        while blank and start < stop and source[start] == SPACE:
            start += 1
        if start < stop:
            text, used = _append(source, start, stop, rules.escape, text, used)
            blank = squeeze & np.int64(source[stop - 1] == SPACE)
        at += length
        text = _with_room(text, used, end - at + 2)
    while rules.squeeze and used > begin and text[used - 1] == SPACE:
        used -= 1
    if rules.suffix:
        text[used] = SPACE
        used += 1
    return text, used


@compiled(numba.types.Tuple((numba.uint8[::1], numba.int64[::1]))(RULES, BYTES, OFFSETS))
def _normalize(rules: Rules, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    texts = len(offsets) - 1
    text = np.empty(offsets[texts] - offsets[0] + 2 * texts + PADDING, np.uint8)
    ends = np.zeros(texts + 1, np.int64)
    used = 0
    for index in range(texts):
        at, end = offsets[index], offsets[index + 1]
        if rules.squeeze:
            at = _after_blanks(rules, values, at, end)
        if at < end:
            text, used = _append_normalized(rules, values, at, end, text, used)
        ends[index + 1] = used
    return _with_room(text, used, PADDING), ends
