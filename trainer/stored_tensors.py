"""Other programs' files, their safetensors written and read tensor by tensor, and their names for our weights.

No more than one weight is in memory at a time, so that a model larger than the machine's memory can be converted.
Source: huggingface/safetensors, README, "Format".
"""

import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainer.errors import SettingsError

_CODES = {torch.float32: "F32", torch.bfloat16: "BF16"}
_READABLE = {"F64", "F32", "F16", "BF16"}

Naming = Mapping[str, tuple[str, ...]]
"""By our name of a weight: theirs, or those of the several that ours holds one above the other."""


def naming(layers: int, layer_prefix: str, layer: Naming, rest: Naming) -> dict[str, tuple[str, ...]]:
    """Their names for all weights of a model, given those of a layer's and of the rest; in our order."""
    found = {"embedding": rest["embedding"]}
    for index in range(layers):
        prefix = f"{layer_prefix}{index}."
        found |= {f"layers.{index}.{ours}": tuple(prefix + name for name in names) for ours, names in layer.items()}
    return found | {ours: names for ours, names in rest.items() if ours != "embedding"}


def taken_apart(weight: Tensor, names: tuple[str, ...]) -> Iterator[Tensor]:
    """Their tensors in one of our weights."""
    yield from weight.unbind(0) if len(names) > 1 else (weight,)


def put_together(tensors: Sequence[Tensor]) -> Tensor:
    """Our weight, in float32, of their tensors."""
    wide = [tensor.to(torch.float32) for tensor in tensors]
    return torch.stack(wide) if len(wide) > 1 else wide[0]


class Entry(NamedTuple):
    """A tensor that a file will hold."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Its size in the file."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_tensors(path: Path, entries: Sequence[Entry], tensors: Iterator[Tensor]) -> None:
    """Writes a file of the next tensors, which come in the entries' order and are cast to what those say."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        place = [end, end := end + entry.nbytes]
        header[entry.name] = {"dtype": _CODES[entry.dtype], "shape": list(entry.shape), "data_offsets": place}
    packed = json.dumps(header, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)  # Readers map the file: numbers begin at a multiple of their size.
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(packed)) + packed)
        for entry in entries:
            tensor = next(tensors)
            if tuple(tensor.shape) != entry.shape:
                raise ValueError(f"{entry.name} must have the shape {entry.shape}, got {tuple(tensor.shape)}")
            file.write(tensor.to(entry.dtype).flatten().view(torch.uint8).numpy().data)


class StoredTensors:
    """The tensors of some safetensors files by name. Raises SettingsError where a file is none."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Reads the headers."""
        self._files: dict[str, Path] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(files):
            try:
                with safe_open(path, framework="pt") as file:
                    for name in file.keys():  # noqa: SIM118 - it is no mapping.
                        self._add(path, name, file.get_slice(name))
            except (SafetensorError, OSError) as error:
                raise SettingsError(f"{path} is no whole safetensors file: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of the tensor. Raises SettingsError where there is none."""
        if name not in self._shapes:
            raise SettingsError(f"{self._place()} holds no tensor {name}")
        return self._shapes[name]

    def read(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The tensor, in the precision in which it is stored. Raises SettingsError where it is not of the shape."""
        if self.shape(name) != shape:
            raise SettingsError(f"{name} must have the shape {shape}, {self._files[name]} has {self.shape(name)}")
        with safe_open(self._files[name], framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def refuse_other_than(self, names: Iterable[str], passed_over: str) -> None:
        """Raises SettingsError where there are tensors beside those named and those whose name ends as given."""
        others = sorted(name for name in set(self._files) - set(names) if not name.endswith(passed_over))
        if others:
            raise SettingsError(f"{self._files[others[0]]} holds {others[0]}, which is no weight of a LLaMA model")

    def _add(self, path: Path, name: str, stored: Any) -> None:
        shape, code = tuple(stored.get_shape()), stored.get_dtype()
        if code not in _READABLE:
            raise SettingsError(f"{path}: {name} must be of floating-point numbers, got {code}")
        if name in self._files:
            raise SettingsError(f"{name} is in {self._files[name]} and in {path}")
        self._files[name], self._shapes[name] = path, shape

    def _place(self) -> str:
        return str(next(iter(self._files.values())).parent) if self._files else "the folder"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises SettingsError where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{path} must hold one JSON object")
    return found


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes an object as a JSON file."""
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
