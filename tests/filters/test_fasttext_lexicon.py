"""Looking up words and n-grams, against the plain reading of fastText's dictionary.cc."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import fasttext_lexicon
from filters.fasttext_file import Arguments, Dictionary
from filters.fasttext_lexicon import IS_LABEL, append_ngrams, build_lexicon, known_row, mark
from filters.fasttext_words import ROWS_HELD

WORDS, LABELS = ["ab", "", "ab", "naïve", "</s>"], ["__label__x", "plain"]


def fnv(data: bytes) -> int:
    digest = 2166136261
    for byte in data:
        digest = (digest ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619 % 2**32
    return digest


def plain_ngrams(word: str, least: int, most: int, buckets: int) -> list[int]:
    marked = f"<{word}>"
    return [
        fnv(marked[at : at + size].encode()) % buckets
        for at in range(len(marked))
        for size in range(1, most + 1)
        if at + size <= len(marked) and size >= least and not (size == 1 and at in (0, len(marked) - 1))
    ]


def lexicon(least=2, most=4, buckets=1000, pruned=None, words=WORDS, labels=LABELS):
    entries = [word.encode() for word in [*words, *labels]]
    ends = np.cumsum([len(entry) for entry in entries])
    spans = np.stack([ends - [len(entry) for entry in entries], ends], axis=1).astype(np.int64)
    data = np.frombuffer(b"".join(entries), np.uint8)
    pairs = None if pruned is None else np.array(pruned, np.int32).reshape(-1, 2)
    dictionary = Dictionary(data, spans, len(words), np.ones(len(labels), np.int64), pairs)
    return build_lexicon(Arguments(3, 1, 3, buckets, least, most), dictionary)


def row_of(found, word):
    data = np.frombuffer(word.encode(), np.uint8)
    return known_row(found, data, 0, len(data), np.uint32(fnv(word.encode())))


def ngrams(found, word):
    data, marked = np.frombuffer(word.encode(), np.uint8), np.empty(len(word.encode()) + 2, np.uint8)
    mark(data, 0, len(data), marked)
    rows = np.empty(ROWS_HELD, np.int32)
    return rows[: append_ngrams(found, marked, 0, len(marked), len(marked), rows, 0)].tolist()


@pytest.mark.parametrize(
    "word, row",
    [
        *[("ab", 2), ("", 1), ("naïve", 3), ("</s>", 4), ("abc", -1), ("a", -1)],
        *[("__label__x", IS_LABEL), ("__label__unheard", IS_LABEL), ("plain", IS_LABEL), ("__label_", -1)],
    ],
)
def test_a_word_has_its_row_and_of_two_alike_the_later_one(word, row):
    assert row_of(lexicon(), word) == row


def test_the_end_of_a_line_has_a_row_where_it_is_a_word():
    assert lexicon().end_row == 4
    assert lexicon(words=["a"]).end_row == -1
    assert lexicon(words=["a"], labels=["</s>"]).end_row == -1
    assert lexicon().end_hash == fnv(b"</s>")


@given(
    word=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    least=st.integers(0, 4),
    most=st.integers(1, 6),
    buckets=st.integers(1, 2**31 - 1),
)
def test_ngrams_are_those_of_the_plain_reading(word, least, most, buckets):
    expected = [len(WORDS) + bucket for bucket in plain_ngrams(word, least, most, buckets)]
    assert ngrams(lexicon(least, most, buckets), word) == expected


@given(pruned=st.dictionaries(st.integers(0, 99), st.integers(0, 1000)), word=st.text("abcé", max_size=9))
def test_of_pruned_ngrams_those_that_stayed_have_a_row(pruned, word):
    kept = [len(WORDS) + pruned[bucket] for bucket in plain_ngrams(word, 2, 3, 100) if bucket in pruned]
    found = lexicon(2, 3, 100, list(pruned.items()))
    assert ngrams(found, word) == (kept if pruned else [])


def test_of_two_rows_of_a_bucket_the_later_one_counts():
    (bucket,) = plain_ngrams("", 2, 2, 50)
    assert ngrams(lexicon(2, 2, 50, [(bucket, 7), (bucket, 9)]), "") == [len(WORDS) + 9]


def test_many_words_are_all_found():
    words = [f"w{i}" for i in range(3000)]
    found = lexicon(words=words)
    assert [row_of(found, word) for word in words] == list(range(3000))


@pytest.mark.parametrize(
    "settings, said",
    [({}, "too many words of its dictionary"), ({"pruned": [(1, 1), (2, 2)]}, "too many of its pruned buckets")],
)
def test_a_dictionary_whose_hashes_collide_is_refused(monkeypatch, settings, said):
    monkeypatch.setattr(fasttext_lexicon, "_fill_pruned" if settings else "_fill_slots", lambda *_: False)
    with pytest.raises(ValueError, match=said):
        lexicon(**settings)


def test_a_chain_that_grows_too_long_is_told():
    data, spans = np.frombuffer(b"abcd", np.uint8), np.array([[0, 2], [2, 4]], np.int64)
    assert not fasttext_lexicon._fill_slots(data, spans, np.ones(16, np.int32))
    table = np.full((16, 2), 5, np.int32)
    assert not fasttext_lexicon._fill_pruned(np.array([[6, 1]], np.int32), table, np.zeros(16, np.uint8))
