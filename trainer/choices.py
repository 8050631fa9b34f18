"""Multiple choice: how often a model finds the right completion likeliest, as in section 3 of the paper.

A set is scored by the paper's rule for it, and by the others too: published figures differ in which they are. Tokens of
a completion are what its text adds to the tokens of what stands before it, as in EleutherAI/lm-evaluation-harness; and
as there a sequence longer than the model's context loses its beginning.

Shapes: B sequences, T tokens.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenizer.vocabulary import Vocabulary
from trainer.choice_sets import ANSWER, ChoiceSet, Completion, Item, Rule
from trainer.config import TrainerConfig
from trainer.loss import UNCOUNTED
from trainer.model import Llama, rope_table

BATCH_TOKENS = 16384
"""Tokens that go through the model together."""

Nats = Callable[[Tensor, Tensor], Tensor]
"""From tokens and targets (B, T), of which -100 does not count, to the nats of each sequence's targets, (B,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model makes of a completion; `cut` where the beginning of what stands before it was left out."""

    nats: float
    tokens: int
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceFigures:
    """Shares of the items whose right completion was chosen, by rule; `accuracy` is by the paper's for this set.

    `broken` are the lines that are no items, by reason; `cut` counts completions.
    """

    accuracy: float
    rule: Rule
    accuracies: dict[Rule, float]
    items: int
    broken: dict[str, int]
    cut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Puts completions to a model, many at a time."""

    nats: Nats
    vocabulary: Vocabulary
    context_tokens: int
    """Tokens that the model may see before a prediction."""
    device: torch.device
    batch_tokens: int = BATCH_TOKENS

    @classmethod
    def of_model(
        cls, model: Llama, config: TrainerConfig, vocabulary: Vocabulary, *, context_tokens: int, device: torch.device
    ) -> "Scorer":
        """Of a model that one device holds whole."""
        rope = rope_table(config, context_tokens, device)

        @torch.no_grad()
        def nats(tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
            losses = model(tokens_BT, targets_BT, rope.first(tokens_BT.shape[1]), scale=1.0)
            return losses.sequence_nats_B  # type: ignore[no-any-return]

        return cls(nats=nats, vocabulary=vocabulary, context_tokens=context_tokens, device=device)

    def scores(self, completions: Iterable[Completion]) -> dict[Completion, Score]:
        """The score of each completion, worked out once for those that come again."""
        asked = list(dict.fromkeys(completions))
        pairs = self._tokens(asked)
        found: list[Score | None] = [None] * len(asked)
        # The longest first: where memory does not suffice it is known at once.
        order = sorted(range(len(asked)), key=lambda place: (-len(pairs[place][0]), place))
        while order:
            rows = max(1, self.batch_tokens // len(pairs[order[0]][0]))
            batch, order = order[:rows], order[rows:]
            for place, nats in zip(batch, self._nats([pairs[place] for place in batch]), strict=True):
                ids, count = pairs[place]
                found[place] = Score(nats=nats, tokens=count, cut=len(ids) > self.context_tokens + 1)
        return {completion: score for completion, score in zip(asked, found, strict=True) if score is not None}

    def _tokens(self, completions: Sequence[Completion]) -> list[tuple[NDArray[np.int32], int]]:
        """Of each completion all ids behind BOS, and how many of them are its own."""
        contexts = self._encoded([completion.context for completion in completions])
        wholes = self._encoded([f"{completion.context} {completion.text}" for completion in completions])
        bos = np.array([self.vocabulary.bos_id], np.int32)
        return [
            (np.concatenate([bos, whole]), max(0, len(whole) - len(context)))
            for context, whole in zip(contexts, wholes, strict=True)
        ]

    def _encoded(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        encoded = self.vocabulary.encode(pa.array(texts, pa.large_string()))
        return np.split(encoded.ids.astype(np.int32), encoded.offsets[1:-1])

    def _nats(self, pairs: Sequence[tuple[NDArray[np.int32], int]]) -> list[float]:
        width = min(self.context_tokens, max(len(ids) for ids, _ in pairs) - 1)
        tokens_BT = np.zeros((len(pairs), width), np.int64)
        targets_BT = np.full_like(tokens_BT, UNCOUNTED)
        for row, (ids, count) in enumerate(pairs):
            kept = ids[-width - 1 :]
            own = min(count, len(kept) - 1)
            tokens_BT[row, : len(kept) - 1] = kept[:-1]
            targets_BT[row, len(kept) - 1 - own : len(kept) - 1] = kept[len(kept) - own :]
        nats: list[float] = self.nats(*(torch.from_numpy(a).to(self.device) for a in (tokens_BT, targets_BT))).tolist()
        return nats


def score_set(held: ChoiceSet, scorer: Scorer) -> ChoiceFigures:
    """The figures of a set."""
    asked = [completion for item in held.items for completion in item.completions]
    if held.rule == "over_answer":
        asked += [Completion(ANSWER, completion.text) for completion in asked]
    scores = scorer.scores(asked)
    rules: list[Rule] = ["likelihood", "per_character", "per_token"]
    if held.rule == "over_answer":
        rules.append("over_answer")
    right = Counter(rule for item in held.items for rule in rules if chosen(item, rule, scores) == item.gold)
    accuracies = {rule: right[rule] / len(held.items) for rule in rules}
    return ChoiceFigures(
        accuracy=accuracies[held.rule],
        rule=held.rule,
        accuracies=accuracies,
        items=len(held.items),
        broken=dict(sorted(held.broken.items())),
        cut=sum(score.cut for score in scores.values()),
    )


def chosen(item: Item, rule: Rule, scores: Mapping[Completion, Score]) -> int:
    """The number of the completion that a rule finds likeliest; of several the first."""

    def likelihood(completion: Completion) -> float:
        score = scores[completion]
        if rule == "over_answer":
            return scores[Completion(ANSWER, completion.text)].nats - score.nats
        parts = {"likelihood": 1, "per_character": len(completion.text), "per_token": max(1, score.tokens)}
        return -score.nats / parts[rule]

    likelihoods = [likelihood(completion) for completion in item.completions]
    return likelihoods.index(max(likelihoods))
