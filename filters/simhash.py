"""SimHash of whole texts, as RedPajama v1 compares books with it: 64 bits, of which near-duplicates differ in few.

A text's small letters, digits and underscores are cut into all runs of six; of each run's MD5 the last eight bytes are
taken; a bit of the text's hash is set where more than half of the runs have it set.

Source: Charikar 2002; Manku et al. 2007 for the search; togethercomputer/RedPajama-Data (branch rp_v1)
    data_prep/book/dedup.py over leonsim/simhash 2.1: `Simhash(features)`, `SimhashIndex(k=5)`.
Differs: nothing in the hash, nor in which pairs are near.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from filters.lanes import LANES
from filters.md5 import WORDS, last_halves, write_message
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_buffers

Array = np.ndarray[Any, Any]

WIDTH = 6
"""Characters of a run."""
MAX_DISTANCE = 5
"""Bits in which near-duplicates differ at most."""
BLOCKS = tuple((block * 10, 10 if block < MAX_DISTANCE else 14) for block in range(MAX_DISTANCE + 1))
"""Lowest bit and width of each block: of two hashes that differ in five bits one of six blocks is the same in both."""

_PLANES = 40
_CODE_POINTS = 0x110000
_WORD_TABLE = numba.types.Array(numba.boolean, 1, "C", readonly=True)


def simhash(texts: pa.Array) -> Array:
    """The 64-bit hash of each text."""
    small = pa.array([text.lower() for text in texts.to_pylist()], pa.large_string())
    values, offsets = text_buffers(small)
    hashes: Array = _simhash(values, offsets, word_characters())
    return hashes


def near_earlier_in_block(hashes: Array, block: int) -> Array:
    """Which texts have an earlier one whose hash differs in at most five bits, whether or not that one stays.

    Of those pairs alone whose hashes agree in a block: of six searches each is a part of the whole.
    """
    keys = block_keys(hashes, block)
    order = np.argsort(keys, kind="stable")
    near = np.zeros(len(hashes), np.bool_)
    near[order] = _near_earlier(hashes[order], keys[order])
    return near


def block_keys(hashes: Array, block: int) -> Array:
    """The bits of a block as numbers."""
    lowest, width = BLOCKS[block]
    keys: Array = hashes >> np.uint64(lowest) & np.uint64((1 << width) - 1)
    return keys


@cache
def word_characters() -> Array:
    """For each code point: does `\\\\w` of Python's regular expressions match it, a letter, a digit, an underscore?"""
    table = np.zeros(_CODE_POINTS, np.bool_)
    for code in range(_CODE_POINTS):
        character = chr(code)
        table[code] = character.isalnum() or character == "_"
    table.setflags(write=False)
    return table


@compiled(numba.void(numba.uint64[::1], numba.uint64))
def _count(planes: Array, bits: Any) -> None:
    """Add one to each of 64 counters whose bit is set; a counter's own bits lie in the planes below each other."""
    plane = 0
    while bits:
        carried = planes[plane] & bits
        planes[plane] ^= bits
        bits = carried
        plane += 1


@compiled(numba.uint64(numba.uint64[::1], numba.int64))
def _majority(planes: Array, total: int) -> Any:
    """The bits that more than half of so many counts have set."""
    found = np.uint64(0)
    for bit in range(64):
        count = np.int64(0)
        for plane in range(_PLANES):
            count |= np.int64(planes[plane] >> np.uint64(bit) & np.uint64(1)) << plane
        if 2 * count > total:
            found |= np.uint64(1) << np.uint64(bit)
    return found


@compiled(numba.uint64[::1](BYTES, OFFSETS, _WORD_TABLE))
def _simhash(values: Array, offsets: Array, words: Array) -> Array:
    hashes = np.empty(len(offsets) - 1, np.uint64)
    messages, digests = np.zeros((WORDS + 1, LANES), np.uint32), np.empty((2, LANES), np.uint32)
    halves = np.empty(LANES, np.uint64)
    for text in range(len(hashes)):
        start, end = offsets[text], offsets[text + 1]
        kept = np.empty(end - start, np.uint8)
        starts = np.zeros(WIDTH, np.int64)
        planes = np.zeros(_PLANES, np.uint64)
        size, characters, runs, at = 0, 0, 0, start
        while at < end:
            code, after = next_code_point(values, at, end)
            if words[code]:
                starts[characters % WIDTH] = size
                for place in range(at, after):
                    kept[size] = values[place]
                    size += 1
                characters += 1
                if characters >= WIDTH:
                    write_message(messages, runs % LANES, kept, starts[characters % WIDTH], size)
                    runs += 1
                    if runs % LANES == 0:
                        last_halves(messages, digests, halves)
                        for lane in range(LANES):
                            _count(planes, halves[lane])
            at = after
        if characters < WIDTH:
            write_message(messages, 0, kept, 0, size)
            runs = 1
        last_halves(messages, digests, halves)
        for lane in range(runs % LANES):
            _count(planes, halves[lane])
        hashes[text] = _majority(planes, runs)
    return hashes


@compiled(numba.boolean[::1](numba.uint64[::1], numba.uint64[::1]))
def _near_earlier(hashes: Array, keys: Array) -> Array:
    """Of hashes sorted by key, which are near one that stands before with the same key."""
    near = np.zeros(len(hashes), np.bool_)
    first = 0
    for at in range(len(hashes)):
        if keys[at] != keys[first]:
            first = at
        for other in range(first, at):
            differing = hashes[at] ^ hashes[other]
            bits = 0
            while differing and bits <= MAX_DISTANCE:
                differing &= differing - np.uint64(1)
                bits += 1
            if bits <= MAX_DISTANCE:
                near[at] = True
                break
    return near
