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
    rows = matrix() if rows is None else rows
    words, total = np.empty((WORDS_AT_ONCE, 3), np.int64), np.zeros(rows.shape[1], np.float32)
    arguments = (values, 0, len(values), verbatim, rows, words, word, held, hashes, total)
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


@pytest.mark.parametrize("code", range(35))
def test_fasttexts_blanks_part_words_and_no_other_character_does(code):
    memory = empty_memory(50)
    summed(lexicon(), f"x{chr(code)}y", memory=memory)
    assert memory.used[0] == (2 if chr(code) in BLANKS else 1)


@pytest.mark.parametrize("word", ["</s>x", "x</s>", "</s", "</S>", "</t>", "<|s>", "</s)", "(/s>"])
def test_a_word_that_is_nearly_the_end_is_a_word(word):
    text = f"ab {word} ab"
    for verbatim in (False, True):
        total, added = summed(lexicon(), text, verbatim=verbatim)
        assert added == len(plain_rows(text))
        assert np.array_equal(total, plain_sum(plain_rows(text)))


@pytest.mark.parametrize("alike", ["declinate macallums", "altarage zinke", "costarring liquid"])
def test_words_with_one_hash_keep_their_own_rows(alike):
    assert len({fnv(word.encode()) for word in alike.split()}) == 1
    text = f"{alike} {alike}"
    memory = empty_memory(50)
    total, added = summed(lexicon(), text, memory=memory)
    assert (added, memory.used[0]) == (len(plain_rows(text)), 2)
    assert np.array_equal(total, plain_sum(plain_rows(text)))


@pytest.mark.parametrize("size, learnt", [(1, 1), (3, 1), (4, 1), (5, 1), (63, 1), (64, 1), (65, 0)])
def test_a_word_is_found_again_whatever_its_length(size, learnt):
    memory = empty_memory(50)
    summed(lexicon(), " ".join(["x" * size, "plain", "x" * size, "plain", "y" * size] * 2), memory=memory)
    assert memory.used[0] == 2 * learnt + 1


def test_a_memory_whose_cells_are_full_is_emptied_and_gives_the_same_rows():
    memory = empty_memory(50)
    text = " ".join(f"{number:060}" for number in range(40))
    for _ in range(2):
        total, added = summed(lexicon(), text, memory=memory)
        assert added == len(plain_rows(text))
        assert np.array_equal(total, plain_sum(plain_rows(text)))
        assert 0 < memory.used[1] <= len(memory.cells)
        assert memory.used[0] < 40


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 15, 16, 17])
def test_every_column_is_summed(columns):
    rows = np.random.default_rng(1).normal(size=(1100, columns)).astype(np.float32)
    expected = np.zeros(columns, np.float32)
    for row in plain_rows("ab cd naïve"):
        expected += rows[row]
    assert np.array_equal(summed(lexicon(), "ab cd naïve", rows=rows)[0], expected)


@pytest.mark.parametrize("words, end", [(["ab"], []), (["</s>", "ab"], [0]), (["ab", "</s>"], [1])])
def test_the_end_has_a_row_where_the_model_has_that_word(words, end):
    found = lexicon(words=words)
    rows = [words.index("ab"), *(len(words) + bucket for bucket in plain_ngrams("ab", 2, 4, 1000)), *end]
    total, added = summed(found, "ab")
    assert added == len(rows)
    assert np.array_equal(total, plain_sum(rows))


@pytest.mark.parametrize("kept", [[], [0], [1], [0, 1]])
def test_runs_of_words_that_a_pruned_model_left_out_have_no_row(kept):
    """The runs of two in `ab ab` are `ab ab` and `ab </s>`; the pruned model keeps some and no n-gram of characters."""
    ab, end = ((fnv(word) ^ 1 << 31) - (1 << 31) for word in (b"ab", b"</s>"))
    buckets = [(ab * 116049371 + after) % 2**64 % 1000 for after in (ab, end)]
    pruned = [(buckets[run], 7 + run) for run in kept] or [(999, 0)]
    rows = [2, 2, 4, *(5 + 7 + run for run in kept)]
    assert 999 not in buckets
    total, added = summed(lexicon(least=5, most=5, pruned=pruned)._replace(word_ngrams=2), "ab ab")
    assert added == len(rows)
    assert np.array_equal(total, plain_sum(rows))


@pytest.mark.parametrize("word", ["cd", "é" * 40])
def test_a_model_without_ngrams_has_no_row_for_an_unknown_word(word):
    total, added = summed(lexicon(least=0, most=0), f"{word} ab")
    assert added == 2
    assert np.array_equal(total, plain_sum([2, 4]))
