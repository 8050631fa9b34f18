"""The processes that train together, and how one model's weights lie on them.

A mesh has three dimensions: `replicas` groups each hold a whole copy of weights and moments (HSDP), within a group
`shards` processes hold a part each and gather a layer's weights for as long as they compute it (FSDP2), and `tensor`
processes share each matrix product and each sequence (`trainer.tensor_parallel`). Data is dealt over replicas and
shards. A process that trains alone has no mesh.

On GPUs transfers have streams of their own: while a layer computes, the next one's weights are gathered and, backward,
the gradients of the one before are summed and cut. Replicas sum theirs once a step, with the last micro-batch's
backward. What tensor parallelism moves lies between two products and is waited for.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard, distribute_tensor

from trainer.config import TrainerConfig
from trainer.errors import SettingsError, TrainingError
from trainer.model import Llama

SILENCE = timedelta(minutes=10)
"""How long processes wait for each other: compiling, and files that come slowly, take one longer than the others."""

# Which dimension of a weight each kind of sharing cuts: never the same one, so that no cut lies across the other.
_TENSOR_CUTS = {"wqkv": 1, "w1w3": 1, "wo": 1, "w2": 1, "embedding": 0, "output": 0}
_SHARD_CUTS = {"wqkv": 2, "w1w3": 2, "wo": 0, "w2": 0, "embedding": 1, "output": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    size: int = 1
    mesh: DeviceMesh | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    @property
    def data_ranks(self) -> int:
        """Among how many each batch is dealt."""
        return self.size // self.tensor_ranks

    @property
    def data_rank(self) -> int:
        """Which share of a batch is this process's."""
        return self.rank // self.tensor_ranks

    @property
    def tensor_ranks(self) -> int:
        """How many share each matrix product."""
        return self.mesh["tensor"].size() if self.mesh is not None else 1

    @property
    def tensor_mesh(self) -> DeviceMesh | None:
        """Those that share each matrix product with this process, None where it has all of it."""
        return self.mesh["tensor"] if self.mesh is not None and self.tensor_ranks > 1 else None

    def __str__(self) -> str:
        if self.mesh is None:
            return str(self.device)
        replicas, shards, tensor = self.mesh.shape
        return f"{self.size} x {self.device.type} ({replicas} replicas x {shards} shards x {tensor} tensor-parallel)"

    def wait(self) -> None:
        """Until every process has come here."""
        if self.size > 1:
            dist.all_reduce(torch.zeros(()))  # Of the host: NCCL has no say in it, nor a guess at the device.

    def sum(self, numbers: Tensor) -> Tensor:
        """Adds up, in place, a tensor of which every data rank has its part and tensor ranks the same."""
        if self.size > 1:
            dist.all_reduce(numbers)
            numbers /= self.tensor_ranks
        return numbers


@contextmanager
def joined(config: TrainerConfig, device: str) -> Iterator[World]:
    """The world that `torchrun` describes in the environment, or this process alone.

    `device` is "cpu" or "cuda". Raises SettingsError where the mesh does not fit the processes, or the processes do not
    fit this machine's GPUs; TrainingError where another process is gone, or has been silent for `SILENCE`.
    """
    size, rank, place = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0")), torch.device(device)
    _check_sizes(config, size)
    if device == "cuda":
        place = _own_gpu()
    if size == 1:
        yield World(device=place)
        return
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=SILENCE)
        yield World(device=place, rank=rank, size=size, mesh=_mesh(config, device, size))
        dist.destroy_process_group()
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise TrainingError(f"the processes have lost each other: {str(error).splitlines()[0]}") from error
    finally:
        # After an error NCCL would wait here for what is under way with others, who may be gone: it ends with us.
        if device == "cpu" and dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def pretended(config: TrainerConfig, device: str, size: int) -> Iterator[World]:
    """The first process of `size` that are not there: it holds and computes what it would, and hears only itself.

    Shapes, memory and the time of its own work are right. Its numbers are not, and may be none: where others would
    have answered, memory is left as it was. Raises SettingsError where the mesh does not fit the processes.
    """
    from torch.testing._internal.distributed.fake_pg import FakeStore  # It makes the backend known, too.

    _check_sizes(config, size)
    if size == 1:
        yield World(device=torch.device(device))
        return
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=size)
    try:
        yield World(device=torch.device(device), size=size, mesh=_mesh(config, device, size))
    finally:
        dist.destroy_process_group()


def _mesh(config: TrainerConfig, device: str, size: int) -> DeviceMesh:
    shards = size // (config.replicas * config.tensor_parallel)
    sizes = (config.replicas, shards, config.tensor_parallel)
    return init_device_mesh(device, sizes, mesh_dim_names=("replicas", "shards", "tensor"))


def _own_gpu() -> torch.device:
    index, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if index >= count:
        raise SettingsError(f"torchrun's --nproc-per-node must be at most {count}, the GPUs that torch sees here")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def _check_sizes(config: TrainerConfig, size: int) -> None:
    inside = config.replicas * config.tensor_parallel
    if size % inside:
        raise SettingsError(
            f"replicas * tensor_parallel must divide the number of processes = {size}, "
            f"got {config.replicas} * {config.tensor_parallel} = {inside}"
        )
    if config.batch_sequences % (ranks := size // config.tensor_parallel):
        raise SettingsError(
            f"batch_sequences must be a multiple of the {ranks} processes that share a batch, "
            f"got {config.batch_sequences}"
        )
    if config.dimension % (shards := size // inside):
        raise SettingsError(f"dimension must be a multiple of the {shards} shards, got {config.dimension}")


def distribute(model: Llama, world: World, dtype: torch.dtype) -> None:
    """Lays a model whose weights are not yet set onto the mesh; layers then compute in `dtype`.

    Weights stay in the precision that they have, as do their gradients, which are sums over all data ranks.
    """
    if world.mesh is None:
        return
    if (mesh := world.tensor_mesh) is not None:
        if model.vocabulary_size % mesh.size():
            raise SettingsError(
                f"tensor_parallel must divide the vocabulary's {model.vocabulary_size} ids, got {mesh.size()}"
            )
        model.tensor_mesh = mesh
        for layer in model.layers:
            layer.tensor_mesh = mesh  # type: ignore[assignment]
        for module in (*model.layers, model):
            for name, weight in list(module.named_parameters(recurse=False)):
                cut: Placement = Shard(_TENSOR_CUTS[name]) if name in _TENSOR_CUTS else Replicate()
                setattr(module, name, nn.Parameter(distribute_tensor(weight.data, mesh, [cut], src_data_rank=None)))
    names = {id(weight): name.rpartition(".")[2] for name, weight in model.named_parameters()}
    data = world.mesh["replicas", "shards"] if world.mesh["replicas"].size() > 1 else world.mesh["shards"]
    precision = MixedPrecisionPolicy(
        param_dtype=dtype, reduce_dtype=torch.promote_types(dtype, torch.float32), cast_forward_inputs=False
    )
    for module in (*model.layers, model):
        fully_shard(
            module,
            mesh=data,
            mp_policy=precision,
            shard_placement_fn=lambda weight: Shard(_SHARD_CUTS.get(names[id(weight)], 0)),
        )
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)  # Gloo has no other, and the loss is scaled already.


def before_micro_batch(model: nn.Module, *, is_last: bool) -> None:
    """To be called before each micro-batch of a step: replicas sum their gradients once a step, with the last."""
    if isinstance(model, FSDPModule):
        model.set_requires_all_reduce(is_last)
        model.set_is_last_backward(is_last)


def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def set_weight(weight: Tensor, value: Tensor) -> None:
    """Sets a weight, cut or whole, to a whole value that every process has."""
    with torch.no_grad():
        if isinstance(weight, DTensor):
            mesh, placements = weight.device_mesh, weight.placements
            weight.copy_(distribute_tensor(value.to(weight.device), mesh, placements, src_data_rank=None))
        else:
            weight.copy_(value)
