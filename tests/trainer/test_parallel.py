import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from worlds import in_processes

from mixtures.loader import Batch
from trainer import parallel
from trainer.config import PRESETS, TrainerConfig
from trainer.errors import SettingsError, TrainingError
from trainer.model import Llama, count_parameters, rope_table
from trainer.parallel import World, before_micro_batch, distribute, joined, local, pretended, set_weight
from trainer.state import draw_weights, new_state
from trainer.step import train_step

SMALL = {"dimension": 32, "layers": 1, "heads": 8, "feed_forward_multiple": 8, "batch_sequences": 8}


def config_of(replicas: int = 1, tensor: int = 1, **settings: int) -> TrainerConfig:
    return TrainerConfig(replicas=replicas, tensor_parallel=tensor, **SMALL | settings)


# Who there is


@pytest.mark.parametrize(
    "size, settings, said",
    [
        (4, {"replicas": 3}, r"replicas \* tensor_parallel must divide the number of processes = 4, got 3 \* 1 = 3"),
        (1, {"tensor": 2}, r"replicas \* tensor_parallel must divide the number of processes = 1, got 1 \* 2 = 2"),
        (4, {"batch_sequences": 6}, r"batch_sequences must be a multiple of the 4 processes .*, got 6"),
        (3, {"batch_sequences": 6}, r"dimension must be a multiple of the 3 shards, got 32"),
    ],
)
def test_a_number_of_processes_that_does_not_fit_is_refused_before_they_meet(monkeypatch, size, settings, said):
    monkeypatch.setenv("WORLD_SIZE", str(size))
    with pytest.raises(SettingsError, match=f"^{said}$"), joined(config_of(**settings), "cpu"):
        pass
    assert not dist.is_initialized()


@pytest.mark.parametrize("index", [2, 7])
def test_more_processes_than_gpus_are_refused(monkeypatch, index):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", str(index))
    with pytest.raises(SettingsError, match="--nproc-per-node must be at most 2"), joined(config_of(), "cuda"):
        pass


def test_one_process_has_no_mesh_and_waits_for_nobody():
    with joined(config_of(), "cpu") as world:
        assert (world.is_first, world.mesh, world.tensor_mesh, world.data_ranks, str(world)) == (
            True, None, None, 1, "cpu",
        )  # fmt: skip
        world.wait()
        assert world.sum(torch.ones(2)).tolist() == [1, 1]
        assert not dist.is_initialized()


def test_processes_that_share_products_follow_each_other():
    with pretended(config_of(replicas=2, tensor=2), "cpu", 8) as world:
        ranks = [World(device=world.device, rank=rank, size=8, mesh=world.mesh) for rank in range(8)]
        assert [world.data_rank for world in ranks] == [0, 0, 1, 1, 2, 2, 3, 3]
        assert [world.data_ranks for world in ranks] == [4] * 8
        assert [world.is_first for world in ranks] == [True] + 7 * [False]
        assert str(world) == "8 x cpu (2 replicas x 2 shards x 2 tensor-parallel)"


def sum_in_pairs() -> list[float]:
    with joined(config_of(tensor=2), "cpu") as world:
        world.wait()
        return world.sum(torch.tensor([10.0**world.data_rank, 1.0])).tolist()


def test_a_sum_takes_each_part_of_the_data_once():
    assert in_processes(4, sum_in_pairs) == [[11.0, 2.0]] * 4


# How they part


def fail() -> bool:
    with suppress(ValueError), joined(config_of(), "cpu"):
        raise ValueError
    return dist.is_initialized()


def fall_silent(way: str) -> tuple[str, bool]:
    """The second process is killed, or does nothing for longer than the first waits."""
    parallel.SILENCE = timedelta(seconds=1)
    try:
        with joined(config_of(), "cpu") as world:
            world.wait()
            if world.rank == 1 and way == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            elif world.rank == 1:
                time.sleep(4)
            world.wait()
    except TrainingError as error:
        return str(error), dist.is_initialized()
    return "", dist.is_initialized()


def test_an_error_ends_the_group_and_stays_what_it_is():
    assert in_processes(2, fail) == [False, False]


@pytest.mark.parametrize("way", ["killed", "silent"])
def test_who_waits_for_a_lost_process_says_so_in_one_line(way):
    said, is_initialized = in_processes(2, fall_silent, way, may_die=True)[0]
    assert said.startswith("the processes have lost each other: ") and "\n" not in said and not is_initialized


def test_an_error_of_torch_s_own_is_not_taken_for_a_lost_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **__: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="size"), joined(config_of(), "cpu"):
        pass


# How weights lie


GUIDE = Path(__file__).parents[2] / "docs/training.md"
LAYOUTS = [
    tuple(row) for row in re.findall(r"^\| (\S+b) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", GUIDE.read_text(), re.M)
]


def test_the_guide_names_a_mesh_for_each_model_of_the_paper():
    assert {"7b", "13b", "33b", "65b"} <= {preset for preset, *_ in LAYOUTS}


@pytest.mark.parametrize("preset, gpus, replicas, shards, tensor", LAYOUTS)
def test_a_model_on_a_mesh_of_the_guide_is_cut_without_a_rest(preset, gpus, replicas, shards, tensor):
    config = replace(PRESETS[preset], layers=2, replicas=int(replicas), tensor_parallel=int(tensor))
    with pretended(config, "cpu", int(gpus)) as world:
        model = Llama(config, 32_000, device="meta")
        distribute(model, world, torch.bfloat16)
        assert world.mesh.shape == (int(replicas), int(shards), int(tensor))
        held = sum(local(weight).numel() for weight in model.parameters() if weight.ndim > 1)
    norms = (2 * config.layers + 1) * config.dimension
    assert held * int(shards) * int(tensor) == count_parameters(config, 32_000) - norms


@pytest.mark.parametrize("replicas, shards, tensor", [(1, 1, 8), (2, 2, 2), (1, 4, 2), (8, 1, 1)])
def test_no_cut_lies_across_another(replicas, shards, tensor):
    """Torch would call such a cut `_StridedShard`, and few of its parts can load or save one."""
    config = config_of(replicas, tensor)
    with pretended(config, "cpu", replicas * shards * tensor) as world:
        model = Llama(config, 64, device="meta")
        distribute(model, world, torch.float32)
        for weight in model.parameters():
            assert {type(placement) for placement in weight.placements} <= {Shard, Replicate}
            cuts = [placement.dim for placement in weight.placements if isinstance(placement, Shard)]
            assert len(cuts) == len(set(cuts))


def test_a_vocabulary_that_cannot_be_cut_is_refused():
    config = config_of(tensor=4)
    with (
        pretended(config, "cpu", 4) as world,
        pytest.raises(SettingsError, match=r"^tensor_parallel must divide the vocabulary's 30 ids, got 4$"),
    ):
        distribute(Llama(config, 30), world, torch.float32)


@pytest.mark.parametrize("replicas, tensor", [(1, 8), (2, 2), (8, 1)])
def test_a_pretended_world_takes_a_step(replicas, tensor):
    """Of eight processes, seven of which are not there: shapes fit from the first gather to the update."""
    config = config_of(replicas, tensor, micro_batch_sequences=3, compile="off")
    tokens = np.random.default_rng(0).integers(1, 64, (8, 16))
    batch = Batch(first=0, tokens=tokens, sources=np.zeros(8, np.int64), consumed=8)
    with pretended(config, "cpu", 8) as world:
        state = new_state(config, 64, world)
        draw_weights(state, config, seed=0)
        figures = train_step(state, batch, ("c4",), rope_table(config, 16), config, world)
    assert figures.numbers.shape == (4,) and state.step == 1
    assert not dist.is_initialized()


@pytest.mark.parametrize("cut", [Shard(0), Shard(1), Replicate()])
def test_a_weight_is_set_to_a_value_that_all_have(cut):
    value = torch.arange(32.0).view(4, 8)
    with pretended(config_of(tensor=2), "cpu", 2) as world:
        zeros = distribute_tensor(torch.zeros(4, 8), world.mesh["tensor"], [cut], src_data_rank=None)
        weight = nn.Parameter(zeros)
        set_weight(weight, value)
        expected = value if cut == Replicate() else value.chunk(2, dim=cut.dim)[0]
        assert torch.equal(local(weight.detach()), expected)


def test_a_whole_weight_is_set_and_is_its_own_part():
    weight = nn.Parameter(torch.zeros(2, 3))
    set_weight(weight, torch.ones(2, 3))
    assert local(weight) is weight and weight.eq(1).all()


def test_replicas_sum_their_gradients_with_the_last_micro_batch_only():
    config = config_of(replicas=2)
    with pretended(config, "cpu", 4) as world:
        model = new_state(config, 64, world).model
        groups = [module._get_fsdp_state()._fsdp_param_group for module in (model, *model.layers)]
        for is_last in (False, True):
            before_micro_batch(model, is_last=is_last)
            assert [group.all_reduce_grads for group in groups] == [is_last] * 2


def test_a_model_of_one_process_needs_no_word_before_a_micro_batch():
    before_micro_batch(Llama(config_of(), 64), is_last=False)
