import functools
from collections import Counter

import pytest
import torch
from functorch.compile import make_boxed_func
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.utils._python_dispatch import TorchDispatchMode

from trainer.activations import prepare_block
from trainer.attention import document_mask
from trainer.config import TrainerConfig
from trainer.linear import clear_gradients, gradients, keep_gradient_sums
from trainer.model import Block, rope_table

POLICIES = ["auto", "none", "keep-linear", "full"]
LAYERS, TOKENS = 3, 16
CONFIG = TrainerConfig(dimension=32, heads=2, layers=LAYERS, feed_forward_multiple=16)
PRODUCTS = ("mm", "addmm")
ATTENTION = "_scaled_dot_product_flash_attention_for_cpu"
# Torch looks whether an input of what it compiles has a gradient, and hides the warning but from those who want errors.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


class Layers(nn.Module):
    def __init__(self, policy, *, compiled=False, dtype=torch.float32, with_sums=False):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.layers = nn.ModuleList(Block(CONFIG, "cpu", dtype) for _ in range(LAYERS))
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.2, generator=generator)
        if with_sums:
            keep_gradient_sums(self)
        for layer in self.layers:
            prepare_block(layer, policy, compiled=compiled)

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, rope_table(CONFIG, TOKENS), mask)
        return x


def some_input(seed=0, dtype=torch.float32):
    x = torch.randn(2, TOKENS, CONFIG.dimension, generator=torch.Generator().manual_seed(seed))
    return x.to(dtype).requires_grad_()


def results(model, dtype=torch.float32, mask=None):
    """Output, and gradients of input and weights, of two micro-batches."""
    clear_gradients(model)
    for seed in (1, 2):
        x = some_input(seed, dtype)
        y = model(x, mask)
        y.float().square().sum().backward()
    return {"y": y.detach(), "x": x.grad} | {name: gradient.clone() for name, gradient in gradients(model).items()}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("dtype, with_sums", [(torch.float32, False), (torch.bfloat16, True)])
@pytest.mark.parametrize("is_masked", [False, True])
def test_every_policy_gives_the_same_numbers_to_the_last_bit(policy, dtype, with_sums, is_masked):
    mask = document_mask(torch.tensor([[1, 5, 5, 1] * 4, [5, 5, 1, 5] * 4])) if is_masked else None
    model = Layers(policy, dtype=dtype, with_sums=with_sums)
    plain = Layers("none", dtype=dtype, with_sums=with_sums)
    plain.layers[0].prepared = plain.layers[1].prepared = plain.layers[2].prepared = None
    torch.testing.assert_close(results(model, dtype, mask), results(plain, dtype, mask), rtol=0, atol=0)


class Operators(TorchDispatchMode):
    """Counts the operators that run."""

    def __init__(self):
        super().__init__()
        self.ran = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.ran[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def ran_in_backward(policy, with_sums=False):
    model = Layers(policy, with_sums=with_sums)
    loss = model(some_input()).square().sum()
    with Operators() as backward:
        loss.backward()
    return Counter({"product": sum(backward.ran[name] for name in PRODUCTS)}) + Counter(
        {"attention": backward.ran[ATTENTION], "norm": backward.ran["rsqrt"], "silu": backward.ran["silu"]}
    )


@pytest.mark.parametrize(
    "policy, again",
    [
        ("none", {}),
        ("auto", {}),
        ("keep-linear", {"norm": 2, "silu": 1}),
        # What w2 gives is nobody's input within the layer.
        ("full", {"product": 3, "attention": 1, "norm": 2, "silu": 1}),
    ],
)
@pytest.mark.parametrize("with_sums, gradient_products", [(False, 8), (True, 4)])
def test_a_policy_computes_again_what_it_says(policy, again, with_sums, gradient_products):
    if with_sums and policy == "full":
        again = again | {"product": 4}  # There it is known only after the product that nothing more is wanted.
    wanted = Counter(again) + Counter(product=gradient_products)
    assert ran_in_backward(policy, with_sums) == Counter({name: LAYERS * count for name, count in wanted.items()})


@pytest.fixture
def graphs(monkeypatch):
    """What layers are compiled to: (forward, backward) graphs, cut by the compiler's own rule, run as they are."""
    torch._dynamo.reset()
    found = ([], [])
    backend = aot_autograd(
        fw_compiler=lambda graph, _: found[0].append(graph) or make_boxed_func(graph),
        bw_compiler=lambda graph, _: found[1].append(graph) or make_boxed_func(graph),
        partition_fn=min_cut_rematerialization_partition,
    )
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    return found


def operators_of(graph):
    """Counts a graph's operators, those that run inside of another (with a saved random state, say) too."""
    targets = (target for node in graph.graph.nodes for target in (node.target, *node.args))
    return Counter(target.overloadpacket.__name__ for target in targets if hasattr(target, "overloadpacket"))


def assert_near(got, wanted, error):
    for name, right in wanted.items():
        torch.testing.assert_close(got[name], right, rtol=0, atol=error * right.abs().max().item())


@pytest.mark.parametrize(
    "policy, again", [("none", (0, 0, 0, 0)), ("keep-linear", (0, 0, 2, 1)), ("full", (3, 1, 2, 1))]
)
def test_layers_compiled_as_one_graph_compute_again_what_the_policy_says(graphs, policy, again):
    assert_near(results(Layers(policy, compiled=True)), results(Layers("none")), 1e-5)
    (_forward,), (backward,) = graphs  # Of the first layer; the others use the same.
    ran = operators_of(backward)
    products = sum(ran[name] for name in PRODUCTS) - 8
    assert (products, ran[ATTENTION], ran["rsqrt"], ran["silu"]) == again


@pytest.mark.parametrize("policy", ["auto", "keep-linear"])
def test_compiled_layers_add_to_gradient_sums_once(graphs, policy):
    kind = {"dtype": torch.bfloat16, "with_sums": True}
    compiled = results(Layers(policy, compiled=True, **kind), torch.bfloat16)
    assert_near(compiled, results(Layers("none", **kind), torch.bfloat16), 2e-2)
    assert (len(graphs[0]), len(graphs[1])) == (1, 1)


@pytest.mark.slow
def test_compiled_code_gives_what_plain_code_gives():
    torch._dynamo.reset()
    assert_near(results(Layers("keep-linear", compiled=True)), results(Layers("none")), 1e-5)
