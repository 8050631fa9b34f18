from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from worlds import in_processes

from trainer.config import TrainerConfig
from trainer.parallel import joined
from trainer.tensor_parallel import embed, gather_sequence, local_weight, scatter_sequence

B, T, D, V = 2, 6, 4, 8


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seen_by_two() -> dict[str, list[Any]]:
    """What one of two processes holds of each thing, forward and backward."""
    with joined(TrainerConfig(tensor_parallel=2), "cpu") as world:
        mesh, rank = world.tensor_mesh, world.rank
        x_BTD, weight_VD = random(B, T, D, seed=0), random(V, D, seed=1)
        stretch = slice(rank * T // 2, (rank + 1) * T // 2)
        own = x_BTD[:, stretch].clone().requires_grad_()
        gathered = gather_sequence(own, mesh)
        (gathered * (rank + 1)).sum().backward()
        part = (x_BTD * (rank + 1)).requires_grad_()
        scattered = scatter_sequence(part, mesh)
        scattered.backward(torch.full_like(scattered, rank + 1))
        cut = torch.nn.Parameter(distribute_tensor(weight_VD, mesh, [Shard(0)], src_data_rank=None))
        tokens_BT = torch.tensor([[0, 1, 4, 7, 3, 4], [7, 7, 0, 2, 5, 6]])
        embedded = embed(tokens_BT, cut, mesh)
        embedded.backward(x_BTD[:, stretch])
        norm = torch.nn.Parameter(distribute_tensor(random(D, seed=2), mesh, [Replicate()], src_data_rank=None))
        (local_weight(norm) * (rank + 1)).sum().backward()
        found = {
            "gathered": gathered, "gathered back": own.grad, "scattered": scattered, "scattered back": part.grad,
            "embedded": embedded, "embedded back": cut.grad.full_tensor(), "norm back": norm.grad.full_tensor(),
        }  # fmt: skip
        return {name: tensor.detach().tolist() for name, tensor in found.items()}


@pytest.fixture(scope="module")
def seen() -> list[dict[str, torch.Tensor]]:
    """Of both processes."""
    return [
        {name: torch.tensor(some, dtype=torch.float64) for name, some in own.items()}
        for own in in_processes(2, seen_by_two)
    ]


def halves(x_BTD: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return x_BTD.chunk(2, dim=1)


def test_stretches_of_a_sequence_become_the_whole_on_every_process(seen):
    assert all(torch.equal(own["gathered"], random(B, T, D, seed=0)) for own in seen)


def test_a_stretch_gets_the_sum_of_all_processes_gradients(seen):
    assert all(own["gathered back"].eq(1 + 2).all() for own in seen)


def test_partial_sums_are_added_up_and_cut_into_stretches(seen):
    for own, half in zip(seen, halves(random(B, T, D, seed=0) * 3), strict=True):
        torch.testing.assert_close(own["scattered"], half)


def test_a_partial_sum_gets_the_gradients_of_all_stretches(seen):
    first, second = torch.ones(B, T // 2, D), torch.full((B, T // 2, D), 2.0)
    assert all(torch.equal(own["scattered back"], torch.cat([first, second], dim=1).double()) for own in seen)


def test_each_process_looks_up_its_ids_and_all_get_their_stretch(seen):
    tokens_BT = torch.tensor([[0, 1, 4, 7, 3, 4], [7, 7, 0, 2, 5, 6]])
    for own, half in zip(seen, halves(F.embedding(tokens_BT, random(V, D, seed=1))), strict=True):
        torch.testing.assert_close(own["embedded"], half)


def test_a_cut_embedding_gets_the_gradient_of_a_whole_one(seen):
    tokens_BT = torch.tensor([[0, 1, 4, 7, 3, 4], [7, 7, 0, 2, 5, 6]])
    weight_VD = random(V, D, seed=1).requires_grad_()
    F.embedding(tokens_BT, weight_VD).backward(random(B, T, D, seed=0))
    for own in seen:
        torch.testing.assert_close(own["embedded back"], weight_VD.grad)


def test_a_weight_that_all_hold_gets_the_sum_of_what_each_saw(seen):
    assert all(own["norm back"].eq(1 + 2).all() for own in seen)


def test_without_a_mesh_nothing_is_cut():
    x_BTD, weight_VD = random(B, T, D, seed=0), random(V, D, seed=1)
    assert gather_sequence(x_BTD, None) is scatter_sequence(x_BTD, None) is x_BTD
    assert local_weight(weight_VD) is weight_VD
    tokens_BT = torch.zeros(B, T, dtype=torch.int64)
    assert torch.equal(embed(tokens_BT, weight_VD, None), weight_VD[tokens_BT])
