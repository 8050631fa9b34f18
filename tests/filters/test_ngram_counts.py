"""Adjusted counts, against a plain specification, and the files between."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.ngram_counts import (
    BEGIN,
    END,
    MAX_WORD_BYTES,
    UNKNOWN,
    Vocabulary,
    append_split,
    count_levels,
    find,
    partition_of,
    spell,
    split_words,
    write_partitions,
    write_tokens,
)

sentences = st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=6), min_size=1, max_size=6)


def windows_of(text, order):
    """Every window of `order` ids that ends in a word, the newest word first."""
    rows = []
    for sentence in text:
        ids = [BEGIN] * (order - 1) + sentence + [END]
        rows += [ids[i : i + order][::-1] for i in range(len(sentence) + 1)]
    return np.array(rows, dtype=np.uint32)


def specified_counts(text, k, order):
    """How often (highest order, or beginning with <s>), or behind how many different words, an n-gram stands."""
    grams, before = Counter(), {}
    for sentence in text:
        ids = [BEGIN, *sentence, END]
        for i in range(len(ids) - k + 1):
            gram = tuple(ids[i : i + k])
            grams[gram] += 1
            if i:
                before.setdefault(gram, set()).add(ids[i - 1])
    return {gram: n if k == order or gram[0] == BEGIN else len(before[gram]) for gram, n in grams.items()}


def spelled(levels):
    return [tuple(map(int, row)) for row in np.stack(spell(levels)[::-1], axis=1)]


@pytest.mark.parametrize("order", [2, 3, 5])
@settings(deadline=None, max_examples=50)
@given(text=sentences)
def test_counts_are_those_of_the_specification(order, text):
    levels = count_levels(windows_of(text, order))
    for k in range(2, order + 1):
        counts = dict(zip(spelled(levels[: k - 1]), map(int, levels[k - 2].counts), strict=True))
        assert counts == specified_counts(text, k, order)


@settings(deadline=None, max_examples=50)
@given(text=sentences)
def test_ngrams_are_sorted_by_suffix(text):
    levels = count_levels(windows_of(text, 4))
    for k in (2, 3, 4):
        backwards = [gram[::-1] for gram in spelled(levels[: k - 1])]
        assert backwards == sorted(set(backwards))


@settings(deadline=None, max_examples=50)
@given(text=sentences)
def test_every_ngram_is_found_where_it_lies(text):
    levels = count_levels(windows_of(text, 4))
    assert find(levels, spell(levels), 7).tolist() == list(range(len(levels[-1].words)))


def test_ids_of_twenty_bits_and_of_one_sort_alike():
    low = count_levels(windows_of([[3, 4, 3, 5], [4, 4]], 5))
    high = count_levels(windows_of([[3, 1 << 20, 3, 1 << 21], [1 << 20, 1 << 20]], 5))
    assert [level.counts.tolist() for level in low] == [level.counts.tolist() for level in high]


def test_a_partition_without_windows_has_empty_levels():
    levels = count_levels(np.zeros((0, 3), dtype=np.uint32))
    assert [len(level.counts) for level in levels] == [0, 0]


def test_words_are_cut_at_ascii_blanks_and_nul_alone():
    assert split_words("a\tb\x00c\u00a0d \u3000 e\r\nf") == [
        b"a",
        b"b",
        "c\u00a0d".encode(),
        "\u3000".encode(),
        b"e",
        b"f",
    ]
    assert split_words(" \0\n") == []


@pytest.mark.parametrize("length, known", [(MAX_WORD_BYTES, True), (MAX_WORD_BYTES + 1, False)])
def test_a_word_past_the_limit_is_unknown(length, known):
    assert split_words("a " + "x" * length) == [b"a", b"x" * length if known else b"<unk>"]


def test_words_get_ids_in_order_of_appearance():
    vocabulary = Vocabulary(100)
    assert vocabulary.encode([b"b", b"a", b"b"]) == [3, 4, 3]
    assert list(vocabulary.ids) == [b"<unk>", b"<s>", b"</s>", b"b", b"a"]


def test_a_word_that_reads_like_a_boundary_is_unknown():
    assert Vocabulary(100).encode([b"<s>", b"</s>", b"<unk>", b"a"]) == [UNKNOWN, UNKNOWN, UNKNOWN, 3]


def test_a_new_word_past_the_limit_is_unknown_and_a_known_one_is_not():
    vocabulary = Vocabulary(5)
    assert vocabulary.encode([b"a", b"b", b"c", b"a", b"b"]) == [3, 4, UNKNOWN, 3, 4]
    assert len(vocabulary) == 5


def test_sentences_are_padded_and_empty_ones_left_out(tmp_path):
    tokens = write_tokens(["a b", "", "  ", "a"], 3, Vocabulary(100), tmp_path / "tokens")
    written = np.fromfile(tmp_path / "tokens", dtype=np.uint32).tolist()
    assert written == [BEGIN, BEGIN, 3, 4, END, BEGIN, BEGIN, 3, END]
    assert tokens == len(written)


@pytest.mark.parametrize("partitions", [1, 3])
def test_partitions_hold_all_windows_and_share_no_bigram(tmp_path, partitions, monkeypatch):
    monkeypatch.setattr("filters.ngram_counts._POSITIONS_A_READ", 4)
    text = [[3, 4, 5], [6, 3, 4], [5, 5, 5, 5]]
    np.concatenate([[BEGIN, BEGIN, *ids, END] for ids in text]).astype(np.uint32).tofile(tmp_path / "tokens")
    for p in range(partitions):
        (tmp_path / str(p)).touch()
    write_partitions(tmp_path / "tokens", 3, partitions, lambda p: tmp_path / str(p))
    parts = [np.fromfile(tmp_path / str(p), dtype=np.uint32).reshape(-1, 3).tolist() for p in range(partitions)]
    assert sorted(row for part in parts for row in part) == sorted(windows_of(text, 3).tolist())
    bigrams = [{tuple(row[:2]) for row in part} for part in parts]
    assert sum(map(len, bigrams)) == len(set.union(*bigrams))


def test_partitions_are_used_evenly():
    newest, older = (ids.ravel().astype(np.uint32) for ids in np.meshgrid(np.arange(100), np.arange(100)))
    sizes = np.bincount(partition_of(newest, older, 8), minlength=8)
    assert sizes.min() > 1100 and sizes.max() < 1400


def test_rows_are_appended_in_their_order(tmp_path):
    rows = np.arange(8, dtype=np.uint32).reshape(4, 2)
    for _ in range(2):
        sizes = append_split(rows, np.array([1, 0, 1, 1]), 3, lambda p: tmp_path / str(p))
    assert sizes.tolist() == [1, 3, 0]
    assert np.fromfile(tmp_path / "1", dtype=np.uint32).tolist() == [0, 1, 4, 5, 6, 7] * 2
    assert (tmp_path / "2").read_bytes() == b""
