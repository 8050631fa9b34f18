"""Multiple choice: likelihoods that a slow computation and transformers give too, and the rules that compare them."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest
import torch
import transformers
from saved_models import PIECES, SMALL, saved, small_model

from tokenizer.vocabulary import Vocabulary
from trainer.choice_sets import ANSWER, ChoiceSet, Completion, Item, read_sets
from trainer.choices import Score, Scorer, chosen, score_set
from trainer.huggingface import export_huggingface
from trainer.loss import UNCOUNTED
from trainer.model import rope_table

CPU = torch.device("cpu")
CHANCE = random.Random(3)


def words(count):
    return " ".join("".join(CHANCE.choices("abcdefghij", k=CHANCE.randint(1, 6))) for _ in range(count))


ITEMS = tuple(
    Item(tuple(Completion(context, words(CHANCE.randint(1, 9))) for _ in range(3)), CHANCE.randrange(3))
    for context in (f"Question: {words(length)}?\nAnswer:" for length in (1, 3, 5, 9, 4, 2))
)


@pytest.fixture(scope="module")
def vocabulary(vocabulary_path):
    return Vocabulary(vocabulary_path)


def scorer_of(vocabulary, context_tokens):
    return Scorer.of_model(small_model(), SMALL, vocabulary, context_tokens=context_tokens, device=CPU)


@pytest.fixture
def scorer(vocabulary):
    """Of a small model that sees 64 tokens."""
    return scorer_of(vocabulary, 64)


def ids_of(vocabulary, completion):
    """BOS and all ids, and how many are the completion's own."""
    context, whole = (
        vocabulary.encode(pa.array([text])).ids.tolist()
        for text in (completion.context, f"{completion.context} {completion.text}")
    )
    return [1, *whole], len(whole) - len(context)


def straight(vocabulary, completion, context_tokens=64, logits=None):
    """One completion alone, token by token: its nats, and in how many tokens."""
    model, rope = small_model(), rope_table(SMALL, context_tokens)
    logits = logits or (lambda tokens_BT: model.logits(tokens_BT, rope.first(tokens_BT.shape[1])))
    ids, own = ids_of(vocabulary, completion)
    ids = ids[-context_tokens - 1 :]
    scores_TV = logits(torch.tensor([ids[:-1]]))[0].double().log_softmax(-1)
    places = range(max(1, len(ids) - own), len(ids))
    return -sum(scores_TV[place - 1, ids[place]].item() for place in places), own


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_scores_are_those_of_a_slow_straight_computation(scorer, vocabulary, batch_tokens):
    completions = [completion for item in ITEMS for completion in item.completions]
    scores = replace(scorer, batch_tokens=batch_tokens).scores([*completions, *completions])
    assert list(scores) == completions
    for completion, score in scores.items():
        nats, own = straight(vocabulary, completion)
        assert (score.nats, score.tokens, score.cut) == (pytest.approx(nats, rel=1e-5), own, False)


def test_scores_are_those_of_transformers(scorer, vocabulary, vocabulary_path, tmp_path):
    model = saved(tmp_path / "out", tokenizer=vocabulary_path)
    export_huggingface(model, tmp_path / "hf", dtype=torch.float32, file_bytes=1 << 30, tokenizer=vocabulary_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf", attn_implementation="eager")
    completions = [completion for item in ITEMS for completion in item.completions]
    with torch.no_grad():
        for completion, score in scorer.scores(completions).items():
            nats, _ = straight(vocabulary, completion, logits=lambda tokens_BT: theirs(tokens_BT).logits)
            assert score.nats == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("context_tokens", [3, 8, 20])
def test_a_sequence_longer_than_the_context_loses_its_beginning(scorer, vocabulary, context_tokens):
    completions = [completion for item in ITEMS for completion in item.completions]
    scores = replace(scorer, context_tokens=context_tokens).scores(completions)
    for completion, score in scores.items():
        nats, _ = straight(vocabulary, completion, context_tokens)
        assert score.nats == pytest.approx(nats, rel=1e-5)
        assert score.cut == (len(ids_of(vocabulary, completion)[0]) > context_tokens + 1)
    figures = score_set(ChoiceSet(name="piqa", rule="per_token", items=ITEMS), replace(scorer, context_tokens=8))
    assert 0 < figures.cut == sum(len(ids_of(vocabulary, completion)[0]) > 9 for completion in completions)


def knowing(vocabulary, wanted):
    """A model that goes on with these completions alone: its logits prefer their next token, and no other."""
    known = {tuple(ids_of(vocabulary, completion)[0]) for completion in wanted}

    def nats(tokens_BT, targets_BT):
        logits_BTV = torch.zeros(*tokens_BT.shape, PIECES)
        for row, (tokens_T, targets_T) in enumerate(zip(tokens_BT.tolist(), targets_BT.tolist(), strict=True)):
            last = max(place for place, target in enumerate(targets_T) if target != UNCOUNTED)
            if (*tokens_T[: last + 1], targets_T[last]) in known:
                for place, target in enumerate([*tokens_T[1 : last + 1], targets_T[last]]):
                    logits_BTV[row, place, target] = 20.0
        wide = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none")
        return wide.view_as(targets_BT).sum(dim=1)

    return Scorer(nats=nats, vocabulary=vocabulary, context_tokens=64, device=CPU)


@pytest.mark.parametrize("rule", ["likelihood", "per_character", "per_token", "over_answer"])
@pytest.mark.parametrize("shift, accuracy", [(0, 1.0), (1, 0.0)])
def test_a_model_that_knows_the_answers_has_all_right_and_one_that_knows_others_none(vocabulary, rule, shift, accuracy):
    wanted = [item.completions[(item.gold + shift) % 3] for item in ITEMS]
    figures = score_set(ChoiceSet(name="boolq", rule=rule, items=ITEMS), knowing(vocabulary, wanted))
    assert set(figures.accuracies.values()) == {accuracy} and figures.accuracy == accuracy
    assert (figures.items, figures.rule, figures.cut) == (6, rule, 0)


SHORT, LONG, PLAIN = Completion("q", "ab"), Completion("q", "abcdefgh"), Completion("q", "ij")
SCORES = {
    SHORT: Score(nats=4.0, tokens=1),
    LONG: Score(nats=8.0, tokens=4),
    PLAIN: Score(nats=4.5, tokens=1),
    Completion(ANSWER, "ab"): Score(nats=4.5, tokens=1),
    Completion(ANSWER, "abcdefgh"): Score(nats=8.5, tokens=4),
    Completion(ANSWER, "ij"): Score(nats=9.0, tokens=1),
}


@pytest.mark.parametrize(
    "rule, found", [("likelihood", SHORT), ("per_character", LONG), ("per_token", LONG), ("over_answer", PLAIN)]
)
def test_each_rule_compares_something_else(rule, found):
    item = Item((SHORT, LONG, PLAIN), 0)
    assert item.completions[chosen(item, rule, SCORES)] == found


def test_characters_are_counted_without_the_blank_before_them():
    scores = {Completion("q", "a"): Score(nats=1.0, tokens=1), Completion("q", "bbb"): Score(nats=2.5, tokens=1)}
    assert chosen(Item(tuple(scores), 0), "per_character", scores) == 1
    assert chosen(Item(tuple(scores), 0), "per_token", scores) == 0


def test_a_set_is_scored_in_all_ways_that_it_can_be(scorer):
    figures = score_set(ChoiceSet(name="piqa", rule="per_character", items=ITEMS), scorer)
    assert list(figures.accuracies) == ["likelihood", "per_character", "per_token"]
    assert figures.accuracy == figures.accuracies["per_character"]
    over = score_set(ChoiceSet(name="boolq", rule="over_answer", items=ITEMS), scorer)
    assert list(over.accuracies) == ["likelihood", "per_character", "per_token", "over_answer"]
    assert figures.accuracies.items() <= over.accuracies.items()


@pytest.mark.real
def test_the_published_sets_are_scored_as_one_completion_at_a_time_would_be(real_data, vocabulary):
    for held in read_sets(real_data / "eval", limit=20):
        figures = score_set(held, scorer_of(vocabulary, 200))
        asked = [completion for item in held.items for completion in item.completions]
        asked += [Completion(ANSWER, completion.text) for completion in asked if held.rule == "over_answer"]
        slow = {}
        for completion in asked:
            nats, own = straight(vocabulary, completion, 200)
            slow[completion] = Score(nats=nats, tokens=own)
        right = sum(chosen(item, held.rule, slow) == item.gold for item in held.items)
        assert (figures.items, figures.accuracy) == (20, right / 20)
