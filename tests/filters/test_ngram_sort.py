"""Windows are packed, sorted and counted as plain Python does it, in one run or many."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.ngram_sort import (
    SortedRuns,
    begin_context,
    combine_rows,
    pack_windows,
    rows_up_to,
    scatter_rows,
    shift_word,
    sort_digits,
    sort_few_rows,
    sort_rows,
    sorted_rows,
    word_of,
)
from filters.ngram_words import BEGIN, END

texts = st.lists(st.lists(st.integers(3, 7), max_size=6), min_size=1, max_size=8)
keys = st.lists(st.integers(0, (1 << 105) - 1) | st.integers(0, 3), max_size=300)


def specified_windows(text, order):
    """Each word behind the words before it, nearest first."""
    for sentence in text:
        ids = [BEGIN] * (order - 1) + sentence + [END]
        for i in range(order - 1, len(ids)):
            yield (*ids[i - order + 1 : i][::-1], ids[i])


def tokens(text):
    return np.array([i for sentence in text for i in (*sentence, END)], dtype=np.uint32)


def unpacked(row, order, bits):
    return tuple(int(word_of(row[0], row[1], bits, order - 1 - i)) for i in range(order))


def rows_of(keys):
    rows = [(key >> 64, key & (2**64 - 1), 1) for key in keys]
    return np.array(rows, dtype=np.uint64).reshape(-1, 3)


def keys_of(rows):
    return [int(high) << 64 | int(low) for high, low, _ in rows]


@pytest.mark.parametrize("order, bits", [(2, 3), (3, 21), (4, 21), (5, 13), (5, 16), (5, 17), (6, 11), (6, 21)])
@settings(deadline=None, max_examples=30)
@given(text=texts)
def test_windows_are_packed_nearest_word_first(order, bits, text):
    ids = tokens(text)
    rows, context = np.empty((len(ids), 3), np.uint64), np.array(begin_context(order, bits), np.uint64)
    half = len(ids) // 2
    pack_windows(ids[:half], context, order, bits, rows[:half])
    pack_windows(ids[half:], context, order, bits, rows[half:])
    assert [unpacked(row, order, bits) for row in rows] == list(specified_windows(text, order))
    assert rows[:, 2].tolist() == [1] * len(ids)


@settings(deadline=None)
@given(keys=keys)
def test_rows_are_sorted_by_key(keys):
    rows = rows_of(keys)
    sort_rows(rows, np.empty_like(rows), 105)
    assert keys_of(rows) == sorted(keys)


@settings(deadline=None)
@given(keys=keys)
def test_digit_by_digit_and_by_insertion_give_the_same(keys):
    few, many = rows_of(keys), rows_of(keys)
    sort_few_rows(few)
    sort_digits(many, np.empty_like(many), 105, np.empty(1 << 11, np.int64))
    assert keys_of(few) == keys_of(many) == sorted(keys)


def test_one_digit_is_scattered_in_order_and_one_value_not_at_all():
    rows, target = rows_of([5 << 60, 1, 2, (5 << 60) + 1]), np.zeros((4, 3), np.uint64)
    assert scatter_rows(rows, target, 60, np.empty(1 << 11, np.int64))
    assert keys_of(target) == [1, 2, 5 << 60, (5 << 60) + 1]
    assert not scatter_rows(rows[1:3], target[1:3], 60, np.empty(1 << 11, np.int64))


@settings(deadline=None)
@given(keys=keys)
def test_equal_keys_are_added_up(keys):
    rows = sorted_rows(rows_of(keys), 105)
    assert dict(zip(keys_of(rows), rows[:, 2].tolist(), strict=True)) == Counter(keys)
    assert combine_rows(rows) == len(rows)


@settings(deadline=None)
@given(keys=keys, bound=st.integers(0, (1 << 105) - 1))
def test_rows_up_to_a_key_are_counted(keys, bound):
    rows = rows_of(sorted(keys))
    assert rows_up_to(rows, np.uint64(bound >> 64), np.uint64(bound & (2**64 - 1))) == sum(k <= bound for k in keys)


@pytest.mark.parametrize("memory_bytes", [1 << 30, 1 << 12, 1])
@settings(deadline=None, max_examples=30)
@given(text=texts)
def test_runs_give_each_window_once_in_order_with_its_count(tmp_path_factory, memory_bytes, text):
    runs = SortedRuns(tmp_path_factory.mktemp("runs"), order=3, word_bits=3, memory_bytes=memory_bytes)
    ids = tokens(text)
    runs.add([ids[:5], ids[5:]])
    rows = [row for block in runs.merged() for row in block.tolist()]
    found = [unpacked(np.array(row, np.uint64), 3, 3) for row in rows]
    assert found == sorted(set(found))
    assert dict(zip(found, (row[2] for row in rows), strict=True)) == Counter(specified_windows(text, 3))


@pytest.mark.parametrize("rows_a_run", [16, 64])  # Read 16 at a time: a run at once, or in four parts.
def test_many_runs_are_merged_without_a_file_left(tmp_path, rows_a_run):
    runs = SortedRuns(tmp_path, order=2, word_bits=10, memory_bytes=96 * rows_a_run)
    ids = np.random.default_rng(1).integers(2, 1000, 5000).astype(np.uint32)
    runs.add([ids])
    assert len(runs.paths) == 5000 // rows_a_run + 1
    blocks = list(runs.merged())
    assert sum(int(block[:, 2].sum()) for block in blocks) == 5000
    assert all(keys_of(a)[-1] < keys_of(b)[0] for a, b in itertools.pairwise(blocks))
    assert list(tmp_path.iterdir()) == []


def test_no_window_gives_no_run(tmp_path):
    runs = SortedRuns(tmp_path, order=2, word_bits=3, memory_bytes=1)
    runs.add([])
    assert list(runs.merged()) == [] == runs.paths


@pytest.mark.parametrize("word, after", [(7, [7, 5, 4]), (END, [BEGIN, BEGIN, BEGIN])])
def test_after_a_sentence_there_is_no_word_before(word, after):
    before = np.array([5, 4, 3], dtype=np.uint32)
    shift_word(before, word)
    assert before.tolist() == after
