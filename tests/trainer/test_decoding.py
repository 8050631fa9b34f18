import pytest
import torch
from saved_models import PIECES, SMALL, logits_of, small_model

from trainer.decoding import Decoder

PROMPTS = [[1, 5, 300, 17, 9], [1], [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 599]]


def alone(model, tokens):
    return logits_of(model, torch.tensor([tokens]))[0, -1]


def decoder(model, tokens=32):
    return Decoder(model, SMALL, sequences=len(PROMPTS), tokens=tokens)


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_scores_are_those_of_the_whole_sequence_read_alone(dtype, error):
    model = small_model().to(dtype)
    ours, grown = decoder(model), [list(prompt) for prompt in PROMPTS]
    scores = torch.stack([ours.start(place, prompt) for place, prompt in enumerate(PROMPTS)])
    for step in range(6):
        wanted = torch.stack([alone(model, tokens) for tokens in grown])
        assert (scores - wanted).abs().max() <= error * wanted.abs().max()
        new = [(37 * step + 11 * place) % PIECES for place in range(len(grown))]
        for tokens, token in zip(grown, new, strict=True):
            tokens.append(token)
        scores = ours.next(new)


def test_the_likeliest_text_is_the_same_with_and_without_what_is_kept():
    model = small_model()
    ours, grown = decoder(model), [list(prompt) for prompt in PROMPTS]
    chosen = [int(ours.start(place, prompt).argmax()) for place, prompt in enumerate(PROMPTS)]
    for _ in range(12):
        assert chosen == [int(alone(model, tokens).argmax()) for tokens in grown]
        for tokens, token in zip(grown, chosen, strict=True):
            tokens.append(token)
        chosen = ours.next(chosen).argmax(dim=1).tolist()


def test_a_text_that_is_done_does_not_disturb_those_that_grow():
    model, longest = small_model(), len(PROMPTS[2])
    ours, grown = decoder(model, tokens=longest + 1), [*PROMPTS[1]]
    for place, prompt in enumerate(PROMPTS):
        ours.start(place, prompt)
    for token in range(100, 100 + longest - 1):
        scores = ours.next([2, token, 2, 2])[1]
        grown.append(token)
        torch.testing.assert_close(scores, alone(model, grown), rtol=1e-4, atol=1e-5)


def test_a_prompt_takes_the_place_of_another():
    model = small_model()
    ours = decoder(model)
    ours.start(0, PROMPTS[2])
    ours.start(0, PROMPTS[3])
    scores = ours.next([7, 0, 0, 0])[0]
    torch.testing.assert_close(scores, alone(model, [*PROMPTS[3], 7]), rtol=1e-4, atol=1e-5)
