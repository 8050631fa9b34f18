"""Settings of a training run, and the four sizes of the LLaMA paper."""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, get_args

from trainer.errors import SettingsError

Precision = Literal["float32", "bfloat16", "float8"]
Activations = Literal["auto", "keep-linear", "full", "none"]
Switch = Literal["auto", "on", "off"]
_CHOICES = {"precision": Precision, "activations": Activations, "compile": Switch}


def _bounded(default: Any, bound: str) -> Any:
    return field(default=default, metadata={"bound": bound})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerConfig:
    """A LLaMA model and its optimiser (LLaMA sections 2.2 and 2.3, Table 2).

    Source: Touvron et al. 2023, sections 2.2, 2.3 and Table 2; the widths of facebookresearch/llama, model.py.
    Differs: where the paper is silent the key says what was chosen: `initial_std`, `adam_epsilon`, `precision`, and
    `feed_forward_multiple`, to which the feed-forward width 2/3 * 4 * dimension is rounded up (256 in the release; a
    small model wants less, or rounding alone makes its feed-forward layers half as wide again).

    What the paper does not have is off, but for the skipping of steps: `z_loss`, `document_mask`. A step is skipped
    where loss or gradient norm lies `skip_sigma` standard deviations above the mean of the last 128 (0: only where one
    is not finite). `micro_batch_sequences` = 0 takes as many as the device's memory holds. Of the processes that train
    together, `tensor_parallel` share each matrix product and `replicas` groups hold a whole copy of the state each.

    `threads` = 0 takes every core. Sums depend on how they are split: a run repeats bit for bit only at the same count.
    """

    dimension: int = _bounded(4096, ">= 1")
    layers: int = _bounded(32, ">= 1")
    heads: int = _bounded(32, ">= 1")
    feed_forward_multiple: int = _bounded(256, ">= 1")
    initial_std: float = _bounded(0.02, "> 0")
    steps: int = _bounded(250_000, ">= 1")
    batch_sequences: int = _bounded(2048, ">= 1")
    micro_batch_sequences: int = _bounded(0, ">= 0")
    learning_rate: float = _bounded(3.0e-4, "> 0")
    min_learning_rate_fraction: float = _bounded(0.1, "0 to 1")
    warmup_steps: int = _bounded(2000, ">= 0")
    weight_decay: float = _bounded(0.1, ">= 0")
    beta1: float = _bounded(0.9, "0 to below 1")
    beta2: float = _bounded(0.95, "0 to below 1")
    adam_epsilon: float = _bounded(1.0e-8, "> 0")
    max_gradient_norm: float = _bounded(1.0, "> 0")
    norm_epsilon: float = _bounded(1.0e-6, "> 0")
    rope_base: float = _bounded(10000.0, "> 0")
    z_loss: float = _bounded(0.0, ">= 0")
    skip_sigma: float = _bounded(6.0, ">= 0")
    document_mask: bool = False
    precision: Precision = "bfloat16"
    activations: Activations = "auto"
    compile: Switch = "auto"
    deterministic: bool = False
    tensor_parallel: int = _bounded(1, ">= 1")
    replicas: int = _bounded(1, ">= 1")
    checkpoint_steps: int = _bounded(1000, ">= 1")
    keep_checkpoints: int = _bounded(3, ">= 1")
    keep_every_steps: int = _bounded(0, ">= 0")
    evaluation_steps: int = _bounded(1000, ">= 0")
    evaluation_documents: int = _bounded(64, ">= 1")
    threads: int = _bounded(0, ">= 0")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if "bound" in item.metadata:
                _check_number(item.name, value, type(item.default), item.metadata["bound"])
            elif item.name in _CHOICES and value not in (known := get_args(_CHOICES[item.name])):
                raise SettingsError(f"{item.name} must be one of {', '.join(known)}, got {value!r}")
            elif type(item.default) is bool and not isinstance(value, bool):
                raise SettingsError(f"{item.name} must be true or false, got {value!r}")
        if self.dimension % (2 * self.heads):
            raise SettingsError(f"dimension must be a multiple of twice heads = {self.heads}, got {self.dimension}")
        for name, whole in (("heads", self.heads), ("feed_forward", self.feed_forward), ("dimension", self.dimension)):
            if whole % self.tensor_parallel:
                raise SettingsError(f"tensor_parallel must divide {name} = {whole}, got {self.tensor_parallel}")
        if self.warmup_steps > self.steps:
            raise SettingsError(f"warmup_steps must be at most steps = {self.steps}, got {self.warmup_steps}")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """The config of a settings file's keys; an unknown key is refused with its nearest neighbour."""
        known = [item.name for item in fields(cls)]
        for key in settings:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                raise SettingsError(f"unknown key {key}; {hint}")
        return cls(**settings)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The config of a JSON file."""
        try:
            settings = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"--settings {path}: {error}") from error
        if not isinstance(settings, dict):
            raise SettingsError(f"--settings {path}: must be one JSON object")
        return cls.from_mapping(settings)

    @property
    def head_size(self) -> int:
        """Columns of one attention head: 128 in the paper."""
        return self.dimension // self.heads

    @property
    def feed_forward(self) -> int:
        """Width inside the SwiGLU block: 2/3 * 4 * dimension, rounded up to `feed_forward_multiple`."""
        width = 2 * (4 * self.dimension) // 3
        return math.ceil(width / self.feed_forward_multiple) * self.feed_forward_multiple


def _check_number(name: str, value: Any, kind: type, bound: str) -> None:
    """Raises unless `value` is a finite number of its kind within the bound."""
    if isinstance(value, bool) or not isinstance(value, (int,) if kind is int else (int, float)):
        raise SettingsError(f"{name} must be {'a whole number' if kind is int else 'a number'}, got {value!r}")
    if not math.isfinite(value) or not _IS_WITHIN[bound](value):
        raise SettingsError(f"{name} must be {bound}, got {value}")


_IS_WITHIN = {
    ">= 1": lambda value: value >= 1,
    ">= 0": lambda value: value >= 0,
    "> 0": lambda value: value > 0,
    "0 to 1": lambda value: 0 <= value <= 1,
    "0 to below 1": lambda value: 0 <= value < 1,
}

# Table 2 and three smaller sizes. 4M tokens are 2,048 sequences of 2,048; steps = tokens / 2,048^2, rounded up.
PRESETS: Mapping[str, TrainerConfig] = MappingProxyType(
    {
        "7b": TrainerConfig(dimension=4096, heads=32, layers=32, learning_rate=3.0e-4, steps=238_419),
        "13b": TrainerConfig(dimension=5120, heads=40, layers=40, learning_rate=3.0e-4, steps=238_419),
        "33b": TrainerConfig(dimension=6656, heads=52, layers=60, learning_rate=1.5e-4, steps=333_787),
        "65b": TrainerConfig(dimension=8192, heads=64, layers=80, learning_rate=1.5e-4, steps=333_787),
        "1.3b": TrainerConfig(
            dimension=2048, heads=16, layers=24, feed_forward_multiple=128, learning_rate=3.0e-4, batch_sequences=256,
            steps=50_000,
        ),
        "125m": TrainerConfig(
            dimension=768, heads=12, layers=12, learning_rate=6.0e-4, batch_sequences=256, steps=5_000
        ),
        "tiny": TrainerConfig(
            dimension=128, heads=4, layers=4, feed_forward_multiple=32, learning_rate=1.0e-3, batch_sequences=32,
            steps=400, warmup_steps=40,
        ),
    }
)  # fmt: skip
