"""SentencePiece's normaliser over Arrow buffers: its table of characters, its blanks, the blank put before a text.

Source: google/sentencepiece 0.2.3, src/normalizer.cc.
In what comes out U+2581, SentencePiece's mark for a blank, is written as one byte, a blank: no other blank is left.
"""

import struct
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers
from tokenizer.sentencepiece_model import SPACE, Kind, SentencePieceModel
from tokenizer.trie import TRIE, Trie, build, longest

PADDING = 32
"""So many bytes may be read past the end of normalised text."""

_SLOW = 0xFF


class Rules(NamedTuple):
    """What the kernel reads.

    `units` is the table's double array over UTF-8 bytes (empty: every character stays), `targets` the strings that
    its values point into, each ended by a zero byte; `ascii` is what stands for an ASCII character that is followed
    by another, _SLOW where the table must be asked; `kept` are the user's own symbols, which nothing changes.
    """

    units: NDArray[np.uint32]
    targets: NDArray[np.uint8]
    ascii: NDArray[np.uint8]
    kept: Trie
    has_kept: bool
    prefix: bool
    suffix: bool
    squeeze: bool
    escape: bool


RULES = numba.types.NamedTuple((numba.uint32[::1], BYTES, numba.uint8[::1], TRIE, *(numba.boolean,) * 5), Rules)
SPAN = numba.types.Tuple((numba.int64, numba.int64, numba.int64, numba.boolean))
GROWN = numba.types.Tuple((numba.uint8[::1], numba.int64))


class Normalized(NamedTuple):
    """Texts one behind another, U+2581 as a blank, and PADDING bytes: text i is `text[offsets[i] : offsets[i + 1]]`."""

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]


class Normalizer:
    """The normaliser of a model."""

    def __init__(self, model: SentencePieceModel) -> None:
        units, targets = _charsmap(model.charsmap)
        own = model.ids_of(Kind.USER_DEFINED)
        self._rules = Rules(
            units=units,
            targets=targets,
            ascii=np.empty(0, np.uint8),
            kept=build([model.pieces[i] for i in own], own),
            has_kept=bool(own),
            prefix=model.add_dummy_prefix and not model.whitespace_is_suffix,
            suffix=model.add_dummy_prefix and model.whitespace_is_suffix,
            squeeze=model.remove_extra_whitespaces,
            escape=model.escape_whitespaces,
        )
        self._rules = self._rules._replace(ascii=_ascii_targets(self._rules))

    def normalize(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Normalized:
        """The normalised texts of UTF-8 bytes and n + 1 offsets into them."""
        return Normalized(*_normalize(self._rules, values, offsets))

    def normalize_texts(self, texts: pa.Array) -> Normalized:
        """The normalised texts of a string array without nulls."""
        return self.normalize(*text_buffers(texts))


def _charsmap(charsmap: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """The double array and its strings: a length, then the units, then the strings."""
    if not charsmap:
        return np.empty(0, np.uint32), np.frombuffer(b"\0", np.uint8)
    (size,) = struct.unpack_from("<I", charsmap)
    units = np.frombuffer(charsmap, "<u4", size // 4, 4).astype(np.uint32)
    return units, np.frombuffer(charsmap, np.uint8, offset=4 + size)


def _ascii_targets(rules: Rules) -> NDArray[np.uint8]:
    """What each ASCII character becomes before another one, if that is one ASCII character whatever the other is."""
    found = np.full(128, _SLOW, np.uint8)
    if rules.has_kept:
        return found
    for code in range(128):
        pairs = (np.array([code, other], np.uint8) for other in range(128))
        if all(_matched(rules.units, pair, 0, 2)[0] <= 1 for pair in pairs):
            length, target = _matched(rules.units, np.array([code], np.uint8), 0, 1)
            string = bytes(rules.targets[target:].tobytes().split(b"\0", 1)[0]) if length else bytes([code])
            if len(string) == 1 and string[0] < 128:
                found[code] = string[0]
    return found


@compiled(numba.types.UniTuple(numba.int64, 2)(numba.uint32[::1], BYTES, numba.int64, numba.int64))
def _matched(units: NDArray[np.uint32], values: NDArray[np.uint8], at: int, end: int) -> Any:
    """Bytes of the longest key of a Darts double array that stands here, 0 for none, and its value."""
    length, value = 0, np.uint32(0)
    if not len(units):
        return length, value
    unit = units[0]
    node = np.uint32((unit >> np.uint32(10)) << ((unit & np.uint32(1 << 9)) >> np.uint32(6)))
    for place in range(at, end):
        node ^= np.uint32(values[place])
        if node >= len(units):
            break
        unit = units[node]
        if unit & np.uint32(0x800000FF) != np.uint32(values[place]):
            break
        node ^= np.uint32((unit >> np.uint32(10)) << ((unit & np.uint32(1 << 9)) >> np.uint32(6)))
        if unit >> np.uint32(8) & np.uint32(1) and node < len(units):
            length, value = place + 1 - at, units[node] & np.uint32(0x7FFFFFFF)
    return length, value


@compiled(SPAN(RULES, BYTES, numba.int64, numba.int64))
def _next(rules: Rules, values: NDArray[np.uint8], at: int, end: int) -> Any:
    """Bytes read; what stands for them: where it begins and ends in its array, and whether this is `targets`."""
    if rules.has_kept:
        kept = longest(rules.kept, values, at, end)
        if kept > at:
            return kept - at, at, kept, False
    length, start = _matched(rules.units, values, at, end)
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


@compiled(GROWN(RULES, BYTES, numba.int64, numba.int64, numba.uint8[::1], numba.int64))
def _append_normalized(rules: Rules, values: NDArray[np.uint8], at: int, end: int, text: Any, used: int) -> Any:
    """One text, not empty, behind the others."""
    begin = used
    text = _with_room(text, used, end - at + 2)
    if rules.prefix:
        text[used] = SPACE
        used += 1
    blank = rules.squeeze  # Whether a blank that comes now is one too many.
    while at < end:
        byte = values[at]
        if byte < 128 and rules.ascii[byte] != _SLOW and (at + 1 == end or values[at + 1] < 128):
            byte = rules.ascii[byte]
            at += 1
            if byte != SPACE or not blank:
                text[used] = byte
                used += 1
            blank = rules.squeeze and byte == SPACE
            continue
        length, start, stop, is_target = _next(rules, values, at, end)
        source = rules.targets if is_target else values
        while blank and start < stop and source[start] == SPACE:
            start += 1
        if start < stop:
            text, used = _append(source, start, stop, rules.escape, text, used)
            blank = rules.squeeze and source[stop - 1] == SPACE
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
