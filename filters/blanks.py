"""White space as `str.isspace` and `str.strip` have it, in loops over UTF-8 bytes."""

from typing import Any

import numba
import numpy as np

from tokenizer.kernels import BYTES, compiled, next_code_point

Array = np.ndarray[Any, Any]


@compiled(numba.boolean(numba.int64))
def is_blank(code: int) -> bool:
    """Whether the character is white space."""
    if code < 0x80:
        return code == 32 or 9 <= code <= 13 or 28 <= code <= 31
    if code < 0x2000:
        return code in (0x85, 0xA0, 0x1680)
    return code <= 0x200A or code in (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64))
def strip(values: Array, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its ends; an empty one where it has nothing else."""
    if start < end and 0x20 < values[start] < 0x7F and 0x20 < values[end - 1] < 0x7F:
        return start, end
    while start < end:
        code, after = next_code_point(values, start, end)
        if not is_blank(code):
            break
        start = after
    while start < end:
        last = end - 1
        while last > start and values[last] & 0xC0 == 0x80:
            last -= 1
        code, _ = next_code_point(values, last, end)
        if not is_blank(code):
            break
        end = last
    return start, end
