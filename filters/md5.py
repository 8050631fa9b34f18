"""MD5 of many short messages, eight side by side: a processor's vector holds one word of each.

MD5 guards nothing here. It is what RedPajama's SimHash is made of.
"""

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from tokenizer.kernels import compiled

Array = np.ndarray[Any, Any]

LANES = 8
WORDS = 7
"""Of a message with the bit that follows it; of its block of sixteen the others are zero, but for its length."""
MAX_BYTES = 4 * WORDS - 1

_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_SINES = tuple(int(abs(math.sin(step + 1)) * 2**32) for step in range(64))
_LENGTH_WORD = 14
_LANE = ir.VectorType(ir.IntType(32), LANES)
_INDEX = ir.IntType(32)


def empty_messages() -> Array:
    """Room for a message a lane: its words below each other, and its length in bits."""
    return np.zeros((WORDS + 1, LANES), np.uint32)


@compiled(numba.void(numba.uint32[:, ::1], numba.int64, numba.uint8[::1], numba.int64, numba.int64))
def write_message(messages: Array, lane: int, values: Array, start: int, end: int) -> None:
    """Make bytes, at most MAX_BYTES of them, a lane's message, with the bit that follows it."""
    for word in range(WORDS):
        messages[word, lane] = 0
    for at in range(start, end):
        place = at - start
        messages[place >> 2, lane] |= np.uint32(values[at]) << np.uint32(8 * (place & 3))
    length = end - start
    messages[length >> 2, lane] |= np.uint32(0x80) << np.uint32(8 * (length & 3))
    messages[WORDS, lane] = np.uint32(8 * length)


@intrinsic  # type: ignore[untyped-decorator]
def _compress(_: Any, messages: Any, digests: Any) -> Any:
    """`_compress(messages, digests)`: the last two words of each message's digest. RFC 1321, section 3.4."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, out = (
            builder.bitcast(cgutils.create_struct_proxy(kind)(context, builder, value).data, _LANE.as_pointer())
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        words = [builder.load(_element(builder, rows, index), align=4) for index in range(WORDS + 1)]
        block = {**dict(enumerate(words[:WORDS])), _LENGTH_WORD: words[WORDS]}
        for index, word in enumerate(_rounds(builder, block)[2:]):
            builder.store(builder.add(word, _each(_START[2 + index])), _element(builder, out, index), align=4)
        return context.get_dummy_value()

    return numba.void(messages, digests), generate


def _rounds(builder: Any, block: dict[int, Any]) -> tuple[Any, ...]:
    a, b, c, d = (_each(word) for word in _START)
    add, xor, both, either, other = builder.add, builder.xor, builder.and_, builder.or_, builder.not_
    for step in range(64):
        turn = step // 16
        if turn == 0:
            choice, place = xor(d, both(b, xor(c, d))), step
        elif turn == 1:
            choice, place = xor(c, both(d, xor(b, c))), (5 * step + 1) % 16
        elif turn == 2:
            choice, place = xor(xor(b, c), d), (3 * step + 5) % 16
        else:
            choice, place = xor(c, either(b, other(d))), 7 * step % 16
        total = add(add(a, choice), _each(_SINES[step]))
        if place in block:
            total = add(total, block[place])
        turned = _turned(builder, total, _TURNS[turn][step % 4])
        a, b, c, d = d, add(b, turned), b, c
    return a, b, c, d


def _turned(builder: Any, word: Any, by: int) -> Any:
    return builder.or_(builder.shl(word, _each(by)), builder.lshr(word, _each(32 - by)))


def _each(number: int) -> Any:
    return ir.Constant(_LANE, [number] * LANES)


def _element(builder: Any, elements: Any, index: int) -> Any:
    return builder.gep(elements, [ir.Constant(_INDEX, index)])


@compiled(numba.uint64(numba.uint32))
def _swapped(word: Any) -> Any:
    """The four bytes in the other order."""
    word = np.uint64(word)
    return (
        (word << np.uint64(24) | word << np.uint64(8) & np.uint64(0xFF0000)) & np.uint64(0xFFFFFFFF)
        | word >> np.uint64(8) & np.uint64(0xFF00)
        | word >> np.uint64(24)
    )


@compiled(numba.void(numba.uint32[:, ::1], numba.uint32[:, ::1], numba.uint64[::1]))
def last_halves(messages: Array, digests: Array, halves: Array) -> None:
    """The last eight bytes of each message's digest as a number, the first of them the highest."""
    _compress(messages, digests)
    for lane in range(LANES):
        halves[lane] = _swapped(digests[0, lane]) << np.uint64(32) | _swapped(digests[1, lane])
