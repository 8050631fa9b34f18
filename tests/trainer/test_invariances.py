"""What must not change the model's numbers: later tokens, neighbours, where a sequence begins, how a batch is cut."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from mixtures.loader import Batch
from tokenizer.special_ids import BOS
from trainer.attention import document_mask
from trainer.batches import count_predictions, micro_batches
from trainer.config import TrainerConfig
from trainer.model import Rope, new_model, rope_table
from trainer.parallel import World

VOCABULARY, UNK = 37, 0
ALONE = World(device=torch.device("cpu"))
CONFIG = TrainerConfig(
    dimension=24, layers=3, heads=3, feed_forward_multiple=8, initial_std=0.3, micro_batch_sequences=4
)


def some_tokens(sequences: int = 4, tokens: int = 12) -> Tensor:
    return torch.randint(3, VOCABULARY, (sequences, tokens), generator=torch.Generator().manual_seed(5))


def logits(tokens: Tensor, dtype: torch.dtype = torch.float64, rope: Rope | None = None, **options: object) -> Tensor:
    model = new_model(CONFIG, VOCABULARY, seed=0).to(dtype)
    return model.logits(tokens, rope or rope_table(CONFIG, tokens.shape[1], dtype=torch.float64), **options).detach()


def gradients(tokens: Tensor, micro: int, dtype: torch.dtype = torch.float64) -> tuple[Mapping[str, Tensor], float]:
    """Of the batch's mean loss a prediction, summed over micro-batches of so many sequences; and that loss."""
    model = new_model(CONFIG, VOCABULARY, seed=0).to(dtype)
    batch = Batch(first=0, tokens=tokens.numpy(), sources=np.zeros(len(tokens), np.int64), consumed=0)
    predictions, nats = sum(count_predictions(batch, ("c4",)).values()), 0.0
    settings = TrainerConfig(micro_batch_sequences=micro)
    rope = rope_table(CONFIG, tokens.shape[1], dtype=torch.float64)
    for piece in micro_batches(batch, settings, ALONE):
        losses = model(piece.tokens_BT, piece.targets_BT, rope, scale=1 / predictions)
        losses.total.backward()
        nats += losses.sequence_nats_B.double().sum().item()
    return {name: weight.grad for name, weight in model.named_parameters()}, nats / predictions


@pytest.mark.parametrize("changed", [0, 1, 6, 11])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_token_changes_no_bit_of_what_comes_before_it(changed, dtype):
    tokens = some_tokens()
    other = tokens.clone()
    other[:, changed] = (tokens[:, changed] + 1) % VOCABULARY
    one, two = logits(tokens, dtype), logits(other, dtype)
    assert torch.equal(one[:, :changed], two[:, :changed])
    assert (one[:, changed:] != two[:, changed:]).any(dim=2).all()


def test_the_order_of_a_batch_orders_its_logits():
    tokens, order = some_tokens(), torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(logits(tokens[order]), logits(tokens)[order], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shift", [1, 100, 2000])
def test_where_a_sequence_begins_changes_nothing(shift):
    tokens = some_tokens()
    rope = rope_table(CONFIG, shift + tokens.shape[1], dtype=torch.float64)
    shifted = Rope(rope.cos_TK[shift:], rope.sin_TK[shift:])
    torch.testing.assert_close(logits(tokens, rope=shifted), logits(tokens), rtol=1e-10, atol=1e-10)
    still = Rope(*(part[:1].expand_as(part) for part in rope.first(tokens.shape[1])))
    assert (logits(tokens, rope=still) - logits(tokens)).abs().max() > 1e-3


@pytest.mark.parametrize("micro", [1, 2, 3])
@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_gradients_do_not_depend_on_how_a_batch_is_cut(micro, dtype, error):
    tokens = some_tokens()
    tokens[1, 3:9] = UNK  # The pieces have different numbers of predictions.
    whole, cut = gradients(tokens, 4, dtype), gradients(tokens, micro, dtype)
    assert cut[1] == pytest.approx(whole[1], rel=error)
    for name, wanted in whole[0].items():
        assert (cut[0][name] - wanted).abs().max() <= error * wanted.abs().max(), name


def test_what_a_takedown_leaves_is_no_target():
    tokens = some_tokens(2)
    tokens[0, 5:] = UNK
    found, loss = gradients(tokens, 2)
    rows = new_model(CONFIG, VOCABULARY, seed=0).double()
    logits_BTV = rows.logits(tokens, rope_table(CONFIG, 12, dtype=torch.float64))[:, :-1]
    nats_BT = -logits_BTV.log_softmax(2).gather(2, tokens[:, 1:, None]).squeeze(2)
    wanted = torch.cat([nats_BT[0, :4], nats_BT[1]]).mean()
    assert loss == pytest.approx(wanted.item(), rel=1e-12)
    wanted.backward()
    torch.testing.assert_close(found["layers.0.wqkv"], rows.layers[0].wqkv.grad, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("lengths", [(5, 7), (1, 4, 7), (12,)])
def test_documents_under_a_mask_are_sequences_of_their_own(lengths):
    tokens, ends = some_tokens(), np.cumsum(lengths).tolist()
    starts = [0, *ends[:-1]]
    tokens[:, starts] = BOS
    together = logits(tokens, mask=document_mask(tokens))
    for start, end in zip(starts, ends, strict=True):
        torch.testing.assert_close(together[:, start:end], logits(tokens[:, start:end]), rtol=1e-11, atol=1e-11)
    assert len(lengths) == 1 or (together - logits(tokens)).abs().max() > 1e-3
