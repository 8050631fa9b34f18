"""Checkpoints that several processes write, and that any other number of them reads."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from worlds import in_processes

from trainer.checkpoint import Checkpoints, check_files, checkpoint_folders, load_checkpoint, read_checkpoint
from trainer.config import TrainerConfig
from trainer.errors import SettingsError, TrainingError
from trainer.parallel import World, joined, set_weight
from trainer.ranks import Ranks
from trainer.state import TrainingState, new_state
from trainer.tensor_files import Converted, HostFile, Saveable

RUN = {"stream": "digest", "dimension": 8}
NAMES = ("replicas", "shards", "tensor")
# Sizes of all that two processes can be, and some that four can.
MESHES_OF_TWO = [(1, 2, 1), (1, 1, 2), (2, 1, 1)]
MESHES_OF_FOUR = [(1, 2, 2), (2, 2, 1)]


def state_in(world: World) -> TrainingState:
    tensors = 1 if world.mesh is None else world.mesh["tensor"].size()
    config = TrainerConfig(dimension=8, layers=1, heads=2, feed_forward_multiple=8, tensor_parallel=tensors)
    return new_state(config, 12, world)


def tensors_in(world: World) -> dict[str, Saveable]:
    """A state as the loop saves it, without this process's random state, which is no tensor to compare."""
    tensors = state_in(world).tensors(world)
    return {name: tensor for name, tensor in tensors.items() if not isinstance(tensor, Converted)}


def number(name: str, like: Tensor) -> Tensor:
    """What a tensor of that name is to hold: others for each name and element."""
    generator = torch.Generator().manual_seed(int.from_bytes(name.encode()[-7:]))
    return torch.randint(100, tuple(like.shape), generator=generator).to(like.dtype)


def whole(tensor: Tensor) -> Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()


def fill(tensors: dict[str, Tensor], value: float | None = None) -> dict[str, Tensor]:
    for name, tensor in tensors.items():
        set_weight(tensor, number(name, tensor) if value is None else torch.full(tuple(tensor.shape), value).to(tensor))
    return tensors


def is_as_saved(tensors: dict[str, Tensor]) -> bool:
    return all(torch.equal(whole(tensor), number(name, tensor)) for name, tensor in tensors.items())


@contextlib.contextmanager
def worlds_of(*meshes: tuple[int, int, int]) -> Iterator[list[World]]:
    """This process in each of the meshes."""
    with joined(TrainerConfig(dimension=8, heads=2), "cpu") as world:
        yield [replace(world, mesh=init_device_mesh("cpu", mesh, mesh_dim_names=NAMES)) for mesh in meshes]


def saved_and_loaded(folder: Path, meshes: list[tuple[int, int, int]]) -> dict[str, bool]:
    """In each process, for each mesh: saves under it, and loads what is there under it."""
    found: dict[str, bool] = {}
    with worlds_of(*meshes) as worlds:
        for mesh, world in zip(meshes, worlds, strict=True):
            tensors = tensors_in(world)
            with Checkpoints(folder / name_of(mesh), keep=1, say=lambda line: None) as checkpoints:
                checkpoints.save(1, 8, RUN, fill(tensors) | {f"random.cuda.{world.rank}": torch.tensor([world.rank])})
            for saved in sorted(folder.iterdir()):
                load_checkpoint(read_checkpoint(saved / "step-00000001"), fill(tensors, -1))
                found[f"{saved.name} as {name_of(mesh)}"] = is_as_saved(tensors)
    return found


def name_of(mesh: tuple[int, int, int]) -> str:
    return "mesh-{}-{}-{}".format(*mesh)


@cache
def folder_of_meshes(root: Path) -> tuple[Path, list[dict[str, bool]]]:
    """Checkpoints of one process, of two and of four, and what became of each under the meshes that came later."""
    folder = root / "meshes"
    folder.mkdir()
    alone = World(device=torch.device("cpu"))
    with Checkpoints(folder / "mesh-1-1-1", keep=1, say=lambda line: None) as checkpoints:
        checkpoints.save(1, 8, RUN, fill(tensors_in(alone)))
    by_rank = in_processes(2, saved_and_loaded, folder, MESHES_OF_TWO)
    return folder, by_rank + in_processes(4, saved_and_loaded, folder, MESHES_OF_FOUR)


@pytest.fixture
def meshes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, bool]]]:
    return folder_of_meshes(tmp_path_factory.getbasetemp())


def test_every_mesh_loads_what_every_other_saved(meshes):
    _, by_rank = meshes
    assert [len(found) for found in by_rank] == [2 + 3 + 4] * 2 + [5 + 6] * 4
    assert [name for found in by_rank for name, equal in found.items() if not equal] == []


@pytest.mark.parametrize("mesh", [(1, 1, 1), *MESHES_OF_TWO, *MESHES_OF_FOUR])
def test_one_process_loads_what_every_mesh_saved(meshes, mesh):
    found = read_checkpoint(meshes[0] / name_of(mesh) / "step-00000001")
    check_files(found)
    tensors = fill(tensors_in(World(device=torch.device("cpu"))), -1)
    load_checkpoint(found, tensors)
    assert is_as_saved(tensors)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
@pytest.mark.parametrize("mesh", [(2, 1, 1), (1, 2, 2)])
def test_torchs_own_reader_loads_what_several_processes_saved(meshes, mesh):
    tensors = fill(tensors_in(World(device=torch.device("cpu"))), -1)
    folder = str(meshes[0] / name_of(mesh) / "step-00000001")
    dcp.load(tensors, storage_reader=dcp.HuggingFaceStorageReader(folder), no_dist=True)
    assert is_as_saved(tensors)


@pytest.mark.parametrize("mesh", [*MESHES_OF_TWO, *MESHES_OF_FOUR])
def test_each_process_writes_its_share_and_the_state_of_its_own_device(meshes, mesh):
    folder = meshes[0] / name_of(mesh) / "step-00000001"
    ranks = mesh[0] * mesh[1] * mesh[2]
    assert json.loads((folder / "state.json").read_text())["world_size"] == ranks
    names = [f"rank-{rank:05d}-part-000.safetensors" for rank in range(ranks)]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "state.json"]
    sizes = [(folder / name).stat().st_size for name in names]
    assert max(sizes) < 2.5 * min(sizes)
    own = {f"random.cuda.{rank}": torch.tensor([-1]) for rank in range(ranks)}
    load_checkpoint(read_checkpoint(folder), own)
    assert [tensor.item() for tensor in own.values()] == list(range(ranks))


# What one process cannot do


def raises(error: Exception) -> Any:
    raise error


def failures(folder: Path) -> list[list[str]]:
    """In each process: what is said and raised where only one of them fails."""
    said: list[str] = []
    errors: list[BaseException] = []
    with worlds_of((1, 2, 1)) as (world,):
        for call in (broken_work, broken_copy, broken_write, broken_file):
            try:
                call(folder, world, said)
            except (TrainingError, SettingsError) as error:
                errors.append(error)
        dist.barrier()
    return [said, [f"{type(error).__name__}: {error}" for error in errors]]


def broken_work(folder: Path, world: World, said: list[str]) -> None:
    ranks = Ranks()
    assert ranks.gather(lambda: ranks.index * 10) == [0, 10]
    assert ranks.first(lambda: f"of {ranks.index}") == "of 0"
    ranks.gather(lambda: raises(SettingsError("wrong")) if ranks.index == 1 else None)


def broken_copy(folder: Path, world: World, said: list[str]) -> None:
    def give() -> Tensor:
        return raises(MemoryError("no more")) if world.rank == 1 else torch.ones(1)

    tensors = {f"random.cuda.{world.rank}": Converted(shape=(1,), give=give, take=said.append)}
    with Checkpoints(folder, keep=1, say=said.append) as checkpoints:
        checkpoints.save(1, 8, RUN, tensors)


def broken_write(folder: Path, world: World, said: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patched, Checkpoints(folder, keep=1, say=said.append) as checkpoints:
        checkpoints.save(2, 16, RUN, fill(tensors_in(world)))
        checkpoints.wait()
        if world.rank == 1:
            patched.setattr(HostFile, "write", lambda self, folder: raises(OSError(28, "No space left on device")))
        checkpoints.save(3, 24, RUN, tensors_in(world))


def broken_file(folder: Path, world: World, said: list[str]) -> None:
    """What rank 1 wrote, and looks at, is set aside by all."""
    with Checkpoints(folder, keep=9, say=said.append) as checkpoints:
        checkpoints.save(4, 32, RUN, fill(tensors_in(world)))
        checkpoints.wait()
        if world.rank == 1:
            path = folder / "step-00000004" / "rank-00001-part-000.safetensors"
            path.write_bytes(path.read_bytes()[:-1] + b"\xff")
        dist.barrier()
        found = checkpoints.newest_good(lambda sequences: RUN, max_step=9)
        raise TrainingError(f"found step {found.step}")


def test_the_failure_of_one_process_is_said_once_and_raised_by_all(tmp_path):
    (said, errors), (said_by_other, errors_of_other) = in_processes(2, failures, tmp_path)
    space = "process 1: OSError: [Errno 28] No space left on device"
    assert errors == errors_of_other == [
        "SettingsError: wrong",
        "TrainingError: the checkpoint of step 1 was not written: process 1: MemoryError: no more",
        f"TrainingError: the checkpoint of step 3 was not written: {space}",
        "TrainingError: found step 2",
    ]  # fmt: skip
    aside = "step-00000004 is set aside as step-00000004.damaged: rank-00001-part-000.safetensors is not what was"
    assert said == [f"the checkpoint of step 3 was not written: {space}", f"{aside} written"]
    assert said_by_other == []
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-00000002"]
