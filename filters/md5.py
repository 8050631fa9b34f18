"""MD5 of many short messages, eight side by side: a processor's vector holds one word of each.

MD5 guards nothing here. It is what RedPajama's SimHash is made of.
"""

import math
from typing import Any

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

from filters.lanes import LANES, VECTOR, each, element, rotated, swapped
from tokenizer.kernels import compiled

Array = np.ndarray[Any, Any]

WORDS = 7
"""Of a message with the bit that follows it; of its block of sixteen the others are zero, but for its length."""
MAX_BYTES = 4 * WORDS - 1

_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_SINES = tuple(int(abs(math.sin(step + 1)) * 2**32) for step in range(64))
_LENGTH_WORD = 14


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
            builder.bitcast(cgutils.create_struct_proxy(kind)(context, builder, value).data, VECTOR.as_pointer())
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        words = [builder.load(element(builder, rows, index), align=4) for index in range(WORDS + 1)]
        block = {**dict(enumerate(words[:WORDS])), _LENGTH_WORD: words[WORDS]}
        for index, word in enumerate(_rounds(builder, block)[2:]):
            builder.store(builder.add(word, each(_START[2 + index])), element(builder, out, index), align=4)
        return context.get_dummy_value()

    return numba.void(messages, digests), generate


def _rounds(builder: Any, block: dict[int, Any]) -> tuple[Any, ...]:
    a, b, c, d = (each(word) for word in _START)
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
        total = add(add(a, choice), each(_SINES[step]))
        if place in block:
            total = add(total, block[place])
        turned = rotated(builder, total, _TURNS[turn][step % 4])
        a, b, c, d = d, add(b, turned), b, c
    return a, b, c, d


@compiled(numba.void(numba.uint32[:, ::1], numba.uint32[:, ::1], numba.uint64[::1]))
def last_halves(messages: Array, digests: Array, halves: Array) -> None:
    """The last eight bytes of each message's digest as a number, the first of them the highest."""
    _compress(messages, digests)
    for lane in range(LANES):
        high, low = np.uint64(swapped(digests[0, lane])), np.uint64(swapped(digests[1, lane]))
        halves[lane] = high << np.uint64(32) | low
