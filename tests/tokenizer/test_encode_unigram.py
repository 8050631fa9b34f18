"""The loop over texts of a unigram model gives the same ids whatever its table holds."""

import random
from itertools import pairwise

import pyarrow as pa
import pytest
import sentencepiece

from tokenizer.encode_unigram import build_unigram, encode_unigram
from tokenizer.kernels import text_buffers
from tokenizer.normalizer import Normalizer
from tokenizer.segments import empty_segments
from tokenizer.sentencepiece_model import Algorithm, parse_model

ARENA_BYTES = 1 << 20


def encoded(path, texts, table):
    model = parse_model(path.read_bytes())
    found = Normalizer(model).normalize(*text_buffers(pa.array(texts, pa.large_string())))
    ids, offsets = encode_unigram(build_unigram(model), table, *found)
    return [ids[a:b].tolist() for a, b in pairwise(offsets.tolist())]


@pytest.mark.parametrize(
    "changed", [{}, {"byte_fallback": False, "vocab_size": 70}, {"user_defined_symbols": ["he", "日"]}]
)
@pytest.mark.parametrize("slots", [1024, 1 << 16])
def test_a_table_that_is_emptied_again_and_again_gives_the_same_ids(trained, texts, slots, changed):
    path, table = trained("unigram", **changed), empty_segments(slots, ARENA_BYTES)
    expected = [sentencepiece.SentencePieceProcessor(model_file=str(path)).encode(text) for text in texts]
    for _ in range(2):
        assert encoded(path, texts, table) == expected
    assert table.used[0] <= slots // 4 * 3


def test_a_segment_is_learnt_once(trained):
    table = empty_segments(1024, ARENA_BYTES)
    encoded(trained("unigram"), ["the cat", "the cat the"], table)
    entries = table.used[0]
    encoded(trained("unigram"), ["the cat the cat"], table)
    assert table.used[0] == entries > 0


def test_a_long_segment_is_not_learnt(trained):
    table = empty_segments(1024, ARENA_BYTES)
    encoded(trained("unigram", sentences=["aaaa aaaaaa"] * 50, vocab_size=264), ["a" * 100], table)
    assert table.used[0] == 0


def check(path, texts, table=None):
    """The ids are SentencePiece's; returns them."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    found = encoded(path, texts, table or empty_segments(1024, ARENA_BYTES))
    assert found == [processor.encode(text) for text in texts]
    return found


@pytest.mark.parametrize(
    "own, halves, is_whole",
    [
        ("日本", (0.2, 0.29), True),  # Six bytes score 0.5.
        ("日本", (0.25, 0.26), False),
        ("▁本", (0.2, 0.29), True),  # A blank counts as the three bytes of its mark.
        ("▁本", (0.25, 0.26), False),
        ("ab", (0.0, 0.09), True),
        ("ab", (0.05, 0.06), False),
    ],
)
def test_a_users_own_symbol_scores_a_tenth_for_each_byte_but_one(written, own, halves, is_whole):
    path = written(Algorithm.UNIGRAM, dict(zip(own, halves, strict=True)), own=[own])
    assert check(path, [own.replace("▁", " ")]) == [[3] if is_whole else [1, 2]]


@pytest.mark.parametrize("score, ids", [(10.4, [2]), (10.6, [1, 0])])
def test_an_unknown_character_scores_ten_less_than_the_worst_piece(written, score, ids):
    """The worst piece, `c`, has 1: so `a` and an unknown `b` have 1.4 or 1.6, and `ab` has 1.5."""
    path = written(Algorithm.UNIGRAM, {"a": score, "ab": 1.5, "c": 1.0}, own=["x"])
    assert check(path, ["ab"]) == [ids]


def test_segments_that_all_want_one_slot_have_their_ids_whether_they_find_a_place_or_not(written, crowd):
    pieces = ["▁", *"ab", "▁a", "▁b", "ab", "ba", "aab", "▁ab"]
    path = written(Algorithm.UNIGRAM, {piece: -1.0 - place for place, piece in enumerate(pieces)})
    table = empty_segments(1024, ARENA_BYTES)
    check(path, [b"".join(crowd).decode(), b"".join(crowd[::-1]).decode()], table)
    assert 256 < table.used[0] < len(crowd)


@pytest.mark.parametrize(
    "text, ids",
    [("ж", [0]), ("жж", [0]), ("жdж", [0, 2, 0]), ("cd", [0, 2]), ("жcd", [0, 2]), ("dcж", [2, 0]), ("cc", [0])],
)
def test_a_run_of_unknown_characters_is_unknown_once(written, text, ids):
    path = written(Algorithm.UNIGRAM, {"ccde": -1.0, "d": -2.0, "dcx": -3.0})
    assert check(path, [text, text, text]) == [ids] * 3


@pytest.mark.parametrize("count", range(1, 11))
def test_a_segment_of_any_number_of_ids_is_written_whole(written, count):
    path = written(Algorithm.UNIGRAM, {"a": -1.0, "aa": -9.0, "b": -2.0})
    table = empty_segments(1024, ARENA_BYTES)
    assert check(path, ["b" + "a" * count + "bb"] * 2, table) == [[3, *[1] * count, 3, 3]] * 2
    assert table.used[0] == 2


@pytest.mark.parametrize("size, entries", [(63, 1), (64, 1), (65, 0), (66, 0)])
def test_the_longest_segment_that_is_learnt_has_64_bytes(written, size, entries):
    table = empty_segments(1024, ARENA_BYTES)
    check(written(Algorithm.UNIGRAM, {"a": -1.0, "aa": -1.5}), ["a" * size], table)
    assert table.used[0] == entries


NEARLY_AS_GOOD = {"ab": -1.006, "a": -0.5035, "b": -0.5035, "cde": -300.7, "d": -150.31, "e": -210.43, "dcf": -333.3}
NEARLY_AS_GOOD |= {"g": -40.3, "h": -41.7, "ghx": -50.0, "hgx": -50.0}


@pytest.mark.parametrize("seed", range(8))
def test_deep_in_a_text_rounding_decides_as_it_does_in_sentencepiece(written, seed):
    """Unknown characters and pieces of all kinds go into the sum, which passes 100,000 more than once."""
    chance = random.Random(seed)
    parts = ["ab", "ab", "ж", "жж", "cd", "dc", "cde", "de", "dcf", "a", "b", "abab", "ghghghg"]
    text = "".join(chance.choices(parts, k=1500))
    found = check(written(Algorithm.UNIGRAM, NEARLY_AS_GOOD), [text, text, "abab"])
    assert found[2] == [1, 1]
    assert [2, 3] in [list(pair) for pair in pairwise(found[0])]
