"""The model on a GPU against the same weights on a CPU, in float64 where the truth is wanted."""

from dataclasses import replace

import pytest
import torch

from trainer.config import PRESETS
from trainer.model import Llama, rope_table

pytestmark = pytest.mark.gpu
CONFIG = replace(PRESETS["tiny"], dimension=256, heads=2, layers=3, compile="off")
VOCABULARY, TOKENS = 512, 256


def model_of(device, dtype):
    """The same weights everywhere: drawn in float32 and rounded to bfloat16, which all dtypes hold."""
    model = Llama(CONFIG, VOCABULARY, device="cpu", dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        drawn = torch.randn(weight.shape, generator=generator) * 0.02 + (weight.ndim == 1)
        weight.data.copy_(drawn.to(torch.bfloat16))
    return model.to(device)


def loss_and_gradients(device, dtype):
    model = model_of(device, dtype)
    tokens_BT = torch.randint(3, VOCABULARY, (2, TOKENS), generator=torch.Generator().manual_seed(1)).to(device)
    rope = rope_table(CONFIG, TOKENS, device, torch.promote_types(dtype, torch.float32))
    losses = model(tokens_BT[:, :-1], tokens_BT[:, 1:], rope.first(TOKENS - 1), scale=1 / (2 * (TOKENS - 1)))
    losses.total.backward()
    gradients = {name: weight.grad.double().cpu() for name, weight in model.named_parameters()}
    return losses.total.item(), gradients


def distance(found, truth):
    return max(((found[name] - truth[name]).norm() / truth[name].norm()).item() for name in truth)


@pytest.fixture(scope="module")
def truth():
    return loss_and_gradients("cpu", torch.float64)


def test_float32_agrees_with_float64_of_a_cpu(gpu, truth):
    loss, gradients = loss_and_gradients(gpu, torch.float32)
    assert loss == pytest.approx(truth[0], rel=1e-6)
    assert distance(gradients, truth[1]) < 1e-4


def test_bfloat16_is_no_further_from_the_truth_than_on_a_cpu(gpu, truth):
    loss, gradients = loss_and_gradients(gpu, torch.bfloat16)
    on_cpu_loss, on_cpu = loss_and_gradients("cpu", torch.bfloat16)
    assert abs(loss - truth[0]) < 1.5 * abs(on_cpu_loss - truth[0]) + 1e-3
    assert distance(gradients, truth[1]) < 1.3 * distance(on_cpu, truth[1])


def test_a_later_token_changes_nothing_before_it(gpu):
    model = model_of(gpu, torch.bfloat16)
    tokens_BT = torch.randint(3, VOCABULARY, (1, TOKENS), generator=torch.Generator().manual_seed(1)).to(gpu)
    rope = rope_table(CONFIG, TOKENS, gpu)
    with torch.no_grad():
        before = model.logits(tokens_BT, rope)
        tokens_BT[0, 200] = 3 + (tokens_BT[0, 200] + 1) % (VOCABULARY - 3)
        after = model.logits(tokens_BT, rope)
    assert torch.equal(before[0, :200], after[0, :200])
    assert not torch.equal(before[0, 200:], after[0, 200:])
