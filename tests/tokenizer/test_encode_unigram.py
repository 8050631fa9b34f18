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
from tokenizer.sentencepiece_model import parse_model

ARENA_BYTES = 1 << 20


def encoded(path, texts, table):
    model = parse_model(path.read_bytes())
    found = Normalizer(model).normalize(*text_buffers(pa.array(texts, pa.large_string())))
    ids, offsets = encode_unigram(build_unigram(model), table, *found)
    return [ids[a:b].tolist() for a, b in pairwise(offsets.tolist())]


@pytest.fixture(scope="module")
def texts():
    chance = random.Random(3)
    words = ["".join(chance.choice("thecasonm日ж") for _ in range(chance.randint(1, 30))) for _ in range(3000)]
    return [" ".join(chance.choice(words) for _ in range(chance.randint(0, 400))) for _ in range(40)]


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
