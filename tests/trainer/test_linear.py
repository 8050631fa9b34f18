import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._inductor.utils import run_and_get_code
from torch.utils.checkpoint import checkpoint

from trainer import linear as module
from trainer.linear import add_product, clear_gradients, gradients, keep_gradient_sums, linear, product, sums_in_float32

CPU = torch.device("cpu")
# Torch looks whether an input of what it compiles has a gradient, and hides the warning but from those who want errors.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


class Pair(nn.Module):
    """Two products with a norm between, of a fused weight (2, 3, 8) and a matrix."""

    def __init__(self, dtype=torch.bfloat16):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embedding = nn.Parameter(torch.randn(5, 8, generator=generator).to(dtype))
        self.fused = nn.Parameter(torch.randn(2, 3, 8, generator=generator).to(dtype))
        self.norm = nn.Parameter(torch.randn(6, generator=generator).to(dtype))
        self.out = nn.Parameter(torch.randn(8, 6, generator=generator).to(dtype))

    def forward(self, tokens):
        return self.transform(F.embedding(tokens, self.embedding))

    def transform(self, x):
        return linear(F.silu(linear(x, self.fused)) * self.norm, self.out)


def some_tokens(sequences=4, seed=0):
    return torch.randint(0, 5, (sequences, 7), generator=torch.Generator().manual_seed(seed))


def run(model, tokens, transform=None):
    hidden = F.embedding(tokens, model.embedding)
    (transform or model.transform)(hidden).float().square().sum().backward()


def with_sums(dtype=torch.bfloat16):
    keep_gradient_sums(model := Pair(dtype))
    return model


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8)])
def test_a_product_is_with_all_rows_of_the_weight(shape):
    x, weight = torch.randn(*shape, dtype=torch.float64), Pair(torch.float64).fused
    torch.testing.assert_close(linear(x, weight), x @ weight.reshape(6, 8).t(), rtol=1e-12, atol=1e-12)


def test_a_float32_weight_is_multiplied_in_the_precision_of_what_it_is_multiplied_with():
    model = Pair(torch.float32)
    out = linear(torch.randn(3, 8, dtype=torch.bfloat16), model.fused)
    out.sum().backward()
    assert (out.dtype, model.fused.grad.dtype, model.fused.grad.shape) == (torch.bfloat16, torch.float32, (2, 3, 8))


def test_sums_hold_the_gradients_that_autograd_gives_and_leave_none_beside_them():
    ours, theirs = with_sums(torch.float32), Pair(torch.float32)
    run(ours, some_tokens())
    run(theirs, some_tokens())
    assert all(weight.grad is None for weight in ours.parameters())
    torch.testing.assert_close(gradients(ours), gradients(theirs), rtol=1e-5, atol=1e-5)
    assert list(gradients(ours)) == ["embedding", "fused", "norm", "out"]


def test_gradients_flow_through_a_product_with_a_sum():
    model, x = with_sums(torch.float32), torch.randn(3, 8, requires_grad=True)
    linear(x, model.fused).square().sum().backward()
    wanted = 2 * x @ model.fused.reshape(6, 8).t() @ model.fused.reshape(6, 8)
    torch.testing.assert_close(x.grad, wanted.detach(), rtol=1e-5, atol=1e-5)


def test_gradients_of_micro_batches_add_up_as_in_float32():
    ours, truth = with_sums(), Pair()
    truth = truth.double()
    for seed in range(64):
        x = torch.randn(16, 8, generator=torch.Generator().manual_seed(seed)).to(torch.bfloat16)
        for model in (ours, truth):
            linear(x.to(model.fused.dtype), model.fused).sum().backward()
    wanted = gradients(truth)["fused"]
    torch.testing.assert_close(gradients(ours)["fused"].double(), wanted, rtol=1e-5, atol=1e-4)
    rounded = (wanted.to(torch.bfloat16).double() - wanted).abs().max()
    assert (gradients(ours)["fused"].double() - wanted).abs().max() < rounded / 50


def test_two_forwards_before_their_backwards_add_up_too():
    model, twice = with_sums(), with_sums()
    losses = [model(some_tokens(seed=seed)).float().square().sum() for seed in (1, 2)]
    for seed, loss in zip((1, 2), losses, strict=True):
        loss.backward()
        run(twice, some_tokens(seed=seed))
    torch.testing.assert_close(gradients(model), gradients(twice), rtol=0, atol=0)


def test_cleared_gradients_are_zero():
    model = with_sums()
    run(model, some_tokens())
    clear_gradients(model)
    assert not any(gradient.any() for gradient in gradients(model).values())


def test_a_weight_that_took_no_part_has_a_zero_gradient_and_clears_the_others():
    model = Pair(torch.float32)
    linear(torch.randn(3, 8), model.fused).sum().backward()
    assert not gradients(model)["out"].any()
    assert gradients(model)["fused"].any()
    clear_gradients(model)
    assert not gradients(model)["fused"].any()


def compiled(transform):
    return torch.compile(transform, backend="aot_eager", fullgraph=True)


def recomputed(transform):
    return lambda x: checkpoint(transform, x, use_reentrant=False)


@pytest.mark.parametrize("wrap", [recomputed, compiled, lambda transform: compiled(recomputed(transform))])
def test_sums_are_written_once_under_recomputation_and_compiling(wrap):
    torch._dynamo.reset()
    plain, wrapped = with_sums(), with_sums()
    transform = wrap(wrapped.transform)
    for seed in (1, 2):
        run(plain, some_tokens(seed=seed))
        run(wrapped, some_tokens(seed=seed), transform)
    assert wrapped.fused.grad is None
    torch.testing.assert_close(gradients(wrapped), gradients(plain), rtol=2e-2, atol=2e-2)


def test_what_was_compiled_without_sums_still_adds_to_those_of_a_later_model():
    torch._dynamo.reset()
    first, later, plain = Pair(), with_sums(), with_sums()
    for model in (first, later):
        run(model, some_tokens(), compiled(model.transform))
    run(plain, some_tokens())
    assert all(weight.grad is None for weight in later.parameters())
    torch.testing.assert_close(gradients(later), gradients(plain), rtol=2e-2, atol=2e-1)


def test_products_of_bfloat16_are_not_rounded_to_it():
    a, b = (torch.randn(32, 32, generator=torch.Generator().manual_seed(seed)).to(torch.bfloat16) for seed in (1, 2))
    wanted = a.double() @ b.double()
    assert product(a, b).dtype == torch.float32
    torch.testing.assert_close(product(a, b).double(), wanted, rtol=0, atol=1e-4)
    add_product(sums := torch.ones(32, 32), a, b)
    torch.testing.assert_close(sums.double(), 1 + wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_wider_numbers_keep_their_precision(dtype):
    a, b = torch.randn(2, 5, 5, dtype=dtype)
    add_product(sums := torch.zeros(5, 5, dtype=dtype), a, b)
    assert product(a, b).dtype == dtype
    assert torch.equal(sums, a @ b)


def in_place(answer):
    """A stand-in for torch.addmm with a float32 result, as a GPU has it."""

    def addmm(sums, a, b, *, out_dtype, out):
        assert (out is sums, out_dtype) == (True, torch.float32)
        out += answer(a.float() @ b.float())

    return addmm


@pytest.mark.parametrize(
    "answer, is_right",
    [(lambda ab: ab, True), (lambda ab: ab.bfloat16().float(), False), (lambda ab: ab * float("nan"), False)],
)
def test_a_device_is_trusted_only_where_its_product_is_right(monkeypatch, answer, is_right):
    sums_in_float32.cache_clear()
    monkeypatch.setattr(torch, "addmm", in_place(answer))
    monkeypatch.setattr(torch, "mm", lambda a, b, *, out_dtype: a.float() @ b.float())
    assert sums_in_float32(CPU) is is_right
    model = with_sums()
    run(model, some_tokens())
    sums_in_float32.cache_clear()
    monkeypatch.undo()
    run(plain := with_sums(), some_tokens())
    torch.testing.assert_close(gradients(model), gradients(plain), rtol=1e-5, atol=1e-5)


def test_a_cpu_sums_by_another_way():
    sums_in_float32.cache_clear()
    assert not sums_in_float32(CPU)


@pytest.mark.parametrize("is_right, lines", [(True, 0), (False, 1)])
def test_a_device_that_rounds_products_is_reported(monkeypatch, is_right, lines):
    monkeypatch.setattr(module, "sums_in_float32", lambda device: is_right)
    said = []
    keep_gradient_sums(Pair().to("meta"), said.append)
    assert len(said) == lines


@pytest.mark.slow
def test_compiled_code_writes_into_the_sum_itself():
    model = with_sums()
    compiled_by_default = torch.compile(model.transform, fullgraph=True)
    _, (_forward, backward) = run_and_get_code(lambda: run(model, some_tokens(), compiled_by_default))
    body = backward.partition("def call(self, args)")[2]
    assert body.count("torch.ops.tokenmill.add_weight_gradient") == 2
    assert "copy_" not in body
