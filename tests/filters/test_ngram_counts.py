"""Adjusted counts of every order, against a plain specification."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.ngram_counts import LevelFile, count_ngrams
from filters.ngram_sort import SortedRuns, word_of
from filters.ngram_words import BEGIN, END, bits_of

WORDS = 8
texts = st.lists(st.lists(st.integers(3, WORDS - 1), max_size=6), min_size=1, max_size=8)


def tokens(text):
    return np.array([i for sentence in text for i in (*sentence, END)], dtype=np.uint32)


def specified_counts(text, k, order):
    """How often (highest order, or beginning with <s>), or behind how many different words, an n-gram stands."""
    grams, before = Counter(), {}
    for sentence in text:
        ids = [BEGIN, *sentence, END]
        for i in range(k == 1, len(ids) - k + 1):
            gram = tuple(ids[i : i + k])
            grams[gram] += 1
            before.setdefault(gram, set()).update(ids[i - 1 : i] if i else ())
    return {gram: n if k == order or gram[0] == BEGIN else len(before[gram]) for gram, n in grams.items()}


def counted(folder, text, order, memory_bytes=1 << 20):
    runs = SortedRuns(folder, order=order, word_bits=bits_of(WORDS), memory_bytes=memory_bytes)
    runs.add([tokens(text)])
    return count_ngrams(runs.merged(), folder, order=order, words=WORDS, memory_bytes=memory_bytes)


def entries(level, k, order, max_entries=1 << 20):
    """(n-gram, count, lower) of each entry, the n-gram's words in the order of the text."""
    for part in level.read(max_entries):
        keys = np.repeat(part.keys, part.sizes, axis=0)
        for key, word, count, lower in zip(keys, part.words, part.counts, part.lower, strict=True):
            context = [int(word_of(key[0], key[1], bits_of(WORDS), order - 1 - i)) for i in range(k - 1)]
            yield (*context[::-1], int(word)), int(count), int(lower)


@pytest.mark.parametrize("order, memory_bytes", [(2, 1), (3, 1 << 20), (5, 1), (5, 1 << 20), (6, 1)])
@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_counts_are_those_of_the_specification(tmp_path_factory, order, memory_bytes, text):
    counts = counted(tmp_path_factory.mktemp("counts"), text, order, memory_bytes)
    unigrams = {(word,): int(n) for word, n in enumerate(counts.unigrams) if n}
    assert unigrams == specified_counts(text, 1, order)
    for k, level in counts.levels.items():
        found = {gram: count for gram, count, _ in entries(level, k, order)}
        assert found == specified_counts(text, k, order)
        tally = Counter(min(count, 5) for count in found.values())
        assert counts.tallies[k - 1].tolist() == [tally[i] for i in range(6)]
        assert counts.ngrams[k - 1] == level.entries == len(found)


@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_an_entry_leads_to_the_ngram_without_its_first_word(tmp_path_factory, text):
    counts = counted(tmp_path_factory.mktemp("counts"), text, 4, memory_bytes=1)
    shorter = [(word,) for word in range(WORDS)]
    for k, level in counts.levels.items():
        found = list(entries(level, k, 4, max_entries=3))
        assert all(shorter[lower] == gram[1:] for gram, _, lower in found)
        shorter = [gram for gram, _, _ in found]


@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_ngrams_that_end_in_a_word_stand_in_the_order_of_the_contexts_that_they_are(tmp_path_factory, text):
    counts = counted(tmp_path_factory.mktemp("counts"), text, 4)
    for k in (2, 3):
        grams = [gram for gram, _, _ in entries(counts.levels[k], k, 4) if gram[-1] != END]
        contexts = list(dict.fromkeys(gram[:-1] for gram, _, _ in entries(counts.levels[k + 1], k + 1, 4)))
        assert sorted(grams, key=lambda gram: gram[-1]) == contexts
        assert counts.contexts[k].tolist() == [sum(gram[-1] == word for gram in grams) for word in range(WORDS)]


def test_a_text_without_long_sentences_has_empty_orders(tmp_path):
    counts = counted(tmp_path, [[3], []], 5)
    assert counts.ngrams == [WORDS, 3, 1, 0, 0]
    assert list(counts.levels[5].read(10)) == []


def test_a_level_is_read_in_whole_contexts(tmp_path):
    level = LevelFile(tmp_path, 2)
    column = np.arange(6)
    level.append(np.ones((3, 2), np.uint64), np.array([2, 1, 3]), column.astype(np.uint32), column, column)
    assert [(part.first, part.sizes.tolist()) for part in level.read(3)] == [(0, [2, 1]), (3, [3])]
    assert [(part.first, part.words.tolist()) for part in level.read(1)] == [(0, [0, 1]), (2, [2]), (3, [3, 4, 5])]
    level.remove()
    assert list(tmp_path.iterdir()) == []
