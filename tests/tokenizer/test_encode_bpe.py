"""The loop over texts of a BPE model gives the same ids whatever its table holds."""

from itertools import pairwise

import pyarrow as pa
import pytest
import sentencepiece

from tokenizer.encode_bpe import build_bpe, encode_bpe
from tokenizer.kernels import text_buffers
from tokenizer.normalizer import Normalizer
from tokenizer.segments import empty_segments
from tokenizer.sentencepiece_model import Algorithm, parse_model

ARENA_BYTES = 1 << 20


def encoded(path, texts, table):
    model = parse_model(path.read_bytes())
    found = Normalizer(model).normalize(*text_buffers(pa.array(texts, pa.large_string())))
    ids, offsets = encode_bpe(build_bpe(model), table, *found)
    return [ids[a:b].tolist() for a, b in pairwise(offsets.tolist())]


@pytest.mark.parametrize(
    "changed", [{}, {"byte_fallback": False, "vocab_size": 70}, {"user_defined_symbols": ["he", "日"]}]
)
@pytest.mark.parametrize("slots", [1024, 1 << 16])
def test_a_table_that_is_emptied_again_and_again_gives_the_same_ids(trained, texts, slots, changed):
    path, table = trained(**changed), empty_segments(slots, ARENA_BYTES)
    expected = [sentencepiece.SentencePieceProcessor(model_file=str(path)).encode(text) for text in texts]
    for _ in range(2):
        assert encoded(path, texts, table) == expected
    assert table.used[0] <= slots // 4 * 3


def test_a_segment_is_learnt_once(trained):
    table = empty_segments(1024, ARENA_BYTES)
    encoded(trained(), ["the cat", "the cat the"], table)
    entries = table.used[0]
    encoded(trained(), ["the cat the cat"], table)
    assert table.used[0] == entries > 0


def test_a_long_segment_is_not_learnt(trained):
    table = empty_segments(1024, ARENA_BYTES)
    encoded(trained(sentences=["aaaa aaaaaa"] * 50, vocab_size=264), ["a" * 100], table)
    assert table.used[0] == 0


def check(path, texts, table=None):
    """The ids are SentencePiece's; returns them."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    found = encoded(path, texts, table or empty_segments(1024, ARENA_BYTES))
    assert found == [processor.encode(text) for text in texts]
    return found


def test_segments_that_all_want_one_slot_have_their_ids_whether_they_find_a_place_or_not(written, crowd):
    pieces = ["▁", *"ab", "▁a", "▁b", "ab", "ba", "aab", "▁ab"]
    path = written(Algorithm.BPE, {piece: -1.0 - place for place, piece in enumerate(pieces)})
    table = empty_segments(1024, ARENA_BYTES)
    check(path, [b"".join(crowd).decode(), b"".join(crowd[::-1]).decode()], table)
    assert 256 < table.used[0] < len(crowd)


@pytest.mark.parametrize(
    "text, ids",
    [("ж", [0]), ("жж", [0]), ("жdж", [0, 2, 0]), ("cd", [0, 2]), ("жcd", [0, 2]), ("dcж", [2, 0]), ("cc", [0])],
)
def test_a_run_of_unknown_characters_is_unknown_once(written, text, ids):
    path = written(Algorithm.BPE, {"ccde": -1.0, "d": -2.0, "dcx": -3.0})
    assert check(path, [text, text, text]) == [ids] * 3


@pytest.mark.parametrize("count", range(1, 11))
def test_a_segment_of_any_number_of_ids_is_written_whole(written, count):
    path = written(Algorithm.BPE, {"a": -1.0, "aax": -2.0, "b": -3.0})
    table = empty_segments(1024, ARENA_BYTES)
    assert check(path, ["b" + "a" * count + "bb"] * 2, table) == [[3, *[1] * count, 3, 3]] * 2
    assert table.used[0] == 2


@pytest.mark.parametrize("size, entries", [(63, 1), (64, 1), (65, 0), (66, 0)])
def test_the_longest_segment_that_is_learnt_has_64_bytes(written, size, entries):
    table = empty_segments(1024, ARENA_BYTES)
    check(written(Algorithm.BPE, {"aa": -1.0, "a": -2.0}), ["a" * size], table)
    assert table.used[0] == entries


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
def test_a_users_own_symbol_is_taken_before_any_merge(written, text, ids):
    """Pieces: 1 aa, 2 a, 3 b; the user's own: 4 ab, 5 c. Neither is merged with what is beside it."""
    path = written(Algorithm.BPE, {"aa": -1.0, "a": -2.0, "b": -3.0}, own=["ab", "c"])
    assert check(path, [text]) == [ids]


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 1025])
def test_a_text_of_more_segments_than_are_cut_at_once_is_read_whole(written, count):
    for own in ([], ["b"]):
        path = written(Algorithm.BPE, {"a": -1.0}, own=own)
        assert check(path, ["ab" * count]) == [[1, 2 if own else 0] * count]


@pytest.mark.parametrize("size", [63, 64, 65, 110])
def test_an_own_symbol_longer_than_what_is_learnt_is_one_id(written, size):
    path = written(Algorithm.BPE, {"aa": -1.0, "a": -2.0}, own=["a" * size])
    assert check(path, ["a" * size]) == [[3]]
    assert check(path, ["a" * (size + 1)]) == [[3, 2]]
