"""The loop finds what plain Python finds by comparing words."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.contamination_index import PASSAGES_SCHEMA, build_index
from filters.contamination_scan import (
    COLUMNS,
    FIRST_WORD,
    FOUND,
    HITS,
    PASSAGE,
    PLACE,
    SHOWN,
    next_word,
    scan,
    spell,
)
from filters.plain_shingles import plain_words
from filters.shingle_loop import letters
from tokenizer.kernels import text_buffers

LETTERS = "aB é'-\n\u0301中文ไท한😀"
WORDS = st.lists(st.sampled_from(["a", "b", "A.", "é", "e", "中b", "한국", "--", "1", "ไท"]), max_size=24).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(st.sampled_from(LETTERS), max_size=40))
PASSAGES = st.lists(st.tuples(st.sampled_from("xy"), TEXTS), max_size=6).map(sorted)


def index_of(passages, ngram_words=3, max_passages=10):
    rows = [
        {"set": name, "item": f"f#{i}", "field": "q", "text": t, "items": [i]} for i, (name, t) in enumerate(passages)
    ]
    return build_index(pa.Table.from_pylist(rows, PASSAGES_SCHEMA), ngram_words=ngram_words, max_passages=max_passages)


def windows(text, ngram_words):
    """The specification: a passage's n-grams of words, each once, as they are looked for."""
    words = plain_words(text)
    length = min(ngram_words, len(words))
    found = [tuple(words[at : at + length]) for at in range(len(words) - length + 1)] if length else []
    return [gram for gram in dict.fromkeys(found) if not all(word.isdecimal() and word.isascii() for word in gram)]


def plain_scan(passages, text, ngram_words, max_passages, min_fraction):
    """passage → (its n-grams in the text, places, first place as a number of words), read slowly."""
    grams = [windows(passage, ngram_words) for _, passage in passages]
    sets = [name for name, _ in passages]
    kept = [
        [g for g in own if sum(g in o and s == sets[i] for s, o in zip(sets, grams, strict=True)) <= max_passages]
        for i, own in enumerate(grams)
    ]
    words, found = plain_words(text), {}
    for number, own in enumerate(kept):
        length = len(own[0]) if own else 1
        at = [i for i in range(len(words) - length + 1) if tuple(words[i : i + length]) in own]
        there = len({tuple(words[i : i + length]) for i in at})
        if there and there / len(own) >= min_fraction:
            found[number] = (there, len(at), at[0])
    return found


def scanned(index, texts, min_fraction=0.0):
    """Of each text how many passages it holds, and evidence of those shown; it stands between other texts."""
    values, offsets = text_buffers(pa.array(["before a", *texts, "a behind"], pa.large_string()).slice(1, len(texts)))
    evidence = np.zeros((len(texts), SHOWN, COLUMNS), np.int64)
    tallies = index.tallies()
    enough = scan(values, offsets, letters(), index.ngrams, tallies, min_fraction, evidence)
    return (
        [e[: min(n, SHOWN)].tolist() for n, e in zip(enough, evidence, strict=True)],
        enough.tolist(),
        tallies,
        offsets,
    )


def words_before(text, place):
    return len(plain_words(text.encode()[:place].decode()))


@settings(max_examples=400)
@given(PASSAGES, TEXTS, st.integers(2, 4), st.integers(1, 3), st.sampled_from([0.0, 0.5, 1.0]))
@example([("x", "a b c d")], "a b c d", 3, 1, 1.0)
@example([("x", "a b"), ("x", "b a b a")], "a b a b a b", 3, 10, 0.0)
@example([("x", "1 1 1"), ("x", "1 a 1")], "1 1 1 a 1", 3, 10, 0.0)
def test_what_is_found_is_what_the_specification_finds(passages, text, ngram_words, max_passages, min_fraction):
    index = index_of(passages, ngram_words, max_passages)
    (shown,), (enough,), _, offsets = scanned(index, [text], min_fraction)
    expected = plain_scan(passages, text, ngram_words, max_passages, min_fraction)
    ranked = sorted(expected, key=lambda number: (-expected[number][0], number))[:SHOWN]
    assert enough == len(expected)
    assert [row[PASSAGE] for row in shown] == ranked
    for row in shown:
        place = words_before(text, row[PLACE] - int(offsets[0]))
        assert (row[FOUND], row[HITS], place) == expected[row[PASSAGE]]
        length = int(index.ngrams.passage_words[row[PASSAGE]])
        assert index.words(row[FIRST_WORD], length).split() == plain_words(text)[place : place + length]


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_texts_of_a_batch_have_nothing_to_do_with_each_other(texts):
    index = index_of([("x", "a b A e"), ("y", "中文")])
    together, _, tallies, offsets = scanned(index, texts)
    for text, found, start in zip(texts, together, offsets.tolist(), strict=False):
        (alone,), _, _, (first, *_) = scanned(index, [text])
        assert [[*row[:PLACE], row[PLACE] - start] for row in found] == [[*r[:PLACE], r[PLACE] - first] for r in alone]
    assert tallies.documents_of_passage.sum() == sum(len(found) for found in together)


@given(TEXTS)
def test_words_are_read_and_spelt_as_near_duplicates_have_them(text):
    values, (start, end) = text_buffers(pa.array([text], pa.large_string()))
    places, at = [], start
    while True:
        _, place, at = next_word(values, at, end, letters())
        if place < 0:
            break
        places.append(place)
    words = plain_words(text)
    assert len(places) == len(words)
    room = np.zeros(len(text) * 2 + 2, np.uint32)
    for number, place in enumerate(places):
        written = spell(values, place, end, letters(), len(words) - number, room)
        spelt = "".join(chr(int(c) & 0xFFFFFF) if c else " " for c in room[:written]).split()
        assert spelt == words[number:]


@pytest.mark.parametrize("words, room, written", [(1, 3, 3), (1, 2, -1), (2, 6, 6), (2, 5, -1), (3, 9, -1)])
def test_words_are_spelt_where_there_is_room_and_as_many_as_there_are(words, room, written):
    values, (start, end) = text_buffers(pa.array(["Ab, cd"], pa.large_string()))
    assert spell(values, start, end, letters(), words, np.zeros(room, np.uint32)) == written


def test_a_hash_in_common_is_no_hit_where_words_differ():
    index = index_of([("x", "one two three")])
    spelt = index.ngrams.letters.copy()
    spelt[0] = ord("z")  # As if another n-gram had this hash.
    other = index.ngrams._replace(letters=spelt)
    values, offsets = text_buffers(pa.array(["one two three"], pa.large_string()))
    tallies = index.tallies()
    enough = scan(values, offsets, letters(), other, tallies, 0.0, np.zeros((1, SHOWN, COLUMNS), np.int64))
    assert (enough.tolist(), tallies.documents_of_ngram.tolist(), tallies.documents_of_passage.tolist()) == (
        [0],
        [0],
        [0],
    )


def test_a_hash_of_a_longer_ngram_is_no_hit_for_words_that_begin_it():
    index = index_of([("x", "a b c d"), ("y", "a b c")], ngram_words=4)
    whose = np.zeros_like(index.ngrams.passages)  # As if "a b c" had the hash of "a b c d".
    forged = index.ngrams._replace(passages=whose, words=np.zeros_like(index.ngrams.words))
    values, offsets = text_buffers(pa.array(["a b c"], pa.large_string()))
    evidence = np.zeros((1, SHOWN, COLUMNS), np.int64)
    assert scan(values, offsets, letters(), forged, index.tallies(), 0.0, evidence).tolist() == [0]


@pytest.mark.parametrize("size", [255, 256, 257, 258, 511, 3000])
def test_a_long_text_is_read_as_a_short_one(size):
    words = random.Random(size).choices(["a", "b", "c", "1", "中", "é."], k=size)
    passages = [("x", "a b c"), ("x", "b"), ("x", "c 中 a b 1"), ("y", " ".join(words[-4:]))]
    (shown,), _, _, offsets = scanned(index_of(passages), [" ".join(words)])
    expected = plain_scan(passages, " ".join(words), 3, 10, 0.0)
    found = {
        row[PASSAGE]: (row[FOUND], row[HITS], words_before(" ".join(words), row[PLACE] - offsets[0])) for row in shown
    }
    assert found == expected


def test_documents_are_counted_once_for_each_passage_ngram_and_set():
    index = index_of([("x", "a b c d"), ("x", "c d e"), ("y", "a b c")])
    _, _, tallies, _ = scanned(index, ["a b c a b c d e", "nothing", "c d e c d e"])
    assert tallies.documents_of_passage.tolist() == [1, 2, 1]
    assert tallies.documents_of_set.tolist() == [2, 1]
    counts = {index.ngram(number): int(n) for number, n in enumerate(tallies.documents_of_ngram)}
    assert counts == {"a b c": 1, "b c d": 1, "c d e": 2}
    assert not tallies.found.any() and not tallies.hits.any()


def test_of_many_passages_those_with_the_most_ngrams_are_shown():
    passages = [("x", " ".join(f"w{n}x{i}" for i in range(3 + n))) for n in range(8)]
    (shown,), (enough,), _, _ = scanned(index_of(passages), [" . ".join(text for _, text in passages)])
    assert enough == 8
    assert [row[:2] for row in shown] == [[7, 8], [6, 7], [5, 6], [4, 5], [3, 4]]


def test_an_index_without_ngrams_finds_nothing():
    assert scanned(index_of([]), ["a b c"])[1] == [0]
    assert scanned(index_of([("x", "1 2 3"), ("x", "")]), ["1 2 3"])[1] == [0]


def test_a_text_of_one_endless_word_is_read_in_one_pass():
    long = ["z" * 3_000_000 + " a b c", "a b c" + "z" * 9]
    (shown, other), enough, _, offsets = scanned(index_of([("x", "a b c")]), long)
    assert (enough, shown[0][PLACE] - offsets[0], other) == ([1, 0], 3_000_001, [])
