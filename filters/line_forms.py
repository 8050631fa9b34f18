"""`normalize_for_dedup` as a loop over UTF-8 bytes.

Thirty-two bytes are taken at once. Of ASCII a few operations make the form; other characters mostly stay as they are,
which a table tells; what changes, or goes, is written one by one.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from filters.normalize import normalize_for_dedup
from tokenizer.kernels import BYTES, compiled, next_code_point
from tokenizer.vectors import as_bits, load_bytes, store_bytes, store_word, trailing_zeros

Array = np.ndarray[Any, Any]

MAPPED_CODE_POINTS = 0x20000
"""Above these planes no character has a case, is a digit, blank or control character."""

UNKNOWN = -1
"""The length of a form that the loop cannot give: Python must."""

SPARE_BYTES = 32
"""How far behind a form the loop may write."""

TABLE = numba.types.Array(numba.uint64, 1, "C", readonly=True)
CHANGES = numba.types.Array(numba.boolean, 1, "C", readonly=True)
_FORMS = numba.uint8[::1]
_STEP = 32
_SIZE_SHIFT = np.uint64(32)  # An entry of the table: up to four bytes, how many they are, and flags.
_SIZE = np.uint64(7)
_ASK_PYTHON = np.uint64(1 << 41)
_CHANGES = np.uint64(1 << 42)


@cache
def form_table() -> Array:
    """What each code point is in a key: its UTF-8 bytes, the first the lowest; whether it changes."""
    table = np.empty(MAPPED_CODE_POINTS, np.uint64)
    for code in range(MAPPED_CODE_POINTS):
        character = chr(code)
        form = normalize_for_dedup(f"x{character}x")[1:-1]  # Between two letters: blanks at the ends go.
        bytes_ = form.encode("utf-8", "surrogatepass")
        entry = int.from_bytes(bytes_, "little") | len(bytes_) << int(_SIZE_SHIFT)
        entry |= int(_CHANGES) * (form != character)
        entry |= int(_ASK_PYTHON) * (character == "Σ")  # Which small letter it becomes hangs on those around it.
        table[code] = entry
    table.setflags(write=False)
    return table


@cache
def change_table() -> Array:
    """Whether a character that begins with these two bytes, `first << 8 | second`, may change: a block of 64 or one."""
    table = np.zeros(1 << 16, np.bool_)
    for code in np.flatnonzero(form_table() & _CHANGES).tolist():
        first, *rest = chr(code).encode("utf-8", "surrogatepass")
        table[first << 8 | rest[0] if rest else slice(first << 8, first + 1 << 8)] = True
    table.setflags(write=False)
    return table


@intrinsic  # type: ignore[untyped-decorator]
def _write_ascii_forms(_: Any, values: Any, at: Any, forms: Any, to: Any) -> Any:
    """`_write_ascii_forms(values, at, forms, to)`: 32 bytes with small letters and digits 0, others as they are.

    Gives a bit for each byte, the first the lowest: does a character begin there that must be looked up?
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target = signature.args[0], signature.args[2]
        found = load_bytes(context, builder, source, arguments[0], arguments[1], _STEP)

        def each(number: int) -> Any:
            return ir.Constant(found.type, [number] * _STEP)

        def among(first: str, count: int) -> Any:
            return builder.icmp_unsigned("<", builder.sub(found, each(ord(first))), each(count))

        small = builder.select(among("A", 26), builder.or_(found, each(0x20)), found)
        form = builder.select(among("0", 10), each(ord("0")), small)
        store_bytes(context, builder, target, arguments[2], arguments[3], form)
        # A byte of 0x80 to 0xBF goes on with a character.
        other = builder.icmp_unsigned(">=", found, each(0xC0))
        control = builder.or_(among("\0", 0x20), builder.icmp_unsigned("==", found, each(0x7F)))
        return as_bits(builder, builder.or_(other, control))

    return numba.uint64(values, at, forms, to), generate


@compiled(numba.int64(BYTES, numba.int64, numba.int64, TABLE, CHANGES, _FORMS, numba.int64))
def write_form(values: Array, start: int, end: int, table: Array, changes: Array, forms: Array, base: int) -> Any:
    """Write a stripped line's form from a place on; its length, or `UNKNOWN`. A form has at most twice the bytes."""
    at: Any = base
    while start < end:
        if start + _STEP < len(values):
            size: Any = min(np.int64(_STEP), end - start)
            looked_up = _write_ascii_forms(values, start, forms, at) & (np.uint64(1) << np.uint64(size)) - np.uint64(1)
            while looked_up:
                place = start + trailing_zeros(looked_up)
                if changes[np.int64(values[place]) << 8 | values[place + 1]]:
                    code, _ = next_code_point(values, place, end)
                    if code < MAPPED_CODE_POINTS and table[code] & _CHANGES:
                        break
                looked_up &= looked_up - np.uint64(1)
            plain: Any = min(trailing_zeros(looked_up), size)
            start += plain
            at += plain
            if plain == size:
                continue
        if values[start] & 0xC0 == 0x80:  # The rest of a character that a step has cut.
            forms[at] = values[start]
            start += 1
            at += 1
            continue
        code, after = next_code_point(values, start, end)
        if code < MAPPED_CODE_POINTS:
            if table[code] & _ASK_PYTHON:
                return UNKNOWN
            store_word(forms, at, table[code])
            at += np.int64(table[code] >> _SIZE_SHIFT & _SIZE)
        else:
            forms[at : at + after - start] = values[start:after]
            at += after - start
        start = after
    return at - base
