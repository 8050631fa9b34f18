"""The best row of pieces is SentencePiece's at any depth of a text, and the limit says how deep it holds."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenizer.trie import NONE, build
from tokenizer.viterbi import RESET, Unigram, empty_paths, find_paths

SCORES = st.floats(-12, 0, width=32) | st.sampled_from([-1.0, -2.0, -3.0])
PIECES = st.dictionaries(st.text("abé", min_size=1, max_size=4), SCORES, min_size=1, max_size=20)
BEFORE = st.floats(-100_100, 10, width=32)
UNKNOWN = np.float32(-22)


def unigram_of(scores):
    names = sorted(scores)
    trie = build([name.encode() for name in names], range(len(names)))
    return Unigram(trie, np.array([scores[name] for name in names], np.float32), UNKNOWN), names


def specification(scores, text, before):
    """SentencePiece's own loop: sums in single precision, from 0 again past a bound; (pieces, the sum after them)."""
    best = {0: (np.float32(before), None, None)}
    for at in range(len(text)):
        if abs(best[at][0]) > RESET:
            offset = best[at][0]
            best |= {end: (np.float32(found[0] - offset), *found[1:]) for end, found in best.items() if end >= at}
        known = False
        for end in range(at + 1, len(text) + 1):
            score = scores.get(text[at:end])
            if score is None and (end > at + 1 or known):
                continue
            total = np.float32(best[at][0] + np.float32(UNKNOWN if score is None else score))
            known |= end == at + 1
            if end not in best or total > best[end][0]:
                best[end] = (total, at, text[at:end])
    pieces, at = [], len(text)
    while at:
        pieces.insert(0, best[at][2])
        at = best[at][1]
    return pieces, best[len(text)][0]


def found(scores, text, before, weigh=True):
    """(pieces, the sum after them, the limit)."""
    unigram, names = unigram_of(scores)
    values = np.frombuffer(text.encode(), np.uint8)
    paths = empty_paths(len(values), weigh)
    limit = find_paths(unigram, values, 0, len(values), before, paths, weigh)
    pieces, at = [], len(values)
    while at:
        start = paths.starts[at]
        pieces.insert(0, values[start:at].tobytes().decode())
        assert paths.ids[at] == (names.index(pieces[0]) if pieces[0] in names else NONE)
        at = start
    return pieces, paths.sums[len(values)], limit


@given(PIECES, st.text("abéc", min_size=1, max_size=30), BEFORE, st.booleans())
def test_pieces_and_sums_are_those_of_the_specification(scores, text, before, weigh):
    assert found(scores, text, before, weigh)[:2] == specification(scores, text, before)


@given(PIECES, st.text("abéc", min_size=1, max_size=12), BEFORE)
def test_below_the_limit_the_pieces_are_those_at_the_beginning(scores, text, before):
    pieces, _, limit = found(scores, text, 0.0)
    assume(abs(before) < limit)
    assert found(scores, text, before)[0] == pieces


def test_two_rows_that_are_equally_good_hold_nowhere():
    assert found({"a": -1.0, "b": -2.0, "ab": -3.0}, "ab", 0.0)[2] == 0


@pytest.mark.parametrize("margin, least, most", [(1.0, 90_000, 100_000), (1e-3, 2000, 4300), (1e-6, 0, 5)])
def test_the_nearer_the_second_row_the_less_deep_the_first_one_holds(margin, least, most):
    limit = found({"a": -1.0, "b": -2.0, "ab": -3.0 + margin}, "ab", 0.0)[2]
    assert least <= limit <= most


def test_a_single_row_holds_until_the_sum_begins_anew():
    assert 99_000 < found({"a": -1.0}, "a", 0.0)[2] < 100_000


def test_there_is_no_limit_where_it_is_not_weighed():
    assert found({"a": -1.0}, "a", 0.0, weigh=False)[2] == 0
