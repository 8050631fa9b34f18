"""Sends for memory before it is looked at: a loop that has other work meanwhile need not wait for it."""

from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

from tokenizer.vectors import byte_pointer

_READ, _KEEP, _DATA = 0, 3, 1  # LLVM's llvm.prefetch: not to be written to, kept in all caches, no code.


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_: Any, array: Any, at: Any) -> Any:
    """`prefetch(array, at)`: the cache line in which an element lies. It changes nothing, wherever the place is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        element = byte_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(
            function, [builder.bitcast(element, byte), *(ir.Constant(number, value) for value in (_READ, _KEEP, _DATA))]
        )
        return context.get_dummy_value()

    return numba.void(array, at), generate
