"""The last n-gram of each order, against a plain specification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.last_ngram import count_last, find_last, last_ngram
from filters.ngram_words import BEGIN, END

WORDS = 8
texts = st.lists(st.lists(st.integers(3, WORDS - 1), max_size=6), min_size=1, max_size=8)


def tokens(text):
    return np.array([i for sentence in text for i in (*sentence, END)], dtype=np.uint32)


def specified_last(text, order):
    """Of the window that is last by its newest word, the word before it, …: raw and adjusted counts of its ends."""
    windows = []
    for sentence in text:
        ids = [BEGIN] * (order - 1) + sentence + [END]
        windows += [tuple(ids[i - order + 1 : i + 1][::-1]) for i in range(order - 1, len(ids))]
    last = max(windows)
    longest = min(order - 1, (*last, BEGIN).index(BEGIN))
    same = [[window for window in windows if window[:k] == last[:k]] for k in range(1, longest + 1)]
    return [len(found) for found in same], [len({window[k] for window in found}) for k, found in enumerate(same, 1)]


@pytest.mark.parametrize("order", [2, 4])
@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_the_last_ngram_is_counted_raw_and_adjusted(order, text):
    ids = tokens(text)
    found = last_ngram(lambda: [ids[:4], ids[4:]], order=order, words=WORDS)
    assert (found.raw.tolist(), found.adjusted.tolist()) == specified_last(text, order)


def test_the_words_before_are_kept_from_block_to_block():
    before, best = np.full(2, BEGIN, np.uint32), np.zeros(3, np.uint32)
    find_last(np.array([5, 6], np.uint32), before, best)
    assert (before.tolist(), best.tolist()) == ([6, 5], [6, 5, BEGIN])
    raw, preceding = np.zeros(2, np.int64), np.zeros((2, WORDS), np.bool_)
    count_last(np.array([6], np.uint32), before, best, raw, preceding)
    assert raw.tolist() == [1, 0] and np.argwhere(preceding).tolist() == [[0, 6]]


def test_an_n_gram_of_a_lone_word_begins_with_the_sentence():
    found = last_ngram(lambda: [tokens([[7]])], order=3, words=WORDS)
    assert (found.raw.tolist(), found.adjusted.tolist()) == ([1], [1])


@pytest.mark.parametrize("cut", range(6))
def test_where_blocks_end_does_not_matter(cut):
    ids = tokens([[3, 7, 7], [7]])
    found = last_ngram(lambda: [ids[:cut], ids[cut:]], order=3, words=WORDS)
    assert (found.raw.tolist(), found.adjusted.tolist()) == ([3, 1], [3, 1])
