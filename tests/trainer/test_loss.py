from functools import partial
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.utils._python_dispatch import TorchDispatchMode
from worlds import in_processes

from trainer.linear import keep_gradient_sums
from trainer.loss import UNCOUNTED, cross_entropy

DIMENSION, VOCABULARY = 6, 11


def hidden_weight_targets(sequences=3, tokens=7, dtype=torch.float64, uncounted=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(sequences, tokens, DIMENSION, generator=generator, dtype=torch.float64)
    weight = torch.randn(VOCABULARY, DIMENSION, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, VOCABULARY, (sequences, tokens), generator=generator)
    targets[torch.rand(sequences, tokens, generator=generator) < uncounted] = UNCOUNTED
    return hidden.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(), targets


def reference(hidden, weight, targets, scale, z_loss):
    scores = (hidden @ weight.t()).flatten(0, 1)
    nats = F.cross_entropy(scores, targets.flatten(), reduction="none", ignore_index=UNCOUNTED)
    partition = scores.logsumexp(dim=-1)[targets.flatten() != UNCOUNTED]
    return scale * (nats.sum() + z_loss * partition.square().sum()), nats.view_as(targets).sum(dim=1)


def gradients_of(total, *of):
    return torch.autograd.grad(total, of)


@pytest.mark.parametrize("chunk_tokens", [1, 4, 7, 20, 21, 64])
@pytest.mark.parametrize("z_loss", [0.0, 0.3])
@pytest.mark.parametrize("uncounted", [0.0, 0.4, 1.0])
def test_loss_and_gradients_equal_the_plain_ones_in_float64(chunk_tokens, z_loss, uncounted):
    hidden, weight, targets = hidden_weight_targets(uncounted=uncounted)
    total, nats = cross_entropy(hidden, weight, targets, scale=0.7, z_loss=z_loss, chunk_tokens=chunk_tokens)
    wanted_total, wanted_nats = reference(hidden, weight, targets, 0.7, z_loss)
    got = (total, nats, *gradients_of(total, hidden, weight))
    wanted = (wanted_total, wanted_nats, *gradients_of(wanted_total, hidden, weight))
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_gradients_equal_finite_differences(z_loss):
    hidden, weight, targets = hidden_weight_targets(2, 3, uncounted=0.3)

    def total(hidden, weight):
        return cross_entropy(hidden, weight, targets, scale=1.3, z_loss=z_loss, chunk_tokens=4).total

    assert torch.autograd.gradcheck(total, (hidden, weight))


def test_large_scores_do_not_overflow():
    hidden, weight, targets = hidden_weight_targets(dtype=torch.float32)
    total, _ = cross_entropy(1000 * hidden, weight, targets, scale=1.0, z_loss=0.0)
    wanted, _ = reference(1000 * hidden.double(), weight.double(), targets, 1.0, 0.0)
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_nats_of_sequences_have_no_z_loss_no_scale_and_no_gradient():
    hidden, weight, targets = hidden_weight_targets(dtype=torch.bfloat16)
    nats = cross_entropy(hidden, weight, targets, scale=1e-6, z_loss=5.0).sequence_nats_B
    assert nats.dtype == torch.float32
    assert not nats.requires_grad
    wanted = reference(hidden.double(), weight.double(), targets, 1.0, 0.0)[1]
    torch.testing.assert_close(nats.double(), wanted.detach(), rtol=1e-5, atol=0)


def test_backward_scales_gradients_by_what_comes_in():
    hidden, weight, targets = hidden_weight_targets()
    total = cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.0).total
    once = gradients_of(total, hidden, weight)
    thrice = gradients_of(3 * cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.0).total, hidden, weight)
    torch.testing.assert_close(thrice, tuple(3 * gradient for gradient in once), rtol=1e-14, atol=0)


def model_with_sums(weight):
    model = nn.Module()
    model.output = nn.Parameter(weight.detach())
    keep_gradient_sums(model)
    return model


@pytest.mark.parametrize("upstream", [1.0, 3.0])
def test_weight_gradients_of_micro_batches_add_up_in_its_float32_sum(upstream):
    hidden, weight, targets = hidden_weight_targets(dtype=torch.bfloat16)
    model = model_with_sums(weight)
    for row in range(3):
        one = slice(row, row + 1)
        loss = cross_entropy(hidden[one], model.output, targets[one], scale=0.5, z_loss=0.0, chunk_tokens=2)
        (upstream * loss.total).backward()
    wide = hidden.detach().double(), weight.detach().double().requires_grad_()
    (wanted,) = gradients_of(upstream * reference(*wide, targets, 0.5, 0.0)[0], wide[1])
    assert model.output.grad is None
    assert model.output.gradient_sum.dtype == torch.float32
    torch.testing.assert_close(
        model.output.gradient_sum.double(), wanted, rtol=0, atol=4e-3 * wanted.abs().max().item()
    )


def test_a_loss_without_backward_leaves_the_sum_alone():
    hidden, weight, targets = hidden_weight_targets(dtype=torch.bfloat16)
    model = model_with_sums(weight)
    cross_entropy(hidden, model.output, targets, scale=1.0, z_loss=0.0)
    assert not model.output.gradient_sum.any()


def test_a_float32_sum_over_chunks_is_nearer_the_truth_than_a_bfloat16_one():
    hidden, weight, targets = hidden_weight_targets(8, 512, dtype=torch.bfloat16)
    wide = weight.detach().double().requires_grad_()
    (truth,) = gradients_of(reference(hidden.detach().double(), wide, targets, 1.0, 0.0)[0], wide)
    model, rounded = model_with_sums(weight), torch.zeros_like(weight)
    cross_entropy(hidden, model.output, targets, scale=1.0, z_loss=0.0, chunk_tokens=64).total.backward()
    for chunk, aims in zip(hidden.flatten(0, 1).split(64), targets.flatten().split(64), strict=True):
        rounded += gradients_of(reference(chunk[None], weight, aims[None], 1.0, 0.0)[0], weight)[0]
    error, rounded_error = ((found.double() - truth).norm() for found in (model.output.gradient_sum, rounded))
    assert error < rounded_error / 4


def test_a_float32_weight_under_bfloat16_hidden_states_gets_a_float32_gradient():
    hidden, weight, targets = hidden_weight_targets(dtype=torch.bfloat16)
    wide = weight.detach().float().requires_grad_()
    total = cross_entropy(hidden, wide, targets, scale=1.0, z_loss=0.0).total
    assert [gradient.dtype for gradient in gradients_of(total, hidden, wide)] == [torch.bfloat16, torch.float32]


class LargestTensor(TorchDispatchMode):
    """Notes the most numbers in any tensor that an operator gives, and how many products there were."""

    numbers = products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numbers = max(self.numbers, out.numel())
        self.products += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm)
        return out


@pytest.mark.parametrize("chunk_tokens", [4, 16])
def test_no_more_scores_than_a_chunk_s_are_ever_held(chunk_tokens):
    hidden, weight, targets = hidden_weight_targets(8, 32)
    with LargestTensor() as largest:
        cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.1, chunk_tokens=chunk_tokens).total.backward()
    assert largest.numbers == max(chunk_tokens * VOCABULARY, hidden.numel())
    assert hidden.numel() < 8 * 32 * VOCABULARY


def test_scores_are_multiplied_once_a_chunk_and_backward_multiplies_nothing():
    hidden, weight, targets = hidden_weight_targets(2, 8)
    with LargestTensor() as forward:
        total = cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.0, chunk_tokens=8).total
    with LargestTensor() as backward:
        total.backward()
    assert (forward.products, backward.products) == (2 * 3, 0)


@pytest.mark.parametrize("frozen", [True, False])
def test_no_gradients_are_worked_out_where_none_are_wanted(frozen):
    hidden, weight, targets = hidden_weight_targets(2, 8)
    if frozen:
        hidden, weight = hidden.detach(), weight.detach()
    with torch.set_grad_enabled(frozen), LargestTensor() as seen:
        total = cross_entropy(hidden, weight, targets, scale=1.0, z_loss=0.0, chunk_tokens=8).total
    assert seen.products == 2
    assert not total.requires_grad


def test_compiled_equals_eager():
    hidden, weight, targets = hidden_weight_targets(uncounted=0.3)
    found = []
    for compiled in (False, True):
        total, nats = cross_entropy(hidden, weight, targets, scale=0.7, z_loss=0.2, chunk_tokens=8, compiled=compiled)
        found.append((total, nats, *gradients_of(total, hidden, weight)))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def over_two_processes():
    """By whether it is compiled: largest errors of loss, nats and both gradients, and of a gradient not summed."""
    torch.distributed.init_process_group("gloo")
    mesh, rank = init_device_mesh("cpu", (2,)), torch.distributed.get_rank()
    hidden, weight, targets = hidden_weight_targets(uncounted=0.3)
    weight, targets = weight.detach()[:10].requires_grad_(), targets.clamp(max=9)
    mine = weight.detach().chunk(2)[rank].requires_grad_()
    options, errors = {"scale": 0.7, "z_loss": 0.2, "chunk_tokens": 8}, {}
    whole = cross_entropy(hidden, weight, targets, **options)
    for_hidden, for_weight = gradients_of(whole.total, hidden, weight)
    wanted = (whole.total, whole.sequence_nats_B, for_hidden, for_weight.chunk(2)[rank], for_hidden)
    for compiled in (False, True):
        with patch.object(torch, "compile", partial(torch.compile, backend="aot_eager")):  # Traced, but no C++ is made.
            part = cross_entropy(hidden, mine, targets, **options, tensor_mesh=mesh, compiled=compiled)
        of_mine, for_mine = gradients_of(part.total, hidden, mine)
        torch.distributed.all_reduce(summed := of_mine.clone())
        got = (part.total, part.sequence_nats_B, summed, for_mine, of_mine)
        errors[compiled] = [(one - other).abs().max().item() for one, other in zip(got, wanted, strict=True)]
    torch.distributed.destroy_process_group()
    return errors


def test_a_vocabulary_over_two_processes_gives_the_loss_and_gradients_of_one():
    for by_compiled in in_processes(2, over_two_processes, seconds=180):
        for *errors, not_summed in (by_compiled[False], by_compiled[True]):
            assert max(errors) < 1e-12
            assert not_summed > 1e-3
