import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from tokenizer.special_ids import BOS
from trainer import attention
from trainer.attention import attend, block_mask, choose_backend, document_mask, find_faults
from trainer.config import TrainerConfig
from trainer.model import rope_table, rotate

CPU = torch.device("cpu")
HEADS, HEAD_SIZE = 2, 8


def qkv(sequences=2, tokens=12, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, sequences, HEADS, tokens, HEAD_SIZE, generator=generator, dtype=torch.float64).to(dtype)


def attended(q, k, v, row, position, first=0):
    """One output by the definition, over the positions from `first` on."""
    scores = k[row, :, first : position + 1] @ q[row, :, position, :, None] / math.sqrt(HEAD_SIZE)
    return (scores.softmax(dim=1) * v[row, :, first : position + 1]).sum(dim=1)


@pytest.mark.parametrize("position", [0, 1, 11])
def test_a_position_attends_to_itself_and_what_is_before(position):
    q, k, v = qkv()
    torch.testing.assert_close(attend(q, k, v)[1, :, position], attended(q, k, v, 1, position), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("position, first", [(0, 0), (3, 0), (4, 4), (8, 4), (9, 9), (10, 10), (11, 10)])
def test_under_a_mask_a_position_attends_within_its_document(position, first):
    q, k, v = qkv()
    tokens = torch.tensor([[BOS, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7, 8], [9, 5, 6, 2, BOS, 7, 8, 9, 2, BOS, BOS, 5]])
    got = attend(q, k, v, document_mask(tokens))[1, :, position]
    torch.testing.assert_close(got, attended(q, k, v, 1, position, first), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_documents_packed_under_a_mask_are_as_documents_alone_with_rotary_positions_going_on(dtype, error):
    q, k, v = qkv(1, 12, dtype)
    config = TrainerConfig(dimension=HEADS * HEAD_SIZE, heads=HEADS)
    rope = rope_table(config, 12, dtype=torch.float64)
    tokens = torch.tensor([[BOS, 5, 6, 7, BOS, 9, 3, 4, 5, BOS, 7, 8]])
    packed = attend(rotate(q, rope), rotate(k, rope), v, document_mask(tokens))
    for begin, end in ((0, 4), (4, 9), (9, 12)):
        one, two, three = (x[:, :, begin:end] for x in (q, k, v))
        alone = attend(rotate(one, rope.first(end - begin)), rotate(two, rope.first(end - begin)), three)
        torch.testing.assert_close(packed[:, :, begin:end], alone, rtol=error, atol=error)


@pytest.mark.parametrize("tokens", [16, 130, 300])
def test_a_mask_of_tiles_shows_what_the_mask_of_booleans_shows(tokens):
    ids = torch.randint(1, 40, (2, tokens), generator=torch.Generator().manual_seed(1))
    inputs = qkv(2, tokens, torch.float32)
    tiles = block_mask((ids == BOS).cumsum(dim=1))
    # As one graph, run without code being made for it.
    got = torch.compile(attend, backend="eager", fullgraph=True)(*inputs, tiles)
    torch.testing.assert_close(got, attend(*inputs, document_mask(ids)), rtol=1e-4, atol=1e-5)


def test_later_masks_of_a_shape_use_what_was_compiled_for_the_first():
    torch._dynamo.reset()
    calls = []

    def backend(graph, _inputs):
        calls.append(graph)
        return graph.forward

    compiled = torch.compile(attend, backend=backend, fullgraph=True)
    for seed in range(3):
        ids = torch.randint(1, 9, (2, 64), generator=torch.Generator().manual_seed(seed))
        got = compiled(*(inputs := qkv(2, 64, torch.float32, seed)), block_mask((ids == BOS).cumsum(dim=1)))
        torch.testing.assert_close(got, attend(*inputs, document_mask(ids)), rtol=1e-4, atol=1e-5)
    assert len(calls) == 1


def plain(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def refuses(q, k, v):
    raise RuntimeError("no kernel\nfor this")


def sees_later(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def forgets_a_gradient(q, k, v):
    return plain(q, k, v) - 0.5 * (plain(q, k.detach(), v) - plain(q, k, v)).detach() + 0.3 * (k - k.detach())


def overflows(q, k, v):
    """As kernels did that exponentiate minus the logarithm of a row's sum; of random scores nothing is wrong."""
    return plain(q, k, v) + 0 * (-(q.float() @ k.float().mT / math.sqrt(q.shape[-1])).logsumexp(-1)).exp()[..., None]


@pytest.mark.parametrize(
    "candidate, fault",
    [
        (plain, None),
        (refuses, "does not run here (no kernel)"),
        (sees_later, "gives wrong results here (output off by"),
        (forgets_a_gradient, "gives wrong gradients here (gradient of k off by"),
        (overflows, "gives results here that are not finite (output)"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_backend_that_is_wrong_is_found_out(candidate, fault, dtype):
    found = find_faults({"one": candidate}, tokens=192, head_size=64, dtype=dtype, device=CPU)
    assert found.get("one", "").startswith(fault) if fault else found == {}


@pytest.fixture
def backends():
    """Which kinds of attention are allowed, before and after the test the same."""
    with sdpa_kernel(list(attention._BACKENDS.values()), set_priority=True):
        yield lambda: torch.nn.attention._cur_sdpa_kernel_backends(with_priority=True)
        attention._in_force.close()


def choose(device, lines):
    choose_backend(tokens=64, head_size=8, dtype=torch.bfloat16, device=torch.device(device), say=lines.append)


def test_the_best_backend_without_fault_comes_first_and_what_is_wrong_is_said(monkeypatch, backends):
    fault = "gives wrong gradients here (gradient of q off by 3 of its largest)"
    monkeypatch.setattr(attention, "find_faults", lambda candidates, **_shape: {"cudnn": fault})
    attention._probed.cache_clear()
    choose("cuda", lines := [])
    assert lines == [f"attention: flash; cudnn {fault}"]
    assert backends() == [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    attention._probed.cache_clear()


def test_nothing_is_chosen_on_a_cpu(backends):
    before = backends()
    choose("cpu", lines := [])
    assert (lines, backends()) == ([], before)
