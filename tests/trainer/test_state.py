import pytest
import torch

from trainer.model import initial_weight
from trainer.parallel import World
from trainer.state import compute_dtype, draw_weights, new_state, set_master
from trainer.tensor_files import Converted

ALONE = World(device=torch.device("cpu"))


def test_a_cpu_computes_in_float32_whatever_the_precision(tiny):
    assert compute_dtype(tiny(precision="bfloat16"), torch.device("cpu")) == torch.float32


@pytest.mark.parametrize(
    "precision, dtype", [("bfloat16", torch.bfloat16), ("float8", torch.bfloat16), ("float32", torch.float32)]
)
def test_a_gpu_computes_in_the_precision_that_is_asked_for(tiny, precision, dtype):
    assert compute_dtype(tiny(precision=precision), torch.device("cuda", 0)) == dtype


def test_first_weights_follow_from_the_seed(tiny):
    states = [new_state(tiny(), 32, ALONE) for _ in range(3)]
    for state, seed in zip(states, (1, 1, 2), strict=True):
        draw_weights(state, tiny(), seed)
    one, same, other = (state.weights for state in states)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output"], other["output"])


def test_the_split_layout_holds_the_float32_weights_to_the_last_bit(tiny):
    state = new_state(tiny(), 32, ALONE, dtype=torch.bfloat16)
    draw_weights(state, tiny(), 1)
    held = state.tensors(ALONE)["weights.layers.1.w2"]
    assert isinstance(held, Converted) and state.weights["layers.1.w2"].dtype == torch.bfloat16
    assert torch.equal(held.give(), initial_weight("layers.1.w2", (16, 48), tiny(), 1))


def test_layouts_name_the_same_tensors_of_the_same_shapes(tiny):
    plain, split = (new_state(tiny(), 32, ALONE, dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    shapes = [
        {name: (tuple(value.shape), value.dtype) for name, value in state.tensors(ALONE).items()}
        for state in (plain, split)
    ]
    assert shapes[0] == shapes[1]
    assert {"updates", "random.cpu", "guard.losses", "first.norm", "second.layers.0.wo"} < shapes[0].keys()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_weight_is_set_in_either_layout(tiny, dtype):
    state, value = (
        new_state(tiny(), 32, ALONE, dtype=dtype),
        torch.randn(16, 48, generator=torch.Generator().manual_seed(3)),
    )
    set_master(state, "layers.0.w2", value)
    held = state.tensors(ALONE)["weights.layers.0.w2"]
    assert torch.equal(held.give() if isinstance(held, Converted) else held, value)


def test_a_random_state_is_given_and_taken(tiny):
    held = new_state(tiny(), 32, ALONE).tensors(ALONE)["random.cpu"]
    torch.manual_seed(5)
    before = held.give()
    drawn = torch.rand(3)
    held.take(before)
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize("switch, compiled", [("on", True), ("off", False), ("auto", False)])
def test_layers_are_compiled_where_that_is_asked_for(tiny, monkeypatch, switch, compiled):
    seen = []
    monkeypatch.setattr(
        "trainer.state.prepare_block", lambda block, policy, *, compiled: seen.append((policy, compiled))
    )
    new_state(tiny(compile=switch, activations="full"), 32, ALONE)
    assert seen == [("full", compiled)] * 2
