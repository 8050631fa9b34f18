"""The model against a reference that shares no code with it: Meta's interleaved layout, complex numbers, loops."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from trainer import model
from trainer.config import TrainerConfig
from trainer.loss import UNCOUNTED, Losses

SMALL = TrainerConfig(dimension=24, layers=3, heads=3, feed_forward_multiple=8, norm_epsilon=1e-5)
VOCABULARY, TOKENS = 19, 7
Weights = Mapping[str, torch.Tensor]


def small_model(dtype: torch.dtype = torch.float64) -> model.Llama:
    found = model.new_model(replace(SMALL, initial_std=0.3), VOCABULARY, seed=3)
    generator = torch.Generator().manual_seed(4)
    for name, weight in found.named_parameters():
        if "norm" in name:  # Ones would hide a norm whose weight is not applied.
            weight.data.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return found.to(dtype)


def small_weights() -> Weights:
    return dict(small_model().named_parameters())


def some_tokens(sequences: int = 2) -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (sequences, TOKENS), generator=torch.Generator().manual_seed(5))


def interleaved(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of wq or wk from the half layout to Meta's, where columns 2i and 2i + 1 are a pair."""
    size = rows.shape[0] // heads
    return rows.view(heads, 2, size // 2, -1).transpose(1, 2).reshape(rows.shape)


def reference_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + SMALL.norm_epsilon).sqrt() * weight


def reference_turn(column: torch.Tensor, position: int) -> torch.Tensor:
    pairs = torch.view_as_complex(column.reshape(-1, 2).contiguous())
    angles = [position * 10000.0 ** (-2 * i / column.numel()) for i in range(len(pairs))]
    turns = torch.tensor([complex(math.cos(angle), math.sin(angle)) for angle in angles], dtype=torch.complex128)
    return torch.view_as_real(pairs * turns).flatten()


def reference_attention(x: torch.Tensor, wqkv: torch.Tensor, wo: torch.Tensor) -> torch.Tensor:
    """One sequence (T, D), one head and one position at a time."""
    wq, wk, wv = wqkv
    q, k, v = x @ interleaved(wq, SMALL.heads).T, x @ interleaved(wk, SMALL.heads).T, x @ wv.T
    rows = []
    for t in range(len(x)):
        mixed = []
        for head in range(SMALL.heads):
            at = slice(head * SMALL.head_size, (head + 1) * SMALL.head_size)
            query = reference_turn(q[t, at], t)
            scores = torch.stack([query @ reference_turn(k[s, at], s) for s in range(t + 1)])
            mixed.append((scores / math.sqrt(SMALL.head_size)).softmax(0) @ v[: t + 1, at])
        rows.append(torch.cat(mixed))
    return torch.stack(rows) @ wo.T


def reference_logits(weights: Weights, tokens: torch.Tensor) -> torch.Tensor:
    x = weights["embedding"][tokens]
    for layer in range(SMALL.layers):
        at = f"layers.{layer}."
        normed = reference_norm(x, weights[at + "attention_norm"])
        x = x + reference_attention(normed, weights[at + "wqkv"], weights[at + "wo"])
        normed = reference_norm(x, weights[at + "feed_forward_norm"])
        w1, w3 = weights[at + "w1w3"]
        gate = normed @ w1.T
        x = x + (gate * gate.sigmoid() * (normed @ w3.T)) @ weights[at + "w2"].T
    return reference_norm(x, weights["norm"]) @ weights["output"].T


def reference_loss(weights: Weights, tokens: torch.Tensor) -> torch.Tensor:
    rows = reference_logits(weights, tokens).log_softmax(-1)
    return -sum(rows[t, tokens[t + 1]] for t in range(len(tokens) - 1))  # type: ignore[return-value]


def our_logits(ours: model.Llama, tokens: torch.Tensor) -> torch.Tensor:
    return ours.logits(tokens, model.rope_table(SMALL, tokens.shape[1], dtype=torch.float64))


def our_losses(ours: model.Llama, tokens: torch.Tensor, scale: float = 1.0) -> Losses:
    targets = torch.nn.functional.pad(tokens[:, 1:], (0, 1), value=UNCOUNTED)
    return ours(tokens, targets, model.rope_table(SMALL, tokens.shape[1], dtype=torch.float64), scale=scale)


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 8e-2)])
def test_logits_equal_the_reference(dtype, error):
    weights, tokens = small_weights(), some_tokens()
    wanted = torch.stack([reference_logits(weights, sequence) for sequence in tokens])
    got = our_logits(small_model(dtype), tokens)
    assert got.dtype == dtype
    assert (got.double() - wanted).abs().max() <= error * wanted.abs().max()


def test_loss_and_every_gradient_equal_the_reference():
    ours, theirs, tokens = small_model(), small_weights(), some_tokens()
    losses = our_losses(ours, tokens)
    losses.total.backward()
    wanted = torch.stack([reference_loss(theirs, sequence) for sequence in tokens])
    wanted.sum().backward()
    torch.testing.assert_close(losses.sequence_nats_B, wanted, rtol=1e-12, atol=1e-12)
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight.grad, theirs[name].grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["embedding", "layers.1.wqkv", "layers.0.w1w3", "layers.2.attention_norm", "output"])
def test_gradients_equal_finite_differences(name):
    ours, tokens, step = small_model(), some_tokens(), 1e-6
    weight = dict(ours.named_parameters())[name]
    our_losses(ours, tokens).total.backward()
    place = (int(tokens[0, 1]),) if name == "embedding" else (0,)
    place += (1,) * (weight.ndim - 1)
    with torch.no_grad():
        weight[place] += step
        above = our_losses(ours, tokens).sequence_nats_B.sum()
        weight[place] -= 2 * step
        below = our_losses(ours, tokens).sequence_nats_B.sum()
    assert weight.grad[place].item() == pytest.approx(((above - below) / (2 * step)).item(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("changed", range(TOKENS))
def test_no_position_sees_a_later_token(changed):
    ours, tokens = small_model(), some_tokens()
    other = tokens.clone()
    other[:, changed] = (tokens[:, changed] + 1) % VOCABULARY
    same = (our_logits(ours, tokens) - our_logits(ours, other)).abs().amax(dim=(0, 2)) < 1e-12
    assert same.tolist() == [position < changed for position in range(TOKENS)]


def test_sequences_of_a_batch_do_not_see_each_other():
    ours, tokens = small_model(), some_tokens(3)
    shuffled = our_losses(ours, tokens[[2, 0, 1]]).sequence_nats_B
    torch.testing.assert_close(shuffled, our_losses(ours, tokens).sequence_nats_B[[2, 0, 1]], rtol=1e-13, atol=0)


def test_the_scale_is_that_of_gradients_and_not_of_what_is_reported():
    plain, scaled, tokens = small_model(), small_model(), some_tokens()
    our_losses(plain, tokens).total.backward()
    losses = our_losses(scaled, tokens, scale=0.25)
    losses.total.backward()
    assert losses.sequence_nats_B.sum().item() == pytest.approx(4 * losses.total.item())
    torch.testing.assert_close(scaled.layers[1].wqkv.grad, plain.layers[1].wqkv.grad / 4, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shift", [1, 5])
def test_attention_scores_depend_on_distance_alone(shift):
    generator = torch.Generator().manual_seed(1)
    q, k = torch.randn(2, 1, 1, 1, SMALL.head_size, generator=generator, dtype=torch.float64)
    rope = model.rope_table(SMALL, 16, dtype=torch.float64)
    turned = [[model.rotate(x.expand(1, 1, 16, -1), rope)[0, 0, at] for x in (q, k)] for at in range(16)]
    here = turned[3][0] @ turned[7][1]
    torch.testing.assert_close(here, turned[3 + shift][0] @ turned[7 + shift][1], rtol=1e-12, atol=0)
    assert (here - turned[3][0] @ turned[7 + shift][1]).abs() > 1e-3


def test_rotation_keeps_lengths_and_leaves_the_first_position_alone():
    x = torch.randn(2, 3, 9, SMALL.head_size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    turned = model.rotate(x, model.rope_table(SMALL, 9, dtype=torch.float64))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-13, atol=0)


@pytest.mark.parametrize("position", [0, 1, 6])
def test_rotation_equals_the_interleaved_one_up_to_the_order_of_columns(position):
    x = torch.randn(1, 1, TOKENS, SMALL.head_size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    turned = model.rotate(x, model.rope_table(SMALL, TOKENS, dtype=torch.float64))[0, 0, position]
    wanted = reference_turn(interleaved(x[0, 0, position, :, None], 1).flatten(), position)
    torch.testing.assert_close(interleaved(turned[:, None], 1).flatten(), wanted, rtol=1e-13, atol=1e-15)


def test_norm_of_bfloat16_is_computed_in_float32():
    x = torch.full((1, 1, 4), 1e-3, dtype=torch.bfloat16)
    normed = model.rms_norm(x, torch.full((4,), 1.5), 1e-12)
    assert normed.dtype == torch.bfloat16
    assert normed.flatten().tolist() == [1.5] * 4


def test_a_new_model_guesses_evenly():
    config = TrainerConfig(dimension=64, layers=2, heads=2)
    tokens = torch.randint(0, 500, (4, 32), generator=torch.Generator().manual_seed(0))
    losses = model.new_model(config, 500, seed=0)(tokens, tokens, model.rope_table(config, 32), scale=1.0)
    assert losses.total.item() / (4 * 32) == pytest.approx(math.log(500), abs=0.05)


def test_first_weights_follow_from_name_and_seed():
    one, same, other = (model.initial_weight("output", (9, 8), SMALL, seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, model.initial_weight("embedding", (9, 8), SMALL, 1))


@pytest.mark.parametrize("name, spread", [("layers.0.wqkv", 0.5), ("layers.0.wo", 0.25), ("layers.1.w2", 0.25)])
def test_matrices_that_write_to_the_residual_start_narrower(name, spread):
    config = TrainerConfig(dimension=64, layers=2, heads=2, initial_std=0.5)
    assert model.initial_weight(name, (64, 64), config, 0).std().item() == pytest.approx(spread, rel=0.03)


def test_weights_have_the_shapes_that_are_stated():
    shapes = {name: tuple(weight.shape) for name, weight in model.Llama(SMALL, VOCABULARY).named_parameters()}
    assert shapes["layers.2.wqkv"] == (3, 24, 24)
    assert shapes["layers.0.w1w3"] == (2, 64, 24)
    assert shapes["layers.0.w2"] == (24, 64)
    assert len(shapes) == 3 + 6 * SMALL.layers
    assert sum(map(math.prod, shapes.values())) == model.count_parameters(SMALL, VOCABULARY)


@pytest.mark.parametrize("switch, compiled", [("off", False), ("auto", None), ("on", None)])
def test_the_loss_is_not_compiled_where_nothing_is_to_be(monkeypatch, switch, compiled):
    seen = []
    monkeypatch.setattr(model, "cross_entropy", lambda *_, **settings: seen.append(settings["compiled"]))
    ours, tokens = model.new_model(replace(SMALL, compile=switch), VOCABULARY, seed=0), some_tokens()
    ours(tokens, tokens, model.rope_table(SMALL, TOKENS), scale=1.0)
    assert seen == [compiled]
