"""A set of byte strings with their ids, walked byte by byte: which pieces begin here?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, OFFSETS, compiled, compiled_lean

ROOT = 0
NONE = -1
MAX_BYTES = (1 << 24) - 1
"""A node's number and a byte share 32 bits."""


class Trie(NamedTuple):
    """`edges` is a hash table of (node, byte) → node, packed into one number; `ids` holds a node's id, or NONE."""

    edges: NDArray[np.uint64]
    ids: NDArray[np.int32]


TRIE = numba.types.NamedTuple((numba.uint64[::1], numba.int32[::1]), Trie)


@compiled_lean(numba.uint64(numba.uint64, numba.uint64))
def _slot(key: Any, mask: Any) -> Any:
    return ((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask


@compiled_lean(numba.int64(numba.uint64[::1], numba.int64, numba.uint8))
def step(edges: NDArray[np.uint64], node: int, byte: int) -> Any:
    """The node that a byte leads to, NONE where no string goes on so."""
    mask = np.uint64(len(edges) - 1)
    key = np.uint64(node) << np.uint64(8) | np.uint64(byte)
    slot = _slot(key, mask)
    while True:
        edge = edges[slot]
        if edge >> np.uint64(32) == key and edge != np.uint64(0):
            return np.int64(edge & np.uint64(0xFFFFFFFF))
        if edge == np.uint64(0):
            return NONE
        slot = (slot + np.uint64(1)) & mask


@compiled_lean(numba.int32(TRIE, BYTES, numba.int64, numba.int64))
def exact(trie: Trie, text: NDArray[np.uint8], start: int, end: int) -> Any:
    """The id of the string that is text[start:end], NONE where there is none."""
    node = ROOT
    for at in range(start, end):
        node = step(trie.edges, node, text[at])
        if node == NONE:
            return NONE
    return trie.ids[node]


@compiled(numba.int64(TRIE, BYTES, numba.int64, numba.int64))
def longest(trie: Trie, text: NDArray[np.uint8], start: int, end: int) -> Any:
    """Where the longest string ends that begins at `start` and ends by `end`; `start` where there is none."""
    node, found = ROOT, start
    for at in range(start, end):
        node = step(trie.edges, node, text[at])
        if node == NONE:
            return found
        if trie.ids[node] != NONE:
            found = at + 1
    return found


def build(strings: Sequence[bytes], ids: Sequence[int]) -> Trie:
    """The trie of these strings, none of them empty."""
    values = np.frombuffer(b"".join(strings), np.uint8)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(string) for string in strings], dtype=np.int64)])
    numbers = np.array(ids, np.int64)
    if len(values) > MAX_BYTES:
        raise ValueError(f"the strings of a trie have at most {MAX_BYTES} bytes, got {len(values)}")
    loose = _empty(len(values) + 1)
    # A node for each byte at most; once they are counted, the table is made as small as it may be.
    nodes = _fill(loose, values, offsets, numbers)
    tight = _empty(nodes)
    _fill(tight, values, offsets, numbers)
    return tight


def _empty(nodes: int) -> Trie:
    """Room for so many nodes, no more than half of the slots taken."""
    return Trie(np.zeros(1 << max(4, (2 * nodes).bit_length()), np.uint64), np.full(nodes, NONE, np.int32))


@compiled_lean(numba.int64(TRIE, BYTES, OFFSETS, numba.int64[::1]))
def _fill(trie: Trie, values: NDArray[np.uint8], offsets: NDArray[np.int64], ids: NDArray[np.int64]) -> Any:
    nodes = 1
    mask = np.uint64(len(trie.edges) - 1)
    for string in range(len(ids)):
        node = ROOT
        for at in range(offsets[string], offsets[string + 1]):
            following = step(trie.edges, node, values[at])
            if following == NONE:
                key = np.uint64(node) << np.uint64(8) | np.uint64(values[at])
                slot = _slot(key, mask)
                while trie.edges[slot] != np.uint64(0):
                    slot = (slot + np.uint64(1)) & mask
                following = nodes
                trie.edges[slot] = key << np.uint64(32) | np.uint64(following)
                nodes += 1
            node = following
        trie.ids[node] = ids[string]
    return nodes
