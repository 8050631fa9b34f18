"""Products, losses, attention and masks on a GPU against the same on a CPU, and what they hold in memory."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tokenizer.special_ids import BOS
from trainer.activations import prepare_block
from trainer.attention import attend, choose_backend, document_mask
from trainer.config import TrainerConfig
from trainer.float8 import float8_linear
from trainer.linear import add_product, gradients, keep_gradient_sums, linear, product, sums_in_float32
from trainer.loss import cross_entropy
from trainer.model import Block, rope_table

pytestmark = pytest.mark.gpu
HEADS, HEAD_SIZE = 4, 128


def some(*shape, seed=0, dtype=torch.bfloat16):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def error_of(got, wanted):
    """The norm of what is wrong, of the norm of what is right."""
    wanted = wanted.detach().double().cpu()
    return ((got.detach().double().cpu() - wanted).norm() / wanted.norm()).item()


def test_products_of_bfloat16_are_summed_in_float32(gpu):
    a, b = some(512, 1024), some(1024, 256, seed=1)
    assert sums_in_float32(gpu)
    add_product(sums := torch.ones(512, 256, device=gpu), a.to(gpu), b.to(gpu))
    assert error_of(sums, 1 + a.double() @ b.double()) < 1e-5
    assert error_of(product(a.to(gpu), b.to(gpu)), a.double() @ b.double()) < 1e-5


@pytest.mark.parametrize("float8, error", [(False, 1e-5), (True, 1e-4)])
def test_compiled_products_add_their_gradients_to_float32_sums(gpu, float8, error):
    model = nn.Module()
    model.weight = nn.Parameter(some(2, 256, 512).to(gpu))
    keep_gradient_sums(model)
    compiled = torch.compile(lambda x: linear(x, model.weight, float8=float8), fullgraph=True)
    on_cpu = torch.zeros(2, 256, 512)
    for seed in (1, 2):
        x, upstream = some(4, 64, 512, seed=seed), some(4, 64, 512, seed=seed + 10)
        compiled(x.to(gpu).requires_grad_()).backward(upstream.to(gpu))
        weight = some(2, 256, 512).requires_grad_()
        weight.gradient_sum = on_cpu
        linear(x.requires_grad_(), weight, float8=float8).backward(upstream)
    assert error_of(gradients(model)["weight"], on_cpu) < error


def test_eight_bit_products_are_those_of_a_cpu(gpu):
    def run(device):
        x, weight = (some(*shape, seed=1).to(device).requires_grad_() for shape in ((64, 512), (256, 512)))
        out = float8_linear(x, weight)
        return out, *torch.autograd.grad(out, (x, weight), some(64, 256, seed=3).to(device))

    for got, wanted in zip(run(gpu), run("cpu"), strict=True):
        assert error_of(got, wanted) < 1e-2


@pytest.mark.parametrize("compiled", [False, True])
def test_loss_and_gradients_are_near_the_truth(gpu, compiled):
    hidden, weight = some(4, 512, 256), some(4000, 256, seed=1)
    targets = torch.randint(0, 4000, (4, 512), generator=torch.Generator().manual_seed(2))
    targets[0, :100] = -100

    def run(device, dtype, compiled):
        inputs = [x.to(device, dtype).requires_grad_() for x in (hidden, weight)]
        loss = cross_entropy(*inputs, targets.to(device), scale=1e-3, z_loss=1e-4, chunk_tokens=1000, compiled=compiled)
        return loss.total, loss.sequence_nats_B, *torch.autograd.grad(loss.total, inputs)

    got, truth = run(gpu, torch.bfloat16, compiled), run("cpu", torch.float64, False)
    errors = [error_of(one, other) for one, other in zip(got, truth, strict=True)]
    assert max(errors[:2]) < 1e-5
    assert max(errors[2:]) < 6e-3


def test_the_loss_holds_no_scores_of_all_tokens(gpu):
    tokens, vocabulary, width = 16384, 32000, 128
    hidden = some(4, tokens // 4, width).to(gpu).requires_grad_()
    weight = some(vocabulary, width, seed=1).to(gpu).requires_grad_()
    targets = torch.zeros(4, tokens // 4, dtype=torch.int64, device=gpu)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.0, chunk_tokens=2048).total.backward()
    assert torch.cuda.max_memory_allocated() - before < tokens * vocabulary * 2


def qkv(tokens, device, dtype=torch.bfloat16):
    return [some(2, HEADS, tokens, HEAD_SIZE, seed=seed, dtype=dtype).to(device).requires_grad_() for seed in range(3)]


@pytest.mark.parametrize("tokens", [128, 192, 200, 2048])
def test_the_chosen_backend_is_right_at_other_lengths_too(gpu, tokens):
    choose_backend(tokens=2048, head_size=HEAD_SIZE, dtype=torch.bfloat16, device=gpu)
    inputs, upstream = qkv(tokens, gpu), some(2, HEADS, tokens, HEAD_SIZE, seed=9)
    out = attend(*inputs)
    got = (out, *torch.autograd.grad(out, inputs, upstream.to(gpu)))
    wide = [x.detach().float().cpu().requires_grad_() for x in inputs]
    right = attend(*wide)
    for one, other in zip(got, (right, *torch.autograd.grad(right, wide, upstream.float())), strict=True):
        assert error_of(one, other) < 2e-2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("tokens", [256, 320, 2048])
def test_documents_under_a_mask_do_not_see_each_other(gpu, compiled, tokens):
    ids = torch.randint(2, 9, (2, tokens), generator=torch.Generator().manual_seed(1))
    ids[0, [0, 70, 71, 200]] = ids[1, [33, 130]] = BOS
    inputs, upstream = qkv(tokens, gpu), some(2, HEADS, tokens, HEAD_SIZE, seed=9)
    masked = torch.compile(attend, fullgraph=True) if compiled else attend
    out = masked(*inputs, document_mask(ids.to(gpu)))
    got = (out, *torch.autograd.grad(out, inputs, upstream.to(gpu)))
    wide = [x.detach().float().cpu().requires_grad_() for x in inputs]
    right = attend(*wide, document_mask(ids))
    for one, other in zip(got, (right, *torch.autograd.grad(right, wide, upstream.float())), strict=True):
        assert error_of(one, other) < 2e-2


def held_by_a_layer(gpu, policy, compiled):
    """Bytes that a layer keeps for its backward, and the gradient of its input."""
    config = TrainerConfig(dimension=512, heads=4, feed_forward_multiple=128)
    block = Block(config, gpu, torch.bfloat16)
    for seed, weight in enumerate(block.parameters()):
        weight.data.copy_(0.05 * some(*weight.shape, seed=seed))
    prepare_block(block, policy, compiled=compiled)
    x, rope = some(4, 1024, 512, seed=20).to(gpu).requires_grad_(), rope_table(config, 1024, gpu)
    for _ in range(2):  # The first compiles.
        before = torch.cuda.memory_allocated()
        y = block(x, rope, None)
        held = torch.cuda.memory_allocated() - before
        (gradient,) = torch.autograd.grad(y.float().square().sum(), x)
    return held, gradient


@pytest.mark.parametrize("compiled", [False, True])
def test_a_policy_that_computes_more_again_keeps_less(gpu, compiled):
    held, found = zip(
        *(held_by_a_layer(gpu, policy, compiled) for policy in ("none", "keep-linear", "full")), strict=True
    )
    assert held[0] > 1.2 * held[1] > 1.2 * 3 * held[2]
    assert all(error_of(gradient, found[0]) < 1e-2 for gradient in found)


def test_a_gpu_s_masks_are_made_once_for_all_batches_of_a_shape(gpu):
    torch.compiler.reset()
    for seed in range(4):
        ids = torch.randint(1, 9, (2, 256), generator=torch.Generator().manual_seed(seed)).to(gpu)
        mask = document_mask(ids)
        q = some(2, 2, 256, 64, seed=seed).to(gpu)
        right = F.scaled_dot_product_attention(*[q.float()] * 3, attn_mask=document_mask(ids.cpu()).to(gpu))
        assert error_of(attend(q, q, q, mask), right) < 2e-2
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 2
