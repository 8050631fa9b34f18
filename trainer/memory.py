"""What a model takes of each GPU's memory, and the micro-batch that fits.

Shapes: d dimension, F feed-forward width, V vocabulary; n processes share each product (tensor parallel).

Weights, moments and gradients take 16 bytes a parameter, over the processes that share them: one GPU holds a rounded
bfloat16 weight (2), what rounding took off (2), two moments (8) and a gradient sum (4); several hold a float32 weight
(4), the moments and the gradient, and gather a layer's weights in bfloat16 for as long as they compute it.

Activations of a layer that are kept for its gradients are counted exactly (`KEPT`; tests count the saved tensors of a
layer). What else is alive at the peak is an estimate from above: the layer in hand, the chunk of scores, workspace.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import NamedTuple

from trainer.config import Activations, TrainerConfig
from trainer.errors import SettingsError
from trainer.loss import CHUNK_TOKENS
from trainer.model import block_shapes, count_parameters

GIB = 2**30
CPU_MICRO_BATCH = 4
"""Sequences that go together on a CPU, whose memory is not planned: more are no faster."""
SLACK = 0.03
"""Share of a device that is left free: the allocator cannot use every gap."""
WORKSPACE = GIB
"""CUDA's context and modules, and the workspaces of cuBLAS and cuDNN."""
MAX_GPUS = 4096


class Kept(NamedTuple):
    """Elements a token that a layer keeps, in what it computes in, and those in float32 (`wide`)."""

    cut: int
    """In units of d / n: each process has its part of the heads, or of the sequence."""
    whole: int = 0
    """In units of d: what is gathered from the processes, or not yet summed over them."""
    inner: int = 0
    """In units of F / n."""
    wide: int = 0
    """In units of d / n."""
    wide_inner: int = 0
    """In units of F / n."""
    scattered: int = 0
    """In units of d / n, where n > 1: sums over the processes, kept beside what was summed."""


# What autograd saves: both norms' inputs and scaled values in float32, and their outputs; qkv; q and k rotated;
# attention's output as it is and with its heads in a row; gate and up, the gate's silu, the product.
_EAGER = Kept(cut=7, whole=2, inner=4, wide=4)
# By policy and whether the layer is compiled (`trainer.activations`).
KEPT: Mapping[tuple[Activations, bool], Kept] = MappingProxyType(
    {
        ("auto", False): _EAGER,
        # The compiler computes norms and silu again: the layer's input and wo's output stand for the norms' float32.
        ("auto", True): Kept(cut=9, whole=2, inner=3),
        ("none", False): _EAGER,
        # Told to keep all, it keeps gate and silu in float32 too.
        ("none", True): Kept(cut=8, whole=2, inner=4, wide=4, wide_inner=2),
        # The layer's input, qkv, attention's output, wo's output; gate and up. Not compiled, also w2's output.
        ("keep-linear", False): Kept(cut=5, whole=2, inner=2, scattered=2),
        ("keep-linear", True): Kept(cut=6, inner=2),
        ("full", False): Kept(cut=1),
        ("full", True): Kept(cut=1),
    }
)
# The layer whose gradients are worked out: all that it would keep, and the gradients of that.
_IN_HAND = Kept(cut=15, whole=4, inner=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of one GPU at the peak of a step."""

    weights: int
    remainder: int
    moments: int
    gradients: int
    gathered: int
    """Weights of layers that are gathered for a while, and their gradients before they are summed."""
    activations: int
    rest: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is trained, on how many GPUs."""

    config: TrainerConfig
    vocabulary_size: int
    sequence_tokens: int
    gpus: int = 1

    def __post_init__(self) -> None:
        inside = self.config.replicas * self.config.tensor_parallel
        if self.gpus < 1 or self.gpus % inside:
            raise SettingsError(f"gpus must be a multiple of replicas * tensor_parallel = {inside}, got {self.gpus}")
        if self.config.batch_sequences % (ranks := self.gpus // self.config.tensor_parallel):
            raise SettingsError(
                f"batch_sequences must be a multiple of the {ranks} processes that share a batch, "
                f"got {self.config.batch_sequences}"
            )

    @property
    def shards(self) -> int:
        """Processes over which weights, moments and gradients are spread."""
        return self.gpus // (self.config.replicas * self.config.tensor_parallel)

    @property
    def sequences(self) -> int:
        """Of each batch that one process computes, alone or with those that share its products."""
        return self.config.batch_sequences * self.config.tensor_parallel // self.gpus

    @property
    def compute_bytes(self) -> int:
        """Of an element that layers compute with; float8 is only for the products themselves."""
        return 4 if self.config.precision == "float32" else 2

    @property
    def is_split(self) -> bool:
        """Whether weights are kept rounded, with remainders (`trainer.state`)."""
        return self.gpus == 1 and self.compute_bytes == 2


def memory_of(job: Job, micro_batch: int, policy: Activations, *, compiled: bool) -> Memory:
    """What one GPU holds with so many sequences going through the model together."""
    parameters = _parameters_of_process(job) // job.shards
    tokens = micro_batch * job.sequence_tokens
    kept = activation_bytes(job, policy, compiled=compiled)
    return Memory(
        weights=parameters * (2 if job.is_split else 4),
        remainder=parameters * 2 if job.is_split else 0,
        moments=parameters * 8,
        gradients=parameters * 4,
        gathered=_gathered(job),
        activations=tokens * kept * job.config.layers,
        rest=_rest(job, tokens),
    )


def activation_bytes(job: Job, policy: Activations, *, compiled: bool) -> int:
    """Bytes a token that one layer keeps from forward to backward."""
    found = _bytes(job, KEPT[policy, compiled])
    if policy != "full":
        found += 4 * job.config.heads // job.config.tensor_parallel  # The logarithms of attention's sums.
    if policy in ("auto", "none"):
        found += 2 * 4 // job.config.tensor_parallel  # Each norm's root mean square.
    return found


def choose_micro_batch(job: Job, device_bytes: int | None) -> int:
    """Sequences that go through the model together: the most that fit a GPU of so many bytes, None on a CPU.

    They divide the process's part of a batch, so that all micro-batches have one shape and nothing is compiled twice.
    A `micro_batch_sequences` other than 0 is what it says. Raises SettingsError where not even one fits.
    """
    config = job.config
    if config.micro_batch_sequences:
        return config.micro_batch_sequences
    if device_bytes is None:
        return min(CPU_MICRO_BATCH, job.sequences)
    compiled = config.compile != "off"
    found = largest_that_fits(job, device_bytes, config.activations, compiled=compiled)
    if found is None:
        raise SettingsError(_does_not_fit(job, device_bytes, config.activations, compiled=compiled))
    return found


def largest_that_fits(job: Job, device_bytes: int, policy: Activations, *, compiled: bool) -> int | None:
    """The largest divisor of the process's sequences that fits with slack, None where one does not."""
    usable = device_bytes * (1 - SLACK)
    fitting = [
        count
        for count in range(1, job.sequences + 1)
        if job.sequences % count == 0 and memory_of(job, count, policy, compiled=compiled).total <= usable
    ]
    return max(fitting, default=None)


def _does_not_fit(job: Job, device_bytes: int, policy: Activations, *, compiled: bool) -> str:
    """The line that says so, with the next number of GPUs that would do."""
    needed = memory_of(job, 1, policy, compiled=compiled).total
    line = (
        f"micro_batch_sequences: not even one sequence fits {job.gpus} GPU{'s' if job.gpus > 1 else ''}: "
        f"{needed / GIB:.0f} GiB of {device_bytes / GIB:.0f} GiB"
    )
    lighter: Activations = "full"
    if policy != lighter and largest_that_fits(job, device_bytes, lighter, compiled=compiled):
        return f'{line}; activations = "full" would fit'
    gpus = 2 * job.gpus
    while gpus <= MAX_GPUS and job.config.batch_sequences * job.config.tensor_parallel % gpus == 0:
        larger = Job(
            config=job.config, vocabulary_size=job.vocabulary_size, sequence_tokens=job.sequence_tokens, gpus=gpus
        )
        if largest_that_fits(larger, device_bytes, policy, compiled=compiled):
            return f"{line}; {gpus} GPUs of {larger.shards} shards would do"
        gpus *= 2
    return line


def _parameters_of_process(job: Job) -> int:
    """Of the model, less what other processes of the tensor mesh hold; the norms every one has."""
    norms = (2 * job.config.layers + 1) * job.config.dimension
    return (count_parameters(job.config, job.vocabulary_size) - norms) // job.config.tensor_parallel + norms


def _block_parameters(job: Job) -> int:
    return sum(math.prod(shape) for shape in block_shapes(job.config).values()) // job.config.tensor_parallel


def _gathered(job: Job) -> int:
    """FSDP's: the layer in hand, the next, and the message it comes in; both ends of the vocabulary, held all along.

    Gradients: of two layers, since one is summed over the processes while the next is worked out, in what is computed
    in and in float32; of the ends likewise.
    """
    if job.gpus == 1:
        return 0
    ends = 2 * job.vocabulary_size * job.config.dimension // job.config.tensor_parallel
    gradient = job.compute_bytes + 4
    return _block_parameters(job) * (3 * job.compute_bytes + 2 * gradient) + ends * (job.compute_bytes + gradient)


def _rest(job: Job, tokens: int) -> int:
    """The larger of what the loss and what a layer's gradients take for a while, and what is there all along."""
    config, rows = job.config, job.vocabulary_size // job.config.tensor_parallel
    hidden = tokens * config.dimension * job.compute_bytes
    # Scores, their exponentials and gradient, four float32 in all; the output weight's gradient; hidden states and
    # their gradient, with the last norm's float32.
    loss = min(tokens, CHUNK_TOKENS) * rows * 16 + 4 * rows * config.dimension + 6 * hidden
    # One weight's gradient can come in float32 before it is added, where the device cannot add it as it multiplies.
    layer = tokens * _bytes(job, _IN_HAND) + 4 * 2 * config.feed_forward * config.dimension // config.tensor_parallel
    # Backward of the embedding comes last, when no layer is kept: its gradient in what is computed in.
    embedding = rows * config.dimension * job.compute_bytes
    return max(loss, layer, embedding) + 2 * hidden + WORKSPACE


def _bytes(job: Job, kept: Kept) -> int:
    config, parts = job.config, job.config.tensor_parallel
    scattered = kept.scattered if parts > 1 else 0
    cut, inner = (kept.cut + scattered) * config.dimension // parts, kept.inner * config.feed_forward // parts
    narrow = (cut + kept.whole * config.dimension + inner) * job.compute_bytes
    return narrow + 4 * (kept.wide * config.dimension + kept.wide_inner * config.feed_forward) // parts
