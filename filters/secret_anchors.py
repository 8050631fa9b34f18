"""Where in a text a secret may stand: one pass that looks for the few letters by which each kind begins. Compiled.

A pattern for each of twenty kinds costs twenty passes; with the kinds known that a text may hold, nearly none is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]

ANCHOR_BYTES = 4
NAMED_VALUE_CHARS = 16
"""A value that is named like a key and has fewer characters is no key."""

_MAX_NAME_TAIL = 40
_MAX_ADDRESS_BYTES = 200
_SLOTS_BITS = 16
_FOLD = np.uint32(0x20)
_WORDS = numba.types.Array(numba.uint32, 1, "C", readonly=True)
_BITS = numba.types.Array(numba.int64, 1, "C", readonly=True)
_SLOTS = numba.types.Array(numba.uint8, 1, "C", readonly=True)
_MASKS = numba.types.Array(numba.int64, 1, "C")

_NAME, _VALUE, _DIGIT, _QUOTE = 1, 2, 4, 8


def _classes() -> Array:
    table = np.zeros(256, np.uint8)
    for byte in range(128):
        one = chr(byte)
        table[byte] |= _NAME * (one.isalnum() or one in "_-.'\"`]) \t") | _VALUE * (one.isalnum() or one in "+/=_.~-")
        table[byte] |= _DIGIT * one.isdigit() | _QUOTE * (one in "'\"`")
    table.flags.writeable = False
    return table


_CLASSES = _classes()


@dataclass(frozen=True, slots=True)
class Anchors:
    """At least four letters each, of any case, the first four its own, and the bit that a text with them gets.

    `named` is set where they stand in a name that is given a quoted value with a digit in it, as a key is; `address`
    where `://` is followed by `name:password@`.
    """

    words: Array
    bits: Array
    slots: Array
    tails: Array
    tail_ends: Array
    factor: int
    named: int
    address: int

    @classmethod
    def of(cls, letters: Mapping[str, int], *, named: Sequence[str], named_bit: int, address_bit: int) -> "Anchors":
        """A table in which the first four letters of each anchor have a slot of their own."""
        bits = {**dict.fromkeys(named, 1 << named_bit), **{word: 1 << bit for word, bit in letters.items()}}
        words = {_first_four(anchor): bit for anchor, bit in bits.items()}
        tails = [_folded(anchor[ANCHOR_BYTES:]) for anchor in bits]
        if len(words) != len(letters) + len(named) or len(words) > 254:
            raise ValueError(f"anchors must be different and fewer than 255, got {len(words)} of them")
        for factor in range(0x9E3779B1, 0x9E3779B1 + 2000, 2):
            places = [(word * factor & 0xFFFFFFFF) >> (32 - _SLOTS_BITS) for word in words]
            if len(set(places)) == len(places):
                break
        slots = np.zeros(1 << _SLOTS_BITS, np.uint8)
        slots[places] = np.arange(1, len(words) + 1)
        arrays = np.array(list(words), np.uint32), np.array(list(words.values()), np.int64), slots
        tail_bytes = np.frombuffer(b"".join(tails), np.uint8)
        tail_ends = np.cumsum([0, *map(len, tails)])
        return cls(*arrays, tail_bytes, tail_ends, factor=factor, named=1 << named_bit, address=1 << address_bit)


def _folded(letters: str) -> bytes:
    return bytes(byte | 0x20 for byte in letters.encode())


def _first_four(anchor: str) -> int:
    if len(anchor) < ANCHOR_BYTES or not anchor.isascii():
        raise ValueError(f"an anchor has at least {ANCHOR_BYTES} letters of ASCII, got {anchor!r}")
    return int.from_bytes(_folded(anchor[:ANCHOR_BYTES]), "big")


@compiled(numba.boolean(BYTES, numba.int64, numba.int64, _SLOTS))
def _names_a_key(values: Array, at: Any, end: Any, classes: Array) -> Any:
    """Whether what follows is the rest of a name, `=` or `:`, and a quoted value that may be a key."""
    stop = min(end, at + _MAX_NAME_TAIL)
    while at < stop and classes[values[at]] & _NAME:
        at += 1
    if at >= stop or (values[at] != 0x3D and values[at] != 0x3A):
        return False
    while at < stop and (values[at] in (0x3D, 0x3A, 0x3E, 0x20, 0x09, 0x28)):
        at += 1
    if at >= stop or not classes[values[at]] & _QUOTE:
        return False
    at += 1
    start, has_digit = at, False
    while at < end and classes[values[at]] & _VALUE:
        has_digit |= classes[values[at]] & _DIGIT > 0
        at += 1
    return has_digit and at - start >= NAMED_VALUE_CHARS and at < end and classes[values[at]] & _QUOTE > 0


@compiled(numba.boolean(BYTES, numba.int64, numba.int64))
def _holds_a_password(values: Array, at: Any, end: Any) -> Any:
    """Whether `name:password@` follows, of an address whose `://` ends here."""
    has_colon = False
    for place in range(at, min(end, at + _MAX_ADDRESS_BYTES)):
        byte = values[place]
        if byte == 0x40:
            return has_colon
        if byte <= 0x20 or byte in (0x2F, 0x22, 0x27, 0x3C, 0x3E, 0x60):
            return False
        has_colon |= byte == 0x3A and place > at
    return False


@compiled(numba.boolean(BYTES, numba.int64, numba.int64, _SLOTS, numba.int64, numba.int64))
def _goes_on(values: Array, at: Any, end: Any, tails: Array, first: Any, last: Any) -> Any:
    """Whether the rest of an anchor follows."""
    if at + last - first > end:
        return False
    for place in range(first, last):  # noqa: SIM110 - a loop, to be compiled
        if values[at + place - first] | _FOLD != tails[place]:
            return False
    return True


@compiled(
    numba.void(
        BYTES, OFFSETS, _WORDS, _BITS, _SLOTS, _SLOTS, _BITS, numba.uint32, numba.int64, numba.int64, _SLOTS, _MASKS
    ),
    _nrt=False,
)
def _find(
    values: Array,
    offsets: Array,
    words: Array,
    bits: Array,
    slots: Array,
    tails: Array,
    tail_ends: Array,
    factor: Any,
    named: Any,
    address: Any,
    classes: Array,
    masks: Array,
) -> None:
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        word = np.uint32(0)
        mask = np.int64(0)
        for at in range(start, end):
            word = np.uint32(word << np.uint32(8)) | np.uint32(values[at] | _FOLD)
            found = slots[np.uint32(word * factor) >> np.uint32(32 - _SLOTS_BITS)]
            if found and words[found - 1] == word and at - start >= ANCHOR_BYTES - 1:
                bit = bits[found - 1]
                if not _goes_on(values, at + 1, end, tails, tail_ends[found - 1], tail_ends[found]):
                    continue
                if bit != named or (not mask & named and _names_a_key(values, at + 1, end, classes)):
                    mask |= bit
            follows_scheme = values[at] == 0x2F and word & np.uint32(0xFFFFFF) == np.uint32(0x3A2F2F)
            if follows_scheme and not mask & address and _holds_a_password(values, at + 1, end):
                mask |= address
        masks[text] = mask


def anchor_masks(texts: pa.Array, anchors: Anchors) -> Array:
    """For each text a bit for each kind of secret that it may hold."""
    values, offsets = text_buffers(texts)
    masks = np.zeros(len(texts), np.int64)
    table = anchors.words, anchors.bits, anchors.slots, anchors.tails, anchors.tail_ends
    _find(values, offsets, *table, np.uint32(anchors.factor), anchors.named, anchors.address, _CLASSES, masks)
    return masks
