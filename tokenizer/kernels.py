"""Compiles the loops over Arrow buffers once per machine, wherever the package lies."""

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeVar, cast

import numba
import numpy as np
import pyarrow as pa
from numba.core import typeinfer
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

BYTES = numba.types.Array(numba.uint8, 1, "C", readonly=True)
OFFSETS = numba.types.Array(numba.int64, 1, "C", readonly=True)
"""Arrow's buffers: they are never written to."""


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A function that is machine code from its first call on, for one signature."""

    def __init__(self, function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={"nopython": True, "boundscheck": None, **options})
        self._signature = signature
        _keep(self, function)
        KERNELS.append(self)

    def load(self) -> None:
        """Take the machine code from where it is kept, or compile; nothing where that has been done."""
        if self._can_compile:
            with typeinfer.register_dispatcher(self):  # It may call itself.
                self.compile(self._signature)
            self.disable_compile()

    def _compile_for_args(self, *_args: Any, **_kws: Any) -> Any:
        self.load()
        return self  # To be called again: now the arguments are held against the signature.

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """How another kernel calls it."""
        self.load()
        return super().get_call_template(args, kws)


KERNELS: list[Kernel] = []
"""All that were imported."""


def load_kernels() -> None:
    """Load all that were imported: by a process that others are forked from, who then share the code."""
    for kernel in KERNELS:
        kernel.load()


def compiled(signature: Any, **options: Any) -> Callable[[Function], Function]:
    """A decorator that compiles at the first call, for the given signature, and keeps the code for the next process.

    Numba keeps it beside the package, else in the user's cache folder, or in NUMBA_CACHE_DIR. Where none of these can
    be written the code is compiled anew in each process: a shared temporary folder would let others plant code.
    """

    def build(function: Function) -> Function:
        return cast(Function, functools.update_wrapper(Kernel(function, signature, options), function))

    return build


class _Cache(FunctionCache):  # type: ignore[misc]
    """Numba asks whether a function's own file has changed; its code holds what it takes from other files as well."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), borrowed(self._py_func))


def _keep(machine_code: Any, function: Any) -> None:
    """Have the machine code kept, where there is a folder for it."""
    try:
        machine_code._cache = _Cache(function)
    except (RuntimeError, OSError) as error:
        if isinstance(error, RuntimeError) and "cannot cache function" not in str(error):
            raise


@functools.cache
def borrowed(function: FunctionType) -> str:
    """A digest of all that a compiled function takes from its module: constants, and functions with their files."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(set(_names(function.__code__))):
        value = function.__globals__.get(name)
        # Compiled functions and intrinsics keep the function that was written.
        written = getattr(value, "py_func", getattr(value, "_defn", None))
        if isinstance(written, FunctionType):
            digest.update(_source(inspect.getfile(written)))
            if written is not function:
                digest.update(borrowed(written).encode())
        elif isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
        elif isinstance(value, int | float | str | bytes | tuple | np.generic):
            digest.update(f"{name} {value!r}".encode())
    return digest.hexdigest()


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@functools.cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


def compiled_lean(signature: Any, **options: Any) -> Callable[[Function], Function]:
    """As `compiled`, for loops that make no array of their own: references to arrays are not counted there.

    In loops that hand arrays from one to the other, word by word, counting them takes half of the time (2026-11).
    """
    return compiled(signature, _nrt=False, **options)


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64))
def next_code_point(values: np.ndarray[Any, Any], at: int, end: int) -> Any:
    """The code point at a place in valid UTF-8, and the place after it."""
    first = np.int64(values[at])
    if first < 0x80 or at + 1 >= end:
        return first, at + 1
    code = np.int64(values[at + 1]) & 0x3F
    if first < 0xE0 or at + 2 >= end:
        return (first & 0x1F) << 6 | code, at + 2
    code = code << 6 | (np.int64(values[at + 2]) & 0x3F)
    if first < 0xF0 or at + 3 >= end:
        return (first & 0x0F) << 12 | code, at + 3
    return (first & 0x07) << 18 | code << 6 | (np.int64(values[at + 3]) & 0x3F), at + 4


def text_buffers(texts: pa.Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The UTF-8 bytes of a string array without nulls, and its n + 1 offsets into them as int64.

    A slice shares its parent's bytes: the first offset need not be 0, and bytes past the last offset are another's.
    """
    if texts.null_count:
        raise ValueError("a text is never null")
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offset_buffer, value_buffer = texts.buffers()
    if not len(texts):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(offset_buffer, width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    values = np.empty(0, np.uint8) if value_buffer is None else np.frombuffer(value_buffer, np.uint8)
    return values, offsets


def text_array(values: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> pa.LargeStringArray:
    """A string array over the given UTF-8 bytes and n + 1 offsets, which must be valid."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
