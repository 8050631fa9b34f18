"""A checkpoint committed long ago is still read, and still computes what it did."""

import json

import pytest
import torch
from golden_model import CONFIG, GOLDEN, TOKENS, hashed_weight, write
from llama_reference import reference_logits

from trainer.decoding import Decoder
from trainer.model import rope_table
from trainer.saved_model import open_model, weight_shapes


@pytest.fixture(scope="module")
def logits():
    found = json.loads((GOLDEN / "logits.json").read_text())
    assert found["tokens"] == TOKENS
    return torch.tensor(found["logits"], dtype=torch.float64)


def close(found, wanted, error):
    return (found.double() - wanted).abs().max() <= error * wanted.abs().max()


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-13), (torch.float32, 2e-6), (torch.bfloat16, 5e-2)])
def test_the_model_gives_the_scores_of_then(logits, dtype, error):
    model = open_model(GOLDEN).llama(dtype=dtype)
    assert close(model.logits(torch.tensor(TOKENS), rope_table(CONFIG, 8, dtype=torch.float64)), logits, error)


def test_the_reference_gives_the_scores_of_then(logits):
    saved = open_model(GOLDEN)
    weights = {name: saved.read(name).double() for name in weight_shapes(saved.config, saved.vocabulary_size)}
    assert close(reference_logits(weights, torch.tensor(TOKENS), saved.config), logits, 1e-14)


def test_token_by_token_the_model_gives_the_scores_of_then(logits):
    decoder = Decoder(open_model(GOLDEN).llama(dtype=torch.float64), CONFIG, sequences=2, tokens=8)
    found = [torch.stack([decoder.start(place, tokens[:1]) for place, tokens in enumerate(TOKENS)])]
    found += [decoder.next([tokens[at] for tokens in TOKENS]) for at in range(1, 8)]
    assert close(torch.stack(found, dim=1), logits, 1e-13)


def test_the_weights_are_hashes_of_their_names():
    saved = open_model(GOLDEN)
    for name, shape in weight_shapes(CONFIG, 16).items():
        assert torch.equal(saved.read(name), hashed_weight(name, shape)), name


def test_a_checkpoint_is_written_as_it_was_then(tmp_path):
    write(tmp_path)
    (then,), (now,) = (folder.glob("checkpoints/step-*/*.safetensors") for folder in (GOLDEN, tmp_path))
    assert now.read_bytes() == then.read_bytes()
    then_state, now_state = (json.loads((path.parent / "state.json").read_text()) for path in (then, now))
    assert now_state.pop("run").items() >= then_state.pop("run").items()  # There may be new settings.
    assert now_state.pop("tokenmill")  # Not there then; it changes with each release.
    assert now_state == then_state
