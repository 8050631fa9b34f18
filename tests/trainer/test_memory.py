"""What is planned is compared with what is there: saved tensors of a layer, tensors of a state."""

import gc
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from trainer.activations import prepare_block
from trainer.config import PRESETS, TrainerConfig
from trainer.errors import SettingsError
from trainer.linear import gradients
from trainer.memory import (
    GIB,
    Job,
    activation_bytes,
    choose_micro_batch,
    largest_that_fits,
    memory_of,
)
from trainer.model import Block, rope_table
from trainer.parallel import World, local, pretended
from trainer.state import new_state

# Sizes of which no two are the same, so that one cannot stand for another.
LAYER = {"dimension": 96, "heads": 4, "layers": 1, "feed_forward_multiple": 8}
TOKENS = 40


def job(preset="7b", gpus=1, tokens=2048, **settings):
    config = replace(PRESETS[preset], **settings)
    return Job(config=config, vocabulary_size=32_000, sequence_tokens=tokens, gpus=gpus)


def kept_bytes(policy, dtype, compiled, mesh=None):
    """Bytes a token of the tensors that a layer leaves behind after its forward pass, but for what it returns."""
    config, parts = TrainerConfig(**LAYER), 1 if mesh is None else mesh.size()
    block, rope = Block(config, "cpu", dtype), rope_table(config, TOKENS)
    for name, weight in list(block.named_parameters()):
        torch.nn.init.normal_(weight, std=0.02, generator=torch.Generator().manual_seed(0))
        if mesh is not None:
            cut = Shard(1) if weight.ndim > 1 else Replicate()
            setattr(block, name, torch.nn.Parameter(distribute_tensor(weight.data, mesh, [cut], src_data_rank=None)))
    block.tensor_mesh = mesh
    prepare_block(block, policy, compiled=compiled)
    leaf_BTD = torch.zeros(2, TOKENS // parts, config.dimension, dtype=dtype, requires_grad=True)

    def forward():
        # With hooks, what autograd holds is held by Python, where it can be counted.
        with saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
            return block(leaf_BTD * 2, rope, None)

    forward().sum().backward()  # What is made once, as masks and compiled code, is not counted.
    before = storages()
    output = forward()
    left = storages().items() - before.items() - {storage_of(output)}
    weight_bytes = 4 * config.dimension  # A norm's in float32.
    return sum(size for _, size in left if size != weight_bytes) / (2 * TOKENS)


def storages():
    """Of all tensors of numbers; a random state (bytes, of one size whatever the tokens) is none."""
    gc.collect()
    tensors = [found for found in gc.get_objects() if type(found) in (torch.Tensor, torch.nn.Parameter)]
    return dict(storage_of(tensor) for tensor in tensors if tensor.is_floating_point())


def storage_of(tensor):
    return tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()


def layer_job(dtype, parts=1):
    config = TrainerConfig(**LAYER, precision=str(dtype).removeprefix("torch."), tensor_parallel=parts)
    return Job(config=config, vocabulary_size=8, sequence_tokens=TOKENS, gpus=parts)


@pytest.fixture(autouse=True)
def _old_objects_are_not_looked_at():
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def partitioned(monkeypatch):
    """Compiles up to what is kept and what is computed again, with no machine code made of it."""
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager_decomp_partition"))


@pytest.mark.filterwarnings("ignore:A saved_tensors_hooks context:FutureWarning")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("policy", ["auto", "none", "keep-linear", "full"])
def test_an_eager_layer_keeps_what_is_planned(policy, dtype):
    assert kept_bytes(policy, dtype, compiled=False) == activation_bytes(layer_job(dtype), policy, compiled=False)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("policy", ["auto", "keep-linear", "full"])
def test_a_compiled_layer_keeps_what_is_planned(policy, partitioned):
    planned = activation_bytes(layer_job(torch.bfloat16), policy, compiled=True)
    assert kept_bytes(policy, torch.bfloat16, compiled=True) == planned


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_layer_that_keeps_all_keeps_no_more_than_planned(partitioned):
    planned = activation_bytes(layer_job(torch.bfloat16), "none", compiled=True)
    assert 0.8 * planned < kept_bytes("none", torch.bfloat16, compiled=True) <= planned  # By the version of torch.


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize(
    "policy, compiled",
    [("auto", False), ("keep-linear", False), ("full", False), ("auto", True), ("keep-linear", True)],
)
def test_a_layer_whose_products_are_shared_keeps_what_is_planned(policy, compiled, partitioned):
    asked = layer_job(torch.bfloat16, parts=2)
    with pretended(asked.config, "cpu", 2) as world:
        found = kept_bytes(policy, torch.bfloat16, compiled, world.tensor_mesh)
    # The heads' float32 and the norms' roots are less than a hundredth: how they are cut is the compiler's affair.
    assert found == pytest.approx(activation_bytes(asked, policy, compiled=compiled), rel=0.005)


@pytest.mark.parametrize("gpus, settings", [(2, {}), (4, {"tensor_parallel": 2}), (4, {"replicas": 2})])
def test_one_processs_part_of_a_state_is_as_large_as_planned(gpus, settings):
    asked = job("tiny", gpus=gpus, dimension=32, layers=2, **settings)
    with pretended(asked.config, "cpu", gpus) as world:
        state = new_state(asked.config, asked.vocabulary_size, world, dtype=torch.bfloat16)
        weights, first = size_of(map_local(state.weights)), size_of(map_local(state.optimizer.first))
    planned = memory_of(asked, 1, "full", compiled=False)
    assert weights == pytest.approx(planned.weights, rel=1e-3)
    assert 2 * first == pytest.approx(planned.moments, rel=1e-3)


def map_local(tensors):
    return {name: local(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize("policy, units", [("full", 1.0), ("keep-linear", 11.375)])
def test_the_papers_units_of_a_layer_come_out(policy, units):
    of_attention = 4 * 32  # A float32 of each head, kept with attention's output.
    found = activation_bytes(job(), policy, compiled=True) - (of_attention if policy == "keep-linear" else 0)
    assert found / (2 * 4096) == units


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_state_is_as_large_as_planned(dtype):
    precision = str(dtype).removeprefix("torch.")
    small = job("tiny", dimension=32, layers=2, precision=precision)
    state = new_state(small.config, small.vocabulary_size, World(device=torch.device("cpu")), dtype=dtype)
    planned = memory_of(small, 1, "none", compiled=False)
    for weight in state.weights.values():
        weight.grad = None if hasattr(weight, "gradient_sum") else torch.zeros_like(weight)
    assert planned.weights == size_of(state.weights)
    assert planned.remainder == size_of(state.optimizer.remainder)
    assert planned.moments == size_of(state.optimizer.first) + size_of(state.optimizer.second)
    assert planned.gradients == size_of(gradients(state.model))


def size_of(tensors):
    return sum(tensor.nbytes for tensor in tensors.values())


# 139 GiB: an H200. 79 GiB: an A100 or H100 of 80 GB. 4 x 2,048 tokens with the outputs of products kept is the goal.
@pytest.mark.parametrize(
    "preset, gpus, policy, gigabytes, count",
    [
        ("7b", 1, "keep-linear", 139, 4),
        ("7b", 1, "auto", 139, 2),
        ("7b", 1, "full", 139, 16),
        ("7b", 1, "full", 79, None),
        ("7b", 2, "keep-linear", 79, 2),
        ("1.3b", 1, "keep-linear", 79, 16),
        ("1.3b", 1, "auto", 139, 16),
        ("13b", 1, "full", 139, None),
        ("13b", 2, "keep-linear", 139, 2),
    ],
)
def test_the_largest_micro_batch_that_fits_is_known(preset, gpus, policy, gigabytes, count):
    assert largest_that_fits(job(preset, gpus), gigabytes * GIB, policy, compiled=True) == count


def test_what_fits_is_as_large_as_it_can_be():
    found = largest_that_fits(job(), 139 * GIB, "keep-linear", compiled=True)
    assert memory_of(job(), found, "keep-linear", compiled=True).total <= 139 * GIB * 0.97
    assert memory_of(job(), 2 * found, "keep-linear", compiled=True).total > 139 * GIB * 0.97


@pytest.mark.parametrize("sequences, count", [(96, 4), (6, 3), (7, 1), (1, 1)])
def test_micro_batches_divide_the_processs_part_of_a_batch(sequences, count):
    asked = job(batch_sequences=sequences, activations="keep-linear")
    assert choose_micro_batch(asked, 139 * GIB) == count


@pytest.mark.parametrize("sequences, count", [(2048, 4), (3, 3)])
def test_a_cpu_takes_four_sequences_at_a_time(sequences, count):
    assert choose_micro_batch(job("65b", batch_sequences=sequences), None) == count


@pytest.mark.parametrize("device", [None, GIB])
def test_a_micro_batch_that_is_asked_for_is_taken(device):
    assert choose_micro_batch(job(micro_batch_sequences=7), device) == 7


@pytest.mark.parametrize(
    "asked, gigabytes, line",
    [
        (
            job("13b", activations="keep-linear"),
            139,
            "micro_batch_sequences: not even one sequence fits 1 GPU: 206 GiB of 139 GiB; 2 GPUs of 2 shards would do",
        ),
        (
            job("65b", gpus=16, activations="auto"),
            110,
            "micro_batch_sequences: not even one sequence fits 16 GPUs: 129 GiB of 110 GiB; "
            'activations = "full" would fit',
        ),
        (
            job("7b", batch_sequences=1),
            79,
            "micro_batch_sequences: not even one sequence fits 1 GPU: 113 GiB of 79 GiB",
        ),
    ],
)
def test_what_does_not_fit_says_what_would(asked, gigabytes, line):
    with pytest.raises(SettingsError) as error:
        choose_micro_batch(asked, gigabytes * GIB)
    assert str(error.value) == line


def test_a_model_that_is_not_compiled_needs_more():
    eager, compiled = (choose_micro_batch(job("1.3b", compile=switch), 60 * GIB) for switch in ("off", "on"))
    assert (eager, compiled) == (4, 8)


@pytest.mark.parametrize("part", ["moments", "gradients", "weights"])
def test_shards_divide_the_state(part):
    one, four = (memory_of(job(gpus=gpus), 1, "full", compiled=True) for gpus in (1, 4))
    whole = {"moments": one.moments, "gradients": one.gradients, "weights": one.weights + one.remainder}[part]
    assert getattr(four, part) == whole // 4


def test_replicas_hold_the_same_and_tensor_parallel_divides_products_and_activations():
    def needs(gpus, **settings):
        return memory_of(job(gpus=gpus, **settings), 1, "keep-linear", compiled=True)

    assert needs(8, replicas=2) == needs(4)
    assert needs(4, tensor_parallel=4).moments == pytest.approx(needs(4).moments, rel=1e-3)
    assert needs(4, tensor_parallel=4).gathered < needs(4).gathered / 3
    assert needs(4, tensor_parallel=4).activations < needs(4).activations / 2


@pytest.mark.parametrize(
    "wrong, line",
    [
        ({"gpus": 0}, "gpus must be a multiple of replicas * tensor_parallel = 1, got 0"),
        ({"gpus": 6, "replicas": 4}, "gpus must be a multiple of replicas * tensor_parallel = 4, got 6"),
        (
            {"gpus": 3},
            "batch_sequences must be a multiple of the 3 processes that share a batch, got 2048",
        ),
    ],
)
def test_a_world_that_does_not_fit_the_settings_is_refused(wrong, line):
    with pytest.raises(SettingsError) as error:
        job(**wrong)
    assert str(error.value) == line
