"""Looks at many bytes of a buffer at once: what Numba's loops over single bytes do not become by themselves.

Each function is written for LLVM with vectors of bytes and gives machine code on any processor, of whatever width.
Nothing is checked: the bytes asked for must lie in the array.
"""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK_BYTES = 64
"""How many bytes `matching_bytes` looks at: as many as an answer has bits."""


@intrinsic  # type: ignore[untyped-decorator]
def matching_bytes(_: Any, values: Any, at: Any, byte: Any) -> Any:
    """`matching_bytes(values, at, byte)`: a bit for each of 64 bytes, the first the lowest: is it that byte?"""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = load_bytes(context, builder, signature.args[0], arguments[0], arguments[1], BLOCK_BYTES)
        wanted = builder.trunc(arguments[2], ir.IntType(8))
        lane = builder.insert_element(ir.Constant(found.type, ir.Undefined), wanted, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK_BYTES), [0] * BLOCK_BYTES)
        each = builder.shuffle_vector(lane, ir.Constant(found.type, ir.Undefined), mask)
        return as_bits(builder, builder.icmp_unsigned("==", found, each))

    return numba.uint64(values, at, numba.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_word(_: Any, values: Any, at: Any, word: Any) -> Any:
    """`store_word(values, at, word)`: write eight bytes from any place on, the lowest first."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store(arguments[2], builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return numba.void(values, at, numba.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(_: Any, word: Any) -> Any:
    """`trailing_zeros(word)`: how many bits of a word lie below its lowest one; 64 where there is none."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return numba.int64(numba.uint64), generate


def byte_pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """The address of a place in an array of bytes, for those who write intrinsics."""
    return builder.gep(cgutils.create_struct_proxy(kind)(context, builder, array).data, [at])


def load_bytes(context: Any, builder: Any, kind: Any, array: Any, at: Any, size: int) -> Any:
    """A vector of the bytes from a place on."""
    vector = ir.VectorType(ir.IntType(8), size)
    pointer = byte_pointer(context, builder, kind, array, at)
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def store_bytes(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> None:
    """Write a vector of bytes from a place on."""
    pointer = byte_pointer(context, builder, kind, array, at)
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=1)


def as_bits(builder: Any, truths: Any) -> Any:
    """A vector of truths as a 64-bit word, the first the lowest."""
    bits = builder.bitcast(truths, ir.IntType(truths.type.count))
    return bits if truths.type.count == BLOCK_BYTES else builder.zext(bits, ir.IntType(64))
