"""The automaton gives what the definition of a back-off model gives, and KenLM's every bit."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.arpa_reader import read_arpa
from filters.backoff_model import (
    MAX_ORDER,
    BackoffModel,
    add,
    bucket_of,
    empty_automaton,
    find,
    forget_idle_contexts,
    key_of,
)
from filters.language_model import load_kenlm
from filters.ngram import estimate_language_model

LETTERS = "a b c d e f g h".split()


def sentences(seed=0, count=300):
    dice = random.Random(seed)
    return [" ".join(dice.choices(LETTERS, weights=range(1, 9), k=dice.randint(1, 12))) for _ in range(count)]


def defined(ngrams, words, order):
    """The log10 probability of a sentence, n-gram by n-gram, as KenLM adds: {words: (probability, back-off)}."""
    known = [word if (word,) in ngrams else "<unk>" for word in words]
    history, total = ("<s>",), np.float32(0)
    for word in (*known, "</s>"):
        history = history[max(0, len(history) - order + 1) :]
        lengths = [n for n in range(len(history) + 1) if (*history[len(history) - n :], word) in ngrams]
        longest = max(lengths)
        probability = np.float32(ngrams[(*history[len(history) - longest :], word)][0])
        for n in range(longest + 1, len(history) + 1):
            probability += np.float32(ngrams.get(history[len(history) - n :], (0, 0))[1])
        total += probability
        history = (*history, word)
    return total


def ngrams_of(path):
    found = {}
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            found[tuple(fields[1].split(" "))] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return found


def scored(model, texts):
    words = [[model.numbers.get(word.encode(), 0) for word in text.split(" ")] for text in texts]
    offsets = np.cumsum([0, *map(len, words)])
    return model.score(np.array([number for sentence in words for number in sentence], np.int32), offsets)


@pytest.fixture(scope="module", params=[2, 3, 5, 6])
def model(request, tmp_path_factory):
    """(path, order) of a model."""
    path = tmp_path_factory.mktemp("model") / "lm.arpa"
    estimate_language_model(sentences(), path, order=request.param)
    return path, request.param


def test_every_sentence_scores_what_the_definition_gives(model):
    path, order = model
    texts = [*sentences(seed=1, count=60), "x", "a x b x", "h " * 40 + "a"]
    ngrams = ngrams_of(path)
    assert scored(read_arpa(str(path)), texts).tolist() == [
        float(defined(ngrams, text.split(), order)) for text in texts
    ]


def test_every_sentence_has_kenlms_every_bit(model):
    kenlm = load_kenlm(str(model[0]))
    texts = [*sentences(seed=2, count=500), "x y", "<s> a </s> b", "<unk>", "a " * 3000 + "b"]
    assert scored(read_arpa(str(model[0])), texts).tolist() == [kenlm.score(text) for text in texts]


@given(st.lists(st.lists(st.sampled_from([*LETTERS, "x"]), min_size=1, max_size=30), max_size=40))
def test_sentences_side_by_side_do_not_disturb_each_other(tiny, batch):
    texts = [" ".join(words) for words in batch]
    assert scored(tiny, texts).tolist() == [scored(tiny, [text])[0] for text in texts]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "lm.arpa"
    estimate_language_model(sentences(count=40), path, order=4)
    return read_arpa(str(path))


def test_an_empty_sentence_is_the_end_behind_the_beginning(tiny):
    nothing = np.empty(0, np.int32)
    assert tiny.score(nothing, np.zeros(3, np.int64)).tolist() == [tiny.score(nothing, np.zeros(2, np.int64))[0]] * 2
    assert tiny.score(nothing, np.zeros(1, np.int64)).tolist() == []


def test_words_are_read_where_the_offsets_say(tiny):
    words = np.array([1, 2, 3, 2, 1], np.int32)
    assert tiny.score(words, np.array([1, 3])).tolist() == tiny.score(words[1:3].copy(), np.array([0, 2])).tolist()


def test_the_table_takes_32_bytes_an_ngram():
    automaton = empty_automaton((1000, 20_000, 30_000))
    assert 32 * 50_000 <= automaton.cells.nbytes <= 32 * 50_000 + 64
    assert automaton.cells.ctypes.data % 64 == 0
    assert len(automaton.suffix) == len(automaton.backoff) == 21_001


@pytest.mark.parametrize("counts", [(5, 1 << 31), (1 << 31, 5)])
def test_more_ngrams_than_can_be_numbered_are_refused(counts):
    with pytest.raises(ValueError, match="n-grams are more than can be numbered"):
        empty_automaton(counts)


def test_no_memory_for_a_table_is_a_fault_of_the_file(monkeypatch):
    def none(*_):
        raise MemoryError

    monkeypatch.setattr(np, "zeros", none)
    with pytest.raises(ValueError, match="8 n-grams do not fit into memory"):
        empty_automaton((5, 3))


def test_the_highest_order_is_kenlms():
    assert MAX_ORDER == 6


@pytest.mark.parametrize(
    "counts, message",
    [
        ((5, (1 << 31) - 6), "do not fit into memory"),
        ((5, (1 << 31) - 5), "more than can be numbered"),
        (((1 << 31) - 2, 0), "do not fit into memory"),
        ((1, (1 << 31) - 3, 0), "do not fit into memory"),
        ((1, (1 << 31) - 2, 0), "more than can be numbered"),
    ],
)
def test_the_last_state_and_the_last_ngram_have_numbers_below_two_to_the_31(monkeypatch, counts, message):
    def none(*_):
        raise MemoryError

    monkeypatch.setattr(np, "zeros", none)
    with pytest.raises(ValueError, match=message):
        empty_automaton(counts)


def put(automaton, ngram, probability, backoff=0.0, state=0):
    return add(automaton, np.array(ngram, np.int64), np.float32(probability), np.float32(backoff), state)


def by_hand():
    """Words <unk> 0, <s> 1, </s> 2, a 3, b 4, c 5; the probabilities and back-offs are sums of powers of two."""
    automaton = empty_automaton((6, 4, 4))
    automaton.unigram[:] = [-16, -99, -8, -1, -2, -4]
    automaton.backoff[1:7] = [0, -0.5, 0, -0.25, -0.125, 0]
    contexts = {(1, 3): -0.0625, (3, 4): -0.03125, (4, 3): 0}
    for state, (ngram, backoff) in enumerate(contexts.items(), 7):
        assert put(automaton, ngram, -0.5, backoff, state) == 0
    assert put(automaton, (4, 5), -0.75, 0, 10) == 0
    for ngram in [(1, 3, 4), (3, 4, 3), (3, 4, 2), (4, 5, 3)]:
        assert put(automaton, ngram, -0.25) == 0
    return automaton


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize(
    "words, score",
    [
        ([], -8 - 0.5),  # </s>, behind <s>, which is left for -0.5
        ([3], -0.5 + -8 - 0.25 - 0.0625),  # <s> a; </s> behind a, behind <s> a
        ([3, 4], -0.5 - 0.25 - 0.25),  # <s> a; <s> a b; a b </s>
        ([3, 4, 3], -0.5 - 0.25 - 0.25 + -8 - 0.25),  # <s> a; <s> a b; a b a; </s> behind a, behind b a for 0
        ([4, 5], -2 - 0.5 - 0.75 - 8),  # b behind <s>; b c; </s> behind c for 0, behind b c for 0
        ([4, 5, 3], -2 - 0.5 - 0.75 - 0.25 - 8 - 0.25),  # b behind <s>; b c; b c a; </s> behind a
        ([3, 4, 5], -0.5 - 0.25 - 0.75 - 0.03125 - 8),  # <s> a; <s> a b; b c behind a b; </s>
        ([0, 3], -16 - 0.5 - 1 - 8 - 0.25),  # nothing is charged for leaving the unknown word
        ([5, 5], -4 - 0.5 - 4 - 8),
    ],
)
def test_scores_are_those_worked_by_hand(words, score, forgets):
    automaton = by_hand()
    if forgets:
        forget_idle_contexts(automaton)
    model = BackoffModel(order=3, numbers={b"<s>": 1, b"</s>": 2}, automaton=automaton)
    assert model.score(np.array(words, np.int32), np.array([0, len(words)])).tolist() == [score]


@pytest.mark.parametrize(
    "ngram, answer", [((3, 3), 0), ((3, 4), -2), ((3, 4, 3), -2), ((3, 4, 5), 0), ((3, 5, 4), -1), ((5, 3, 4), -1)]
)
def test_an_ngram_that_is_there_or_whose_context_is_not_is_told_apart(ngram, answer):
    assert put(by_hand(), ngram, -1) == answer


def test_contexts_that_nothing_is_known_of_are_led_past():
    automaton = by_hand()
    assert automaton.suffix.tolist() == [0, 0, 0, 0, 0, 0, 0, 4, 5, 4, 6]
    forget_idle_contexts(automaton)
    states = automaton.word_numbers[1::2].tolist()
    assert states == [0, 2, 0, 4, 5, 0]  # <s>, a and b are left for something or have n-grams behind them.
    after = {pair: int(automaton.cell_numbers[2 * cell_of(automaton, *pair) + 1]) for pair in [(4, 4), (5, 3), (5, 5)]}
    assert after == {(4, 4): 8, (5, 3): 4, (5, 5): 10}  # `b a` is left as `a`; behind `b c` there is an n-gram.


def cell_of(automaton, context, word):
    key = key_of(np.uint64(context), np.uint64(word))
    return find(automaton.cells, key, bucket_of(automaton.cells, key))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 30])
def test_a_table_that_is_full_holds_every_ngram_with_its_value_and_no_other(count):
    """Buckets of four overflow into the next one, the last into the first."""
    for seed in range(40):
        words = random.Random(seed).sample(range(1 << 20), 2 * count)
        automaton = empty_automaton((3, count))
        for place, word in enumerate(words[:count]):
            assert put(automaton, (2, word), -1 - place) == 0
        found = [cell_of(automaton, 3, word) for word in words]
        assert [automaton.cell_floats[2 * cell] for cell in found[:count]] == [-1 - place for place in range(count)]
        assert found[count:] == [-1] * count
        assert [cell_of(automaton, 4, word) for word in words[:count]] == [-1] * count
