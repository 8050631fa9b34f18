"""Texts drawn on a GPU are those drawn on a CPU; what is kept of a text changes nothing there either."""

import pytest
import torch
from saved_models import SMALL, logits_of, small_model

from trainer.decoding import Decoder
from trainer.model import rope_table
from trainer.sampling import Sampling, chance_of, choose

pytestmark = pytest.mark.gpu
PROMPTS = [[1, 5, 300, 17, 9], [1], [1, 599]]


def scores_of(model):
    decoder = Decoder(model, SMALL, sequences=len(PROMPTS), tokens=16)
    first = torch.stack([decoder.start(place, prompt) for place, prompt in enumerate(PROMPTS)])
    return torch.stack([first, decoder.next([7, 8, 9])]).cpu()


def whole(model, device):
    rope = rope_table(SMALL, 8, device)
    rows = [[*prompt, token] for prompt, token in zip(PROMPTS, (7, 8, 9), strict=True)]
    found = [model.logits(torch.tensor([row], device=device), rope.first(len(row)))[0, -2:] for row in rows]
    return torch.stack(found, dim=1).cpu()


@pytest.mark.parametrize("dtype, error", [(torch.float32, 1e-4), (torch.bfloat16, 3e-2)])
def test_kept_keys_and_values_give_the_scores_of_the_whole_text(gpu, dtype, error):
    model = small_model().to(gpu, dtype)
    found, wanted = scores_of(model), whole(model, gpu)
    assert (found - wanted).abs().max() <= error * wanted.abs().max()


def test_float32_scores_are_those_of_a_cpu(gpu):
    tokens = torch.tensor([[1, 5, 300, 17, 9]])
    wanted = logits_of(small_model(), tokens)[0, -1]
    found = scores_of(small_model().to(gpu))[0, 0]
    assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_drawn_tokens_repeat(gpu):
    def drawn():
        chance, sampling, model = chance_of(3, 0), Sampling(), small_model().to(gpu, torch.bfloat16)
        decoder, tokens = Decoder(model, SMALL, sequences=1, tokens=16), []
        scores = decoder.start(0, [1, 5])
        while len(tokens) < 12:
            tokens.append(choose(scores, sampling, chance))
            scores = decoder.next(tokens[-1:])[0]
        return tokens

    assert drawn() == drawn()
