"""Text is cut wherever no piece holds the two characters around the cut, and nowhere else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.joints import build_joints, next_cuts

TEXTS = st.text(st.sampled_from("ab é日😀\x00\x7f"), min_size=1, max_size=30)
PIECES = st.lists(st.text(st.sampled_from("ab é日😀\x00\x7f"), max_size=4), max_size=8)


def segments(pieces, text, room=64):
    """The text in segments, as many at a time as there is room for."""
    values = np.frombuffer(text.encode(), np.uint8)
    joints, cuts, at, found = build_joints(pieces), np.empty(room, np.int64), 0, []
    while at < len(values):
        for cut in cuts[: next_cuts(joints, values, at, len(values), cuts)].tolist():
            found.append(values[at:cut].tobytes().decode())
            at = cut
    return found


def specification(pieces, text):
    joined = {piece[i : i + 2] for piece in pieces for i in range(len(piece) - 1)}
    found = [text[0]]
    for left, right in pairwise(text):
        if left + right in joined:
            found[-1] += right
        else:
            found.append(right)
    return found


@given(PIECES, TEXTS, st.integers(2, 8))
def test_segments_are_as_specified(pieces, text, room):
    assert segments(pieces, text, room) == specification(pieces, text)


@pytest.mark.parametrize(
    "pieces, text, expected",
    [
        (["ab"], "abab", ["ab", "ab"]),
        (["ab", "ba"], "abab", ["abab"]),
        ([], "ab", ["a", "b"]),
        (["a"], "aa", ["a", "a"]),
        (["日本"], "日本日", ["日本", "日"]),
        (["aé"], "aéa", ["aé", "a"]),
    ],
)
def test_a_cut_falls_between_two_characters_that_no_piece_joins(pieces, text, expected):
    assert segments(pieces, text) == expected


def test_nothing_has_no_cut():
    assert next_cuts(build_joints(["ab"]), np.empty(0, np.uint8), 0, 0, np.empty(4, np.int64)) == 0


def test_the_end_is_a_cut_where_another_text_follows():
    cuts = np.empty(4, np.int64)
    assert next_cuts(build_joints(["ab"]), np.frombuffer(b"aab", np.uint8), 1, 2, cuts) == 1
    assert cuts[0] == 2
