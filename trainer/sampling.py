"""Which token comes next, given the model's scores. V is the vocabulary."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn: of the `top_k` likeliest (0: all), those that make up `top_p` of the probability.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3; the order of transformers:
    temperature, top-k, top-p. At temperature 0 the likeliest token is taken.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise SettingsError(f"temperature must be >= 0, got {self.temperature}")
        if self.top_k < 0:
            raise SettingsError(f"top_k must be >= 0, got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"top_p must be above 0 and at most 1, got {self.top_p}")


def choose(scores_V: Tensor, sampling: Sampling, chance: torch.Generator) -> int:
    """The id of the next token; the same scores and state of chance give the same on every device."""
    scores_V = scores_V.detach().to("cpu", torch.float64)
    if sampling.temperature == 0:
        return int(scores_V.argmax())
    scores, ids = (scores_V / sampling.temperature).sort(descending=True, stable=True)
    if sampling.top_k:
        scores, ids = scores[: sampling.top_k], ids[: sampling.top_k]
    shares = scores.softmax(0)
    before = shares.cumsum(0) - shares
    kept = shares[before < sampling.top_p]
    point = torch.rand((), generator=chance, dtype=torch.float64) * kept.sum()
    drawn = int(torch.searchsorted(kept.cumsum(0), point, right=True))
    return int(ids[min(drawn, len(kept) - 1)])


def chance_of(seed: int, prompt: int) -> torch.Generator:
    """The chance of one prompt, whatever others are drawn beside it."""
    digest = hashlib.blake2b(f"{seed} {prompt}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
