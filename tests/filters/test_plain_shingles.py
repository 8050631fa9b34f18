"""Overlap counted on words themselves says what the hashes say."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.plain_shingles import overlap_of_words, plain_shingles, plain_words
from filters.shingles import shingle_sets
from tests.filters.overlaps import containment, jaccard

LETTERS = "aB zé’_-1\n\u0301\u00ad中文ßİ😀한국ไทのデｶ々क\U00020000𝐚\U000e0041"


@pytest.mark.parametrize(
    "text, words, shingles",
    [
        ("One two, THREE", 2, {("one", "two"), ("two", "three")}),
        ("a b", 3, {("a", "b")}),
        ("", 3, set()),
        ("…", 1, set()),
        ("café cafe\u0301", 1, {("cafe",)}),
        ("中文 x", 1, {("中",), ("文",), ("x",)}),
        ("a\U000e0041b \U00020000", 1, {("ab",), ("\U00020000",)}),
    ],
)
def test_a_shingle_is_so_many_words(text, words, shingles):
    assert plain_shingles(text, words) == shingles


@pytest.mark.parametrize("contained, overlap", [(False, 2 / 5), (True, 2 / 3)])
def test_overlap_is_of_both_or_of_the_shorter(contained, overlap):
    assert overlap_of_words("a b c d", "b c d e f", 2, contained=contained) == overlap
    assert overlap_of_words("", "", 2, contained=contained) == 0


@given(*[st.lists(st.sampled_from(LETTERS), max_size=60).map("".join)] * 2, st.integers(1, 4))
def test_words_and_hashes_agree(one, other, words):
    sets = shingle_sets(pa.array([one, other], pa.large_string()), words)
    for contained, measure in ((False, jaccard), (True, containment)):
        assert measure(*sets, [(0, 1)])[0] == overlap_of_words(one, other, words, contained=contained)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", []),
        ("Don't—stop!", ["don", "t", "stop"]),
        ("É\u0301té 中文", ["ete", "中", "文"]),
        ("soft\u00adware", ["software"]),
    ],
)
def test_words_are_bare_letters_in_lower_case(text, words):
    assert plain_words(text) == words
