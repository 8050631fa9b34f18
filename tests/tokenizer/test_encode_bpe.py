"""What only a BPE model has: merges, which the user's own symbols take no part in."""

import pytest

from tokenizer.sentencepiece_model import Algorithm


@pytest.mark.parametrize(
    "text, ids",
    [
        ("aab", [2, 4]),
        ("ab", [4]),
        ("aaab", [1, 4]),
        ("abcab", [4, 5, 4]),
        ("caab", [5, 2, 4]),
        ("abab" * 3, [4] * 6),
    ],
)
def test_a_users_own_symbol_is_taken_before_any_merge(written, checked_ids, text, ids):
    """Pieces: 1 aa, 2 a, 3 b; the user's own: 4 ab, 5 c. Neither is merged with what is beside it."""
    path = written(Algorithm.BPE, {"aa": -1.0, "a": -2.0, "b": -3.0}, own=["ab", "c"])
    assert checked_ids(path, [text]) == [ids]


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 1025])
def test_a_text_of_more_segments_than_are_cut_at_once_is_read_whole(written, checked_ids, count):
    for own in ([], ["b"]):
        path = written(Algorithm.BPE, {"a": -1.0}, own=own)
        assert checked_ids(path, ["ab" * count]) == [[1, 2 if own else 0] * count]


@pytest.mark.parametrize("size", [63, 64, 65, 110])
def test_an_own_symbol_longer_than_what_is_learnt_is_one_id(written, checked_ids, size):
    path = written(Algorithm.BPE, {"aa": -1.0, "a": -2.0}, own=["a" * size])
    assert checked_ids(path, ["a" * size]) == [[3]]
    assert checked_ids(path, ["a" * (size + 1)]) == [[3, 2]]
