"""Tensors of any mesh in safetensors files: what each process writes, and how any other mesh reads it.

A tensor is saved as the **chunks** that processes hold of it; a chunk that several hold is written by one of them.
A file is laid out in host memory as it will lie on disk, and written and hashed from there, so that it is in memory
once. It is a safetensors file whose metadata says where in its tensor each chunk begins, under the key and in the
form that `torch.distributed.checkpoint.HuggingFaceStorageReader` reads too. Same tensors, same bytes.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.distributed.tensor import DTensor

from trainer.errors import DamagedCheckpointError

# A power of two, since that is what page-locked memory is dealt in. Several files are written and hashed at once.
FILE_BYTES = 2**32
_THREADS = 4
_PIECE_BYTES = 2**24
_OFFSETS_KEY = "DCP_SHARDING_INFO"
_CODES = {
    torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A tensor that lies in memory in another form: made when it is saved, and taken apart when it is loaded."""

    shape: tuple[int, ...]
    give: Callable[[], Tensor]
    take: Callable[[Tensor], None]
    """Is given a tensor on the host."""
    dtype: torch.dtype = torch.float32


Saveable = Tensor | Converted


@dataclass(frozen=True, slots=True)
class Chunk:
    """A box out of a tensor: where it begins in each dimension, and how far it goes."""

    name: str
    offset: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return math.prod(self.shape) * self.dtype.itemsize


def chunk_of(name: str, value: Saveable) -> Chunk:
    """What this process holds of a tensor."""
    if isinstance(value, DTensor):
        # What torch's own checkpoints ask of a tensor; one chunk, for a shard of a mesh is a box.
        (box,) = value.__create_chunk_list__()  # type: ignore[no-untyped-call]
        return Chunk(name, tuple(box.offsets), tuple(box.sizes), value.dtype)
    return Chunk(name, (0,) * len(value.shape), tuple(value.shape), value.dtype)


def deal(held: Sequence[Iterable[Chunk]]) -> list[list[Chunk]]:
    """Who writes what, given what each process holds: every chunk once, and each about the same number of bytes."""
    holders: dict[Chunk, list[int]] = {}
    for rank, chunks in enumerate(held):
        for chunk in chunks:
            if chunk.nbytes:
                holders.setdefault(chunk, []).append(rank)
    dealt: list[list[Chunk]] = [[] for _ in held]
    load = [0] * len(held)
    for chunk in sorted(holders, key=lambda chunk: (-chunk.nbytes, chunk.name, chunk.offset)):
        rank = min(holders[chunk], key=lambda rank: (load[rank], rank))
        load[rank] += chunk.nbytes
        dealt[rank].append(chunk)
    return dealt


class HostFile:
    """A safetensors file, in host memory, of chunks of different tensors: to be filled, then written."""

    def __init__(self, name: str, chunks: Iterable[Chunk], *, pinned: bool) -> None:
        self.name = name
        # As the library orders them: wide elements first, so that each begins at a multiple of its width.
        self._chunks = sorted(chunks, key=lambda chunk: (-chunk.dtype.itemsize, chunk.name))
        header: dict[str, Any] = {
            "__metadata__": {
                _OFFSETS_KEY: json.dumps({chunk.name: {"saved_offsets": chunk.offset} for chunk in self._chunks})
            }
        }
        self._begins: dict[str, int] = {}
        end = 0
        for chunk in self._chunks:
            self._begins[chunk.name], begin = end, end
            end += chunk.nbytes
            header[chunk.name] = {
                "dtype": _CODES[chunk.dtype],
                "shape": chunk.shape,
                "data_offsets": (begin, end),
            }
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self._header = len(text).to_bytes(8, "little") + text
        self._data = torch.empty(end, dtype=torch.uint8, pin_memory=pinned)

    def fill(self, tensors: Mapping[str, Saveable]) -> None:
        """Copies each chunk here; from a GPU only in the order of its stream: synchronize before reading."""
        for chunk in self._chunks:
            value = tensors[chunk.name]
            begin = self._begins[chunk.name]
            place = self._data[begin : begin + chunk.nbytes].view(chunk.dtype).view(chunk.shape)
            place.copy_(_local(value.give() if isinstance(value, Converted) else value), non_blocking=True)

    def write(self, folder: Path) -> str:
        """Writes the file through to the disk; its SHA-256."""
        digest = hashlib.sha256()
        with (folder / self.name).open("xb") as file:
            for piece in (self._header, *(part.numpy().data for part in self._data.split(_PIECE_BYTES))):  # type: ignore[no-untyped-call]
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()


def lay_out(rank: int, chunks: Sequence[Chunk], *, pinned: bool) -> list[HostFile]:
    """The files of a process, empty yet: of at most `FILE_BYTES` each, unless a tensor is larger."""
    parts: list[list[Chunk]] = []
    room = 0
    for chunk in sorted(chunks, key=lambda chunk: chunk.name):
        if chunk.nbytes > room:
            parts.append([])
            room = FILE_BYTES
        parts[-1].append(chunk)
        room -= chunk.nbytes
    return [HostFile(file_name(rank, part), part_chunks, pinned=pinned) for part, part_chunks in enumerate(parts)]


def file_name(rank: int, part: int) -> str:
    """Name of a part of what a process writes."""
    return f"rank-{rank:05d}-part-{part:03d}.safetensors"


def write_files(folder: Path, files: Sequence[HostFile]) -> dict[str, str]:
    """Writes the files, several at once; the SHA-256 of each by name."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip((file.name for file in files), pool.map(lambda file: file.write(folder), files), strict=True))


def file_digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, several at once."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(_file_digest, paths))


@dataclass(frozen=True, slots=True)
class SavedTensor:
    """A tensor in files: its whole shape, and the chunks that tile it with the file of each."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    parts: tuple[tuple[Path, Chunk], ...]


def read_index(paths: Iterable[Path]) -> dict[str, SavedTensor]:
    """Which tensors files hold, by their headers alone; raises DamagedCheckpointError where chunks leave gaps."""
    found: dict[str, list[tuple[Path, Chunk]]] = {}
    for path in paths:
        try:
            for chunk in _chunks_in(path):
                found.setdefault(chunk.name, []).append((path, chunk))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedCheckpointError(f"{path.name}: {type(error).__name__}: {error}") from error
    return {name: _put_together(name, parts) for name, parts in found.items()}


def load_tensors(index: Mapping[str, SavedTensor], tensors: Mapping[str, Saveable]) -> None:
    """Fills what this process holds of each tensor, in place, from the chunks that lie over it.

    No more than a chunk is in memory beside the tensors. Raises DamagedCheckpointError where a tensor is not in the
    index, or is not of its shape and type there.
    """
    with ExitStack() as stack, torch.no_grad():
        opened: dict[Path, Any] = {}
        for name, value in tensors.items():
            if (saved := index.get(name)) is None:
                raise DamagedCheckpointError(f"it holds no {name}")
            if saved.shape != tuple(value.shape) or saved.dtype != value.dtype:
                raise DamagedCheckpointError(
                    f"{name} is {saved.dtype} {list(saved.shape)}, not {value.dtype} {list(value.shape)}"
                )
            target = torch.empty(value.shape, dtype=value.dtype) if isinstance(value, Converted) else _local(value)
            for path, chunk in saved.parts:
                if path not in opened:
                    opened[path] = stack.enter_context(safe_open(path, framework="pt"))
                _copy_overlap(opened[path], chunk, target, chunk_of(name, value).offset)
            if isinstance(value, Converted):
                value.take(target)


def _copy_overlap(file: Any, chunk: Chunk, target: Tensor, offset: tuple[int, ...]) -> None:
    """Copies what lies both in the chunk and in the target, which begins at `offset` of the whole tensor."""
    begins = [max(pair) for pair in zip(offset, chunk.offset, strict=True)]
    ends = [
        min(at + size, chunk_at + chunk_size)
        for at, size, chunk_at, chunk_size in zip(offset, target.shape, chunk.offset, chunk.shape, strict=True)
    ]
    if any(begin >= end for begin, end in zip(begins, ends, strict=True)):
        return

    def box(origin: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(slice(begin - at, end - at) for begin, end, at in zip(begins, ends, origin, strict=True))

    lengths = tuple(end - begin for begin, end in zip(begins, ends, strict=True))
    is_whole = lengths == chunk.shape
    target[box(offset)].copy_(
        file.get_tensor(chunk.name) if is_whole else file.get_slice(chunk.name)[box(chunk.offset)]
    )


def _chunks_in(path: Path) -> Iterable[Chunk]:
    dtypes = {code: dtype for dtype, code in _CODES.items()}
    with safe_open(path, framework="pt") as file:
        offsets = json.loads((file.metadata() or {})[_OFFSETS_KEY])
        for name in file.keys():  # noqa: SIM118  # It is no mapping.
            about = file.get_slice(name)
            shape, offset = tuple(about.get_shape()), tuple(offsets[name]["saved_offsets"])
            if len(offset) != len(shape) or not all(type(at) is int and at >= 0 for at in offset):
                raise ValueError(f"{name} begins at {offset}")
            yield Chunk(name, offset, shape, dtypes[about.get_dtype()])


def _put_together(name: str, parts: Sequence[tuple[Path, Chunk]]) -> SavedTensor:
    """Chunks tile a tensor where they are a grid: in each dimension intervals end to end, and each cell once."""
    chunks = [chunk for _, chunk in parts]
    if len({(len(chunk.shape), chunk.dtype) for chunk in chunks}) != 1:
        raise DamagedCheckpointError(f"the parts of {name} are of different kinds")
    shape, cells = [], 1
    for dimension in range(len(chunks[0].shape)):
        intervals = sorted({(chunk.offset[dimension], chunk.shape[dimension]) for chunk in chunks})
        end = 0
        for begin, length in intervals:
            if begin != end:
                raise DamagedCheckpointError(f"the parts of {name} do not fit together")
            end += length
        shape.append(end)
        cells *= len(intervals)
    if len({chunk.offset for chunk in chunks}) != cells or len(chunks) != cells:
        raise DamagedCheckpointError(f"the parts of {name} do not fit together")
    return SavedTensor(tuple(shape), chunks[0].dtype, tuple(parts))


def _local(tensor: Tensor) -> Tensor:
    return (tensor.to_local() if isinstance(tensor, DTensor) else tensor).detach()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
