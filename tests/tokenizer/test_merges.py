"""Merging is what the plain specification of BPE says, in segments short and long."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.merges import NODES, STARTS, build_merges, cut_into_pieces, merge, ranks, stay_apart
from tokenizer.trie import NONE, build

PIECES = st.dictionaries(st.text("abé", min_size=1, max_size=5), st.integers(-9, 2), min_size=1, max_size=25)
TEXTS = st.text("abécc", min_size=1, max_size=60)


def specification(scores, text):
    """The best pair first, of equals the leftmost, until no two neighbours make a piece."""
    symbols = list(text)
    while True:
        pairs = [(scores[a + b], -at) for at, (a, b) in enumerate(pairwise(symbols)) if a + b in scores]
        if not pairs:
            return symbols
        at = -max(pairs)[1]
        symbols[at : at + 2] = ["".join(symbols[at : at + 2])]


def merges_of(scores):
    names = sorted(scores)
    trie = build([name.encode() for name in names], range(len(names)))
    return build_merges(trie, np.array([scores[name] for name in names], np.float32)), names


def bytes_of(text):
    return np.frombuffer(text.encode(), np.uint8)


def pieces(values, starts):
    return [values[a:b].tobytes().decode() for a, b in pairwise(starts)]


@given(PIECES, TEXTS)
def test_a_segment_is_merged_as_specified(scores, text):
    merges, names = merges_of(scores)
    values, symbols = bytes_of(text), np.empty((4, 4 * len(text) + 1), np.int64)
    count = merge(merges.pieces.edges, merges.ranks, values, 0, len(values), symbols)
    found = pieces(values, symbols[STARTS, : count + 1])
    assert found == specification(scores, text)
    ids = [merges.pieces.ids[node] if node != NONE else NONE for node in symbols[NODES, :count]]
    assert ids == [names.index(piece) if piece in names else NONE for piece in found]


@given(PIECES, TEXTS)
def test_a_segment_is_cut_into_what_merging_makes_of_it(scores, text):
    merges, _ = merges_of(scores)
    values = bytes_of(text)
    for _ in range(2):  # The second time it is known which pieces stay apart.
        starts = np.empty(len(values) + 1, np.int64)
        count = cut_into_pieces(merges, values, 0, len(values), starts)
        assert pieces(values, starts[: count + 1]) == specification(scores, text)


def test_cutting_goes_back_where_the_longest_piece_leads_nowhere():
    merges, _ = merges_of({"a": 0, "aa": 3, "aaa": 2, "ab": 9, "aab": 1})
    values, starts = bytes_of("aaaab" * 9), np.empty(46, np.int64)
    count = cut_into_pieces(merges, values, 0, 45, starts)
    assert pieces(values, starts[: count + 1]) == specification({"aa": 3, "aaa": 2, "ab": 9, "aab": 1}, "aaaab" * 9)


@pytest.mark.parametrize("text, cut, apart", [("abab", 2, True), ("aab", 1, True), ("ab", 1, False), ("xy", 1, True)])
def test_two_pieces_stay_apart_unless_merging_crosses_between_them(text, cut, apart):
    merges, _ = merges_of({"a": 0, "b": 0, "ab": 1})
    assert [stay_apart(merges, bytes_of(text), 0, cut, len(text)) for _ in range(2)] == [apart, apart]


def test_a_piece_that_merging_never_reaches_is_not_used():
    merges, _ = merges_of({"aaa": 5, "b": 1})
    values, starts = bytes_of("aaab"), np.empty(5, np.int64)
    assert pieces(values, starts[: cut_into_pieces(merges, values, 0, 4, starts) + 1]) == ["a", "a", "a", "b"]


def test_ranks_are_in_the_order_of_the_scores():
    scores = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 1e-9, 3.0], np.float32)
    assert (np.diff(ranks(scores).astype(np.int64)) > 0).all()
