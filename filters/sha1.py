"""SHA-1 of many short messages, eight side by side: a processor's vector holds one word of each.

SHA-1 guards nothing here. It is what CCNet's keys are made of, and eight at a time it costs no more than a hash made
for speed would.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from filters.lanes import INDEX, LANES, VECTOR, called, each, element, rotated, swapped
from tokenizer.kernels import OFFSETS, compiled
from tokenizer.vectors import store_word

Array = np.ndarray[Any, Any]

BLOCK_BYTES = 64
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)


@compiled(numba.int64(numba.int64))
def padded_blocks(length: int) -> int:
    """Blocks that a message of so many bytes takes: it is followed by a bit and by its length."""
    return (length + 8) // BLOCK_BYTES + 1


@compiled(numba.void(numba.uint8[::1], numba.int64, numba.int64))
def pad(blocks: Array, at: int, length: int) -> None:
    """Write what follows a message that begins at a place: a bit, zeros, its length in bits, big-endian."""
    end = at + padded_blocks(length) * BLOCK_BYTES - 8
    at += length
    store_word(blocks, at, np.uint64(0x80))
    for after in range(at + 8, end, 8):
        store_word(blocks, after, np.uint64(0))
    low, high = np.uint64(swapped(length * 8 >> 32)), np.uint64(swapped(length * 8 & 0xFFFFFFFF))
    store_word(blocks, end, low | high << np.uint64(32))


@intrinsic  # type: ignore[untyped-decorator]
def _compress(_: Any, blocks: Any, block: Any, state: Any) -> Any:
    """`_compress(blocks, block, state)`: take into each message's state the block with its number.

    FIPS 180-4, section 6.1.2. `state` has five rows, a message's words below each other.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bytes_, numbers, rows = (
            cgutils.create_struct_proxy(kind)(context, builder, value).data
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        rows = builder.bitcast(rows, VECTOR.as_pointer())
        before = [builder.load(element(builder, rows, index), align=4) for index in range(5)]
        after = _rounds(builder, _words(builder, bytes_, numbers), before)
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            builder.store(builder.add(old, new), element(builder, rows, index), align=4)
        return context.get_dummy_value()

    return numba.void(blocks, block, state), generate


def _words(builder: Any, bytes_: Any, numbers: Any) -> list[Any]:
    """Sixteen vectors with a word of each message's block."""
    blocks = builder.bitcast(bytes_, ir.ArrayType(VECTOR, 2).as_pointer())
    halves: tuple[list[Any], list[Any]] = [], []
    for lane in range(LANES):
        number = builder.load(element(builder, numbers, lane))
        for index, half in enumerate(halves):
            words = builder.gep(blocks, [number, ir.Constant(INDEX, index)])
            half.append(called(builder, "bswap", builder.load(words, align=4)))
    return [word for half in halves for word in _transposed(builder, half)]


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of eight, rows for columns: at each distance the squares beside the diagonal change places."""
    for distance in (1, 2, 4):
        for index in range(LANES):
            if not index & distance:
                first, second = rows[index], rows[index + distance]
                upper = [LANES + i - distance if i & distance else i for i in range(LANES)]
                lower = [LANES + i if i & distance else i + distance for i in range(LANES)]
                rows[index] = builder.shuffle_vector(first, second, ir.Constant(VECTOR, upper))
                rows[index + distance] = builder.shuffle_vector(first, second, ir.Constant(VECTOR, lower))
    return rows


def _rounds(builder: Any, words: list[Any], before: list[Any]) -> tuple[Any, ...]:
    a, b, c, d, e = before
    add, xor, both, either = builder.add, builder.xor, builder.and_, builder.or_
    for step in range(80):
        if step >= 16:
            mixed = xor(xor(words[step - 3], words[step - 8]), xor(words[step - 14], words[step - 16]))
            words.append(rotated(builder, mixed, 1))
        if step < 20:
            choice, constant = xor(d, both(b, xor(c, d))), 0x5A827999
        elif step < 40:
            choice, constant = xor(xor(b, c), d), 0x6ED9EBA1
        elif step < 60:
            choice, constant = either(both(b, c), both(d, either(b, c))), 0x8F1BBCDC
        else:
            choice, constant = xor(xor(b, c), d), 0xCA62C1D6
        new = add(add(rotated(builder, a, 5), choice), add(add(e, words[step]), each(constant)))
        a, b, c, d, e = new, a, rotated(builder, b, 30), c, d
    return a, b, c, d, e


@compiled(numba.void(numba.uint8[::1], OFFSETS, numba.int64, OFFSETS, numba.uint64[::1]))
def hash_messages(blocks: Array, first: Array, messages: int, place: Array, keys: Array) -> None:
    """`keys[place[i]]` becomes the first eight bytes of message i's SHA-1, read as a little-endian number.

    Message i lies padded in the blocks from `first[i]` to before `first[i + 1]`.
    """
    state = np.zeros((5, LANES), np.uint32)
    message = np.full(LANES, -1, np.int64)
    block = np.zeros(LANES, np.int64)
    taken = 0
    while True:
        running = False
        for lane in range(LANES):
            done = message[lane]
            if done >= 0:
                block[lane] += 1
                if block[lane] == first[done + 1]:
                    low, high = np.uint64(swapped(state[0, lane])), np.uint64(swapped(state[1, lane]))
                    keys[place[done]] = low | high << np.uint64(32)
                    message[lane], block[lane] = -1, 0
            if message[lane] < 0 and taken < messages:
                message[lane], block[lane] = taken, first[taken]
                taken += 1
                for index in range(5):
                    state[index, lane] = _START[index]
            running |= message[lane] >= 0
        if not running:
            return
        _compress(blocks, block, state)
