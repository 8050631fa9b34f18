"""What only a unigram model has: scores, and how their sums are rounded."""

import random
from itertools import pairwise

import pytest

from tokenizer.sentencepiece_model import Algorithm


@pytest.mark.parametrize(
    "own, halves, is_whole",
    [
        ("日本", (0.2, 0.29), True),  # Six bytes score 0.5.
        ("日本", (0.25, 0.26), False),
        ("▁本", (0.2, 0.29), True),  # A blank counts as the three bytes of its mark.
        ("▁本", (0.25, 0.26), False),
        ("ab", (0.0, 0.09), True),
        ("ab", (0.05, 0.06), False),
    ],
)
def test_a_users_own_symbol_scores_a_tenth_for_each_byte_but_one(written, checked_ids, own, halves, is_whole):
    path = written(Algorithm.UNIGRAM, dict(zip(own, halves, strict=True)), own=[own])
    assert checked_ids(path, [own.replace("▁", " ")]) == [[3] if is_whole else [1, 2]]


@pytest.mark.parametrize("score, ids", [(10.4, [2]), (10.6, [1, 0])])
def test_an_unknown_character_scores_ten_less_than_the_worst_piece(written, checked_ids, score, ids):
    """The worst piece, `c`, has 1: so `a` and an unknown `b` have 1.4 or 1.6, and `ab` has 1.5."""
    path = written(Algorithm.UNIGRAM, {"a": score, "ab": 1.5, "c": 1.0}, own=["x"])
    assert checked_ids(path, ["ab"]) == [ids]


NEARLY_AS_GOOD = {"ab": -1.006, "a": -0.5035, "b": -0.5035, "cde": -300.7, "d": -150.31, "e": -210.43, "dcf": -333.3}
NEARLY_AS_GOOD |= {"g": -40.3, "h": -41.7, "ghx": -50.0, "hgx": -50.0}


@pytest.mark.parametrize("seed", range(8))
def test_deep_in_a_text_rounding_decides_as_it_does_in_sentencepiece(written, checked_ids, seed):
    """Unknown characters and pieces of all kinds go into the sum, which passes 100,000 more than once."""
    chance = random.Random(seed)
    parts = ["ab", "ab", "ж", "жж", "cd", "dc", "cde", "de", "dcf", "a", "b", "abab", "ghghghg"]
    text = "".join(chance.choices(parts, k=1500))
    found = checked_ids(written(Algorithm.UNIGRAM, NEARLY_AS_GOOD), [text, text, "abab"])
    assert found[2] == [1, 1]
    assert [2, 3] in [list(pair) for pair in pairwise(found[0])]
