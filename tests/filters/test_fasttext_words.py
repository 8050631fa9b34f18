"""Sums of rows: which rows a text has, in which order, and that long texts and full memories change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import fasttext_words
from filters.fasttext_words import ROWS_HELD, WORDS_AT_ONCE, empty_memory, sum_rows
from tests.filters.test_fasttext_lexicon import fnv, lexicon, plain_ngrams

COLUMNS = 11
BLANKS = " \n\r\t\v\f\0"


def matrix(rows=1100):
    return np.random.default_rng(0).normal(size=(rows, COLUMNS)).astype(np.float32)


def summed(found, text, *, verbatim=False, memory=None, rows=None):
    """The sum, and how many rows were added."""
    values = np.frombuffer(text.encode(), np.uint8)
    word, held = np.empty(len(values) + 2, np.uint8), np.empty(ROWS_HELD, np.int32)
    hashes = np.empty(len(values) // 2 + 2 if found.word_ngrams > 1 else 0, np.int32)
    words, total = np.empty((WORDS_AT_ONCE, 3), np.int64), np.zeros(COLUMNS, np.float32)
    arguments = (values, 0, len(values), verbatim, matrix() if rows is None else rows, words, word, held, hashes, total)
    return total, sum_rows(found, memory or empty_memory(50), *arguments)


def plain_rows(text, runs=1):
    """Rows of a text by the plain reading; `lexicon()` has the words ab, naïve, </s> and buckets of 1000."""
    words = [word for word in "".join(" " if c in BLANKS else c for c in text).split(" ") if word]
    words = [word for word in words if word != "</s>" and word != "plain" and not word.startswith("__label__")]
    if not words:
        return []
    rows = []
    for word in words:
        rows += [{"ab": 2, "naïve": 3}[word]] if word in ("ab", "naïve") else []
        rows += [5 + bucket for bucket in plain_ngrams(word, 2, 4, 1000)]
    hashes = [(fnv(word.encode()) ^ 1 << 31) - (1 << 31) for word in [*words, "</s>"]]
    rows.append(4)
    for first in range(len(hashes)):
        digest = hashes[first]
        for other in hashes[first + 1 : first + runs]:
            digest = digest * 116049371 + other
            rows.append(5 + digest % 2**64 % 1000)
    return rows


def plain_sum(rows):
    total = np.zeros(COLUMNS, np.float32)
    for row in rows:
        total += matrix()[row]
    return total


PARTS = st.one_of(
    st.sampled_from(["ab", "naïve", "</s>", "plain", "__label__x", "x" * 80]), st.text("abcé中", max_size=9)
)


@given(parts=st.lists(st.tuples(PARTS, st.sampled_from(BLANKS))), runs=st.integers(1, 4))
def test_rows_are_added_in_order_and_in_single_precision(parts, runs):
    text = "".join(part for pair in parts for part in pair)
    total, added = summed(lexicon()._replace(word_ngrams=runs), text)
    expected = plain_rows(text, runs)
    assert added == len(expected)
    assert np.array_equal(total, plain_sum(expected))


@pytest.mark.parametrize("words", [WORDS_AT_ONCE - 1, WORDS_AT_ONCE, WORDS_AT_ONCE + 1, 3 * WORDS_AT_ONCE])
@pytest.mark.parametrize("runs", [1, 3])
def test_texts_of_many_words_are_read_whole(words, runs):
    text = " ".join(f"w{i % 300}" for i in range(words))
    total, added = summed(lexicon()._replace(word_ngrams=runs), text)
    assert added == len(plain_rows(text, runs))
    assert np.array_equal(total, plain_sum(plain_rows(text, runs)))


@pytest.mark.parametrize("size", [62, 63, 64, 65, 66, 5000])
def test_words_of_every_length_are_read_whole(size):
    text = f"{'é' * (size // 2)}{'x' * (size % 2)} ab"
    total, added = summed(lexicon(), text)
    assert added == len(plain_rows(text))
    assert np.array_equal(total, plain_sum(plain_rows(text)))


@pytest.mark.parametrize("text", ["", " \t", "</s>", "__label__x plain"])
def test_a_text_without_a_word_has_no_row_and_verbatim_that_of_its_end(text):
    assert summed(lexicon(), text)[1] == 0
    total, added = summed(lexicon(), text, verbatim=True)
    assert added == 1
    assert np.array_equal(total, matrix()[4])


def test_verbatim_nothing_is_read_behind_the_word_that_ends_a_text():
    total, added = summed(lexicon(), "ab </s> naïve", verbatim=True)
    assert added == len(plain_rows("ab"))
    assert np.array_equal(total, plain_sum(plain_rows("ab")))


def test_a_word_is_learnt_once_and_a_full_memory_emptied():
    memory = empty_memory(16)
    summed(lexicon(), "ab ab cd ab plain", memory=memory)
    assert memory.used[0] == 3
    summed(lexicon(), " ".join(f"w{i}" for i in range(14)), memory=memory)
    assert memory.used[0] == 1


def test_memory_is_bounded():
    memory = empty_memory()
    assert memory.slots.nbytes + memory.cells.nbytes < 24 << 20
    assert np.shares_memory(memory.cells, memory.cell_bytes)
    assert fasttext_words.MAX_REMEMBERED_BYTES == 64


def test_rows_that_lie_askew_in_a_file_are_read():
    askew = np.zeros(matrix().nbytes + 1, np.uint8)[1:].view(np.float32).reshape(matrix().shape)
    askew[:] = matrix()
    askew.setflags(write=False)
    assert not askew.flags.aligned
    assert np.array_equal(summed(lexicon(), "ab cd", rows=askew)[0], summed(lexicon(), "ab cd")[0])
