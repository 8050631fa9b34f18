import math
from collections import Counter

import pytest
import torch

from trainer.errors import SettingsError
from trainer.sampling import Sampling, chance_of, choose

SHARES = [0.1, 0.4, 0.05, 0.3, 0.15]
SCORES = torch.tensor([math.log(share) for share in SHARES])
PLAIN = {"temperature": 1.0, "top_p": 1.0}


def drawn(draws=500, scores=SCORES, **settings):
    chance, sampling = chance_of(0, 0), Sampling(**PLAIN | settings)
    counts = Counter(choose(scores, sampling, chance) for _ in range(draws))
    return {token: count / draws for token, count in sorted(counts.items())}


def expected(kept, temperature=1.0):
    powers = {token: SHARES[token] ** (1 / temperature) for token in sorted(kept)}
    return {token: power / sum(powers.values()) for token, power in powers.items()}


@pytest.mark.parametrize(
    "settings, kept",
    [
        ({}, {0, 1, 2, 3, 4}),
        ({"top_k": 2}, {1, 3}),
        ({"top_k": 9}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.39}, {1}),
        ({"top_p": 0.41}, {1, 3}),
        ({"top_p": 0.8}, {1, 3, 4}),
        ({"top_p": 1e-9}, {1}),
        ({"top_k": 3, "top_p": 0.8}, {1, 3}),
        ({"top_k": 1}, {1}),
    ],
)
def test_tokens_are_drawn_by_their_shares_of_what_is_kept(settings, kept):
    assert drawn(**settings) == pytest.approx(expected(kept), abs=0.06)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_sharpens_or_flattens(temperature):
    assert drawn(temperature=temperature) == pytest.approx(expected(range(5), temperature), abs=0.06)


def test_temperature_0_takes_the_likeliest():
    assert drawn(10, temperature=0.0) == {1: 1.0}


def test_of_equals_the_first_is_taken():
    assert drawn(10, scores=torch.zeros(5), top_k=1) == {0: 1.0}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_scores_of_any_precision_are_drawn_in_float64(dtype):
    scores = torch.linspace(-3, 3, 64).bfloat16()
    settings = Sampling(**PLAIN)
    one, two = chance_of(1, 0), chance_of(1, 0)
    assert [choose(scores, settings, one) for _ in range(50)] == [
        choose(scores.to(dtype), settings, two) for _ in range(50)
    ]


def test_a_seed_and_a_prompt_make_a_chance_of_their_own():
    first = {(seed, prompt): torch.rand(3, generator=chance_of(seed, prompt)) for seed in (0, 1) for prompt in (0, 1)}
    assert len({tuple(numbers.tolist()) for numbers in first.values()}) == 4
    assert torch.equal(first[1, 0], torch.rand(3, generator=chance_of(1, 0)))


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"temperature": -0.1}, "temperature must be >= 0, got -0.1"),
        ({"temperature": math.inf}, "temperature must be >= 0, got inf"),
        ({"temperature": math.nan}, "temperature must be >= 0, got nan"),
        ({"top_k": -1}, "top_k must be >= 0, got -1"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, got 1.1"),
    ],
)
def test_a_wrong_setting_is_refused(settings, reason):
    with pytest.raises(SettingsError, match=f"^{reason}$"):
        Sampling(**settings)
