"""Eight 32-bit words side by side in a processor's vector: what hashes of many messages at once are written with.

The functions that take a `builder` write LLVM's instructions, for those who write intrinsics.
"""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils

from tokenizer.kernels import compiled

LANES = 8
INDEX = ir.IntType(32)
VECTOR = ir.VectorType(ir.IntType(32), LANES)


def each(number: int) -> Any:
    """A vector of the same number in each lane."""
    return ir.Constant(VECTOR, [number] * LANES)


def element(builder: Any, elements: Any, index: int) -> Any:
    """The address of an element, a vector or a number, of those that lie at an address."""
    return builder.gep(elements, [ir.Constant(INDEX, index)])


def rotated(builder: Any, words: Any, by: int) -> Any:
    """Each word with its bits turned to the left."""
    return called(builder, "fshl", words, words, each(by))


def called(builder: Any, name: str, *vectors: Any) -> Any:
    """What an intrinsic function of LLVM makes of vectors."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * len(vectors))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}i32"), vectors)


@compiled(numba.uint32(numba.uint32))
def swapped(word: Any) -> Any:
    """The four bytes of one word in the other order."""
    return (word << 24) | (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24
