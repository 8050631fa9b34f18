import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from trainer.errors import SettingsError
from trainer.float8 import E4M3, E5M2, allows_float8, cast, check_float8, float8_linear, scale_for
from trainer.linear import gradients, keep_gradient_sums, linear

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
TOKENS, ROWS, WIDTH = 32, 48, 64


def some(*shape, seed=0, dtype=torch.bfloat16):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def rounded(x, format):
    """The tensor as eight bits hold it, scaled back: float64."""
    factor = torch.finfo(format).max / x.abs().max().float()
    return (x.float() * factor).to(format).double() / factor.double()


def run(x, weight, upstream, gradient_sum=None):
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    out = float8_linear(x, weight, gradient_sum)
    out.backward(upstream)
    return out.detach(), x.grad, weight.grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_products_and_gradients_are_those_of_tensors_in_eight_bits(dtype):
    x, weight, upstream = (
        some(2, 16, WIDTH, dtype=dtype),
        some(ROWS, WIDTH, seed=1, dtype=dtype),
        some(2, 16, ROWS, seed=2),
    )
    out, x_gradient, weight_gradient = run(x, weight, upstream.to(dtype))
    x8, weight8, upstream8 = rounded(x, E4M3), rounded(weight, E4M3), rounded(upstream, E5M2)
    wanted = (x8 @ weight8.t(), upstream8 @ weight8, upstream8.flatten(0, 1).t() @ x8.flatten(0, 1))
    for got, right in zip((out, x_gradient, weight_gradient), wanted, strict=True):
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), right, rtol=5e-3 if dtype == torch.bfloat16 else 1e-5, atol=1e-3)


def test_eight_bits_are_near_bfloat16_but_not_the_same():
    x, weight = some(TOKENS, WIDTH), some(ROWS, WIDTH, seed=1)
    error = (float8_linear(x, weight) - F.linear(x, weight)).float().norm() / F.linear(x, weight).float().norm()
    assert 1e-3 < error < 0.06


@pytest.mark.parametrize("format", [E4M3, E5M2])
@pytest.mark.parametrize("magnitude", [1e-20, 1e-6, 1.0, 3e4])
def test_the_largest_magnitude_becomes_the_format_s_largest_number(format, magnitude):
    x = magnitude * torch.tensor([0.3, -1.0, 0.1])
    scaled = cast(x, scale_for(x, format), format)
    assert scaled.float().abs().max() == torch.finfo(format).max


@pytest.mark.parametrize("share, survives", [(1e-8, True), (1e-11, False)])
def test_gradients_have_the_range_of_e5m2(share, survives):
    upstream = torch.full((TOKENS, ROWS), share)
    upstream[0, 0] = 1.0
    _, x_gradient, _ = run(some(TOKENS, WIDTH).float(), some(ROWS, WIDTH, seed=1).float(), upstream)
    assert x_gradient[1:].any() == survives


def test_no_magnitude_is_scaled_out_of_range():
    x = some(4096, seed=5, dtype=torch.float32).exp()
    for format in (E4M3, E5M2):
        ends = [cast(one, scale_for(one, format), format).float().item() for one in x]
        assert set(ends) == {torch.finfo(format).max}


def test_zeros_stay_zeros():
    out, x_gradient, weight_gradient = run(
        torch.zeros(TOKENS, WIDTH), torch.zeros(ROWS, WIDTH), torch.zeros(TOKENS, ROWS)
    )
    assert not (out.any() or x_gradient.any() or weight_gradient.any())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden(bad):
    x = some(TOKENS, WIDTH)
    x[3, 5] = bad
    assert not float8_linear(x, some(ROWS, WIDTH, seed=1)).isfinite().all()


@pytest.mark.parametrize(
    "x_shape, weight_shape, is_allowed",
    [
        ((2, 8, 32), (16, 32), True),
        ((2, 7, 32), (16, 32), False),
        ((16, 40), (16, 40), False),
        ((16, 32), (8, 32), False),
    ],
)
def test_sizes_that_are_no_multiples_of_16_are_multiplied_as_ever(x_shape, weight_shape, is_allowed):
    x, weight = some(*x_shape), some(*weight_shape, seed=1)
    assert allows_float8(x, weight) is is_allowed
    assert torch.equal(linear(x, weight, float8=True), F.linear(x, weight)) is not is_allowed


class Fused(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(some(3, 16, WIDTH, seed=1))

    def transform(self, x):
        return F.silu(linear(x, self.weight, float8=True))


def recomputed(transform):
    return lambda x: checkpoint(transform, x, use_reentrant=False)


def compiled(transform):
    return torch.compile(transform, backend="aot_eager", fullgraph=True)


@pytest.mark.parametrize("wrap", [lambda transform: transform, recomputed, compiled, lambda f: compiled(recomputed(f))])
def test_gradient_sums_hold_the_eight_bit_gradients_of_all_micro_batches(wrap):
    torch._dynamo.reset()
    model, wanted = Fused(), torch.zeros(3, 16, WIDTH)
    keep_gradient_sums(model)
    transform = wrap(model.transform)
    for seed in (3, 4):
        x = some(TOKENS, WIDTH, seed=seed)
        transform(x).square().sum().backward()
        one = Fused()
        one.transform(x).square().sum().backward()
        wanted += one.weight.grad
    assert model.weight.grad is None
    torch.testing.assert_close(gradients(model)["weight"], wanted, rtol=2e-2, atol=2e-2 * wanted.abs().max().item())


@pytest.mark.parametrize("capability, is_enough", [((8, 0), False), ((8, 9), True), ((9, 0), True), ((10, 0), True)])
def test_a_gpu_too_old_is_refused_in_one_line(monkeypatch, capability, is_enough):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100")
    if is_enough:
        check_float8(torch.device("cuda"))
        return
    with pytest.raises(SettingsError, match=r"^precision = float8 needs .* >= 8\.9, NVIDIA A100 has 8\.0$"):
        check_float8(torch.device("cuda"))


def test_a_cpu_multiplies_eight_bits_too():
    check_float8(torch.device("cpu"))
