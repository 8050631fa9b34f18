"""Either loop over texts gives the same ids whatever its table of segments holds, and learns what it should."""

import pytest

from tokenizer.segments import empty_segments
from tokenizer.sentencepiece_model import Algorithm

ALGORITHMS = {"bpe": Algorithm.BPE, "unigram": Algorithm.UNIGRAM}
ARENA_BYTES = 1 << 20


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.fixture
def model(algorithm, written):
    """`model({"ab": -1.0})`: the file of a model of just these pieces."""
    return lambda pieces: written(ALGORITHMS[algorithm], pieces)


@pytest.mark.parametrize(
    "changed", [{}, {"byte_fallback": False, "vocab_size": 70}, {"user_defined_symbols": ["he", "日"]}]
)
@pytest.mark.parametrize("slots", [1024, 1 << 16])
def test_a_table_that_is_emptied_again_and_again_gives_the_same_ids(
    algorithm, trained, checked_ids, texts, slots, changed
):
    path, table = trained(algorithm, **changed), empty_segments(slots, ARENA_BYTES)
    for _ in range(2):
        checked_ids(path, texts, table)
    assert table.used[0] <= slots // 4 * 3


def test_a_segment_is_learnt_once(algorithm, trained, checked_ids):
    table = empty_segments(1024, ARENA_BYTES)
    checked_ids(trained(algorithm), ["the cat", "the cat the"], table)
    entries = table.used[0]
    checked_ids(trained(algorithm), ["the cat the cat"], table)
    assert table.used[0] == entries > 0


def test_a_long_segment_is_not_learnt(algorithm, trained, checked_ids):
    table = empty_segments(1024, ARENA_BYTES)
    checked_ids(trained(algorithm, sentences=["aaaa aaaaaa"] * 50, vocab_size=264), ["a" * 100], table)
    assert table.used[0] == 0


def test_segments_that_all_want_one_slot_have_their_ids_whether_they_find_a_place_or_not(model, checked_ids, crowd):
    pieces = ["▁", *"ab", "▁a", "▁b", "ab", "ba", "aab", "▁ab"]
    table = empty_segments(1024, ARENA_BYTES)
    path = model({piece: -1.0 - place for place, piece in enumerate(pieces)})
    checked_ids(path, [b"".join(crowd).decode(), b"".join(crowd[::-1]).decode()], table)
    assert 256 < table.used[0] < len(crowd)


@pytest.mark.parametrize(
    "text, ids",
    [("ж", [0]), ("жж", [0]), ("жdж", [0, 2, 0]), ("cd", [0, 2]), ("жcd", [0, 2]), ("dcж", [2, 0]), ("cc", [0])],
)
def test_a_run_of_unknown_characters_is_unknown_once(model, checked_ids, text, ids):
    path = model({"ccde": -1.0, "d": -2.0, "dcx": -3.0})
    assert checked_ids(path, [text, text, text]) == [ids] * 3


@pytest.mark.parametrize("count", range(1, 11))
def test_a_segment_of_any_number_of_ids_is_written_whole(algorithm, model, checked_ids, count):
    """Pieces: 1 a, 2 one that is never taken, since there is no x or two of 1 score higher, 3 b."""
    table = empty_segments(1024, ARENA_BYTES)
    path = model({"a": -1.0, {"bpe": "aax", "unigram": "aa"}[algorithm]: -9.0, "b": -3.0})
    assert checked_ids(path, ["b" + "a" * count + "bb"] * 2, table) == [[3, *[1] * count, 3, 3]] * 2
    assert table.used[0] == 2


@pytest.mark.parametrize("size, entries", [(63, 1), (64, 1), (65, 0), (66, 0)])
def test_the_longest_segment_that_is_learnt_has_64_bytes(model, checked_ids, size, entries):
    table = empty_segments(1024, ARENA_BYTES)
    checked_ids(model({"aa": -1.0, "a": -2.0}), ["a" * size], table)
    assert table.used[0] == entries
