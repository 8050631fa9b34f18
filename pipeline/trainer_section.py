"""Table `[trainer]` of a recipe: the keys of `trainer/config.py`, and how `tokenmill train` starts the trainer.

The pipeline imports nothing of the trainer, so keys, bounds and presets stand here too; a test holds that they agree.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.section import Count, Fraction, Positive, Section, Texts

PRESETS: Mapping[str, Mapping[str, int | float]] = MappingProxyType(
    {
        "7b": {"dimension": 4096, "heads": 32, "layers": 32, "learning_rate": 3.0e-4, "steps": 238_419},
        "13b": {"dimension": 5120, "heads": 40, "layers": 40, "learning_rate": 3.0e-4, "steps": 238_419},
        "33b": {"dimension": 6656, "heads": 52, "layers": 60, "learning_rate": 1.5e-4, "steps": 333_787},
        "65b": {"dimension": 8192, "heads": 64, "layers": 80, "learning_rate": 1.5e-4, "steps": 333_787},
        "1.3b": {
            "dimension": 2048, "heads": 16, "layers": 24, "feed_forward_multiple": 128, "learning_rate": 3.0e-4,
            "batch_sequences": 256, "steps": 50_000,
        },
        "125m": {
            "dimension": 768, "heads": 12, "layers": 12, "learning_rate": 6.0e-4,
            "batch_sequences": 256, "steps": 5_000,
        },
        "tiny": {
            "dimension": 128, "heads": 4, "layers": 4, "feed_forward_multiple": 32, "learning_rate": 1.0e-3,
            "batch_sequences": 32, "steps": 400, "warmup_steps": 40,
        },
    }
)  # fmt: skip


class Launch(Section):
    """How the trainer is started; all of it may change between two starts, `skip_steps` for steps still to come."""

    preset: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: Count = 0
    folder: str = ""
    replace: bool = False
    skip_steps: Texts = ()
    tensorboard: bool = False
    wandb: str = ""


class Trainer(Launch):
    """A LLaMA model and its optimiser (LLaMA sections 2.2 and 2.3, Table 2), and how the trainer is started.

    `preset` (7b, 13b, 33b, 65b, 1.3b, 125m, tiny) gives the keys that the recipe does not name. `processes` = 0 is one
    for each GPU of this machine, and one on a CPU. Checkpoints and metrics lie in `training/` of the output, or in
    `folder` on this machine. `replace` lets what does not fit the recipe any more give way. `skip_steps` (`"120:125"`)
    are passed over. `tensorboard` writes `logs/tensorboard`, `wandb` names a project. docs/training.md says more.
    """

    dimension: Positive = 4096
    layers: Positive = 32
    heads: Positive = 32
    feed_forward_multiple: Positive = 256
    initial_std: Annotated[float, Field(gt=0)] = 0.02
    steps: Positive = 250_000
    batch_sequences: Positive = 2048
    micro_batch_sequences: Count = 0
    learning_rate: Annotated[float, Field(gt=0)] = 3.0e-4
    min_learning_rate_fraction: Fraction = 0.1
    warmup_steps: Count = 2000
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    adam_epsilon: Annotated[float, Field(gt=0)] = 1.0e-8
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    norm_epsilon: Annotated[float, Field(gt=0)] = 1.0e-6
    rope_base: Annotated[float, Field(gt=0)] = 10000.0
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    skip_sigma: Annotated[float, Field(ge=0)] = 6.0
    document_mask: bool = False
    precision: Literal["float32", "bfloat16", "float8"] = "bfloat16"
    activations: Literal["auto", "keep-linear", "full", "none"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    deterministic: bool = False
    tensor_parallel: Positive = 1
    replicas: Positive = 1
    checkpoint_steps: Positive = 1000
    keep_checkpoints: Positive = 3
    keep_every_steps: Count = 0
    evaluation_steps: Count = 1000
    evaluation_documents: Positive = 64
    threads: Count = 0

    @property
    def settings(self) -> dict[str, Any]:
        """What the trainer itself is told: all but how it is started."""
        return self.model_dump(mode="json", exclude=set(Launch.model_fields))

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, keys: Any) -> Any:
        if not isinstance(keys, dict) or not (name := keys.get("preset")):
            return keys
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
        return {**PRESETS[name], **keys}

    @model_validator(mode="after")
    def _shape_and_schedule(self) -> Self:
        if self.dimension % (2 * self.heads):
            raise ValueError(f"dimension must be a multiple of twice heads = {self.heads}, got {self.dimension}")
        feed_forward = -(-(2 * (4 * self.dimension) // 3) // self.feed_forward_multiple) * self.feed_forward_multiple
        for name, whole in (("heads", self.heads), ("feed_forward", feed_forward), ("dimension", self.dimension)):
            if whole % self.tensor_parallel:
                raise ValueError(f"tensor_parallel must divide {name} = {whole}, got {self.tensor_parallel}")
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps must be at most steps = {self.steps}, got {self.warmup_steps}")
        return self
