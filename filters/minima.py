"""The least of many permuted hashes, for 32 permutations side by side in the processor's vectors.

Written for LLVM with vectors of 32 numbers, which stay in registers while the hashes go by: as a plain loop, Numba's
took twice as long over short texts and ten times as long when it went over the array's elements (2026-11).
"""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32
"""How many permutations are computed together: a signature's place is computed in one block of so many."""


@intrinsic  # type: ignore[untyped-decorator]
def lower_minima(_: Any, row: Any, at: Any, factors: Any, terms: Any, hashes: Any, count: Any) -> Any:
    """`lower_minima(row, at, factors, terms, hashes, count)`: lower LANES places of a row from `at` on.

    Each place becomes the least of itself and, of the first `count` hashes, hash * factor + term modulo 2^32. All are
    arrays of uint32; nothing is checked.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, number = ir.VectorType(ir.IntType(32), LANES), ir.IntType(32)

        def address(position: int, place: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[position])(context, builder, arguments[position])
            return builder.gep(array.data, [place])

        def block(position: int) -> Any:
            return builder.bitcast(address(position, arguments[1]), vector.as_pointer())

        factor, term = builder.load(block(2), align=4), builder.load(block(3), align=4)
        least = cgutils.alloca_once_value(builder, builder.load(block(0), align=4))
        unset, first = ir.Constant(vector, ir.Undefined), ir.Constant(number, 0)
        everywhere = ir.Constant(ir.VectorType(number, LANES), [0] * LANES)
        with cgutils.for_range(builder, arguments[5]) as loop:
            one = builder.insert_element(unset, builder.load(address(4, loop.index)), first)
            permuted = builder.add(builder.mul(builder.shuffle_vector(one, unset, everywhere), factor), term)
            before = builder.load(least)
            builder.store(builder.select(builder.icmp_unsigned("<", permuted, before), permuted, before), least)
        builder.store(builder.load(least), block(0), align=4)
        return context.get_dummy_value()

    return numba.void(row, numba.int64, factors, terms, hashes, numba.int64), generate
