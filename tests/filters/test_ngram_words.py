"""Words are cut and numbered as lmplz does it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import ngram_words
from filters.ngram_words import (
    END,
    MAX_LETTERS,
    MAX_WORD_BYTES,
    UNKNOWN,
    Vocabulary,
    bits_of,
    encode_words,
    find_slot,
    place_words,
    read_tokens,
    write_tokens,
)


def specified(text, max_words=1 << 21):
    """Ids and spellings of lines of words, in plain Python."""
    known, ids = {b"<unk>": 0, b"<s>": 1, b"</s>": 2}, []
    for line in text.split(b"\n")[:-1]:
        for word in re.split(rb"[\0\t\r ]+", line):
            if word and (word not in known or known[word] > END):
                fits = word in known or (len(word) <= MAX_WORD_BYTES and len(known) < max_words)
                ids.append(known.setdefault(word, len(known)) if fits else UNKNOWN)
        ids.append(END)
    return ids, list(known)


@given(st.lists(st.sampled_from(["a", "b", "cc", " ", "\t", "\0", "\x0b", "\u00a0", "<s>", "<unk>", "\n", "é"])))
def test_ids_and_spellings_are_those_of_the_specification(parts):
    text = "".join(parts).encode() + b"\n"
    vocabulary = Vocabulary()
    assert (vocabulary.encode(text).tolist(), vocabulary.spellings()) == specified(text)


def test_words_are_cut_at_blank_tab_cr_lf_and_nul_alone():
    vocabulary = Vocabulary()
    vocabulary.encode("a\tb\0c\u00a0d \u3000 e\r\x0bf\x0c\n".encode())
    words = [word.decode() for word in vocabulary.spellings()[3:]]
    assert words == ["a", "b", "c\u00a0d", "\u3000", "e", "\x0bf\x0c"]


def test_many_words_make_the_table_grow():
    text = "".join(f"word{i} " for i in range(20_000)).encode() + b"\n"
    vocabulary = Vocabulary()
    assert vocabulary.encode(text).tolist() == [*range(3, 20_003), END]
    assert vocabulary.encode(text).tolist() == [*range(3, 20_003), END]
    assert vocabulary.spellings() == specified(text)[1]


def test_what_reads_like_a_boundary_is_a_blank():
    assert Vocabulary().encode(b"<s> a </s> <unk>\n<s>\n").tolist() == [3, END, END]


@pytest.mark.parametrize("length, found", [(MAX_WORD_BYTES, 4), (MAX_WORD_BYTES + 1, UNKNOWN)])
def test_a_word_past_the_limit_is_unknown(length, found):
    assert Vocabulary().encode(b"a " + b"x" * length + b"\n").tolist() == [3, found, END]


def test_a_new_word_past_the_number_of_words_is_unknown_and_a_known_one_is_not():
    vocabulary = Vocabulary(5)
    assert vocabulary.encode(b"a b c a b\n").tolist() == [3, 4, UNKNOWN, 3, 4, END]
    assert len(vocabulary) == 5


@pytest.mark.parametrize("letters, found", [(MAX_LETTERS, None), (MAX_LETTERS + 1, UNKNOWN)])
def test_past_the_bytes_of_all_words_a_new_word_is_unknown(letters, found):
    state, ids = np.array([1, 0]), np.zeros(2, np.uint32)
    arrays = np.zeros(8, np.uint32), np.zeros(8, np.uint8), np.array([0, letters, 0, 0])
    filled = encode_words(np.frombuffer(b"a", np.uint8), ids, 0, 100, state, *arrays)
    # Where it may be admitted the loop asks for room first.
    assert (filled, state[1]) == ((0, 0) if found is None else (1, 1))


def test_a_table_is_filled_anew_when_it_has_grown():
    letters, offsets = np.frombuffer(b"abc", np.uint8), np.array([0, 1, 2, 3])
    slots = np.zeros(8, np.uint32)
    place_words(3, slots, letters, offsets)
    places = [int(find_slot(letters, i, i + 1, slots, letters, offsets)) for i in range(3)]
    assert [int(slots[place]) for place in places] == [1, 2, 3]


def test_a_search_in_a_full_table_ends():
    letters, offsets = np.frombuffer(b"ab", np.uint8), np.array([0, 1])
    assert find_slot(letters, 1, 2, np.ones(4, np.uint32), letters, offsets) == -1


@pytest.mark.parametrize("words, bits", [(1, 1), (4, 2), (5, 3), (1 << 16, 16), ((1 << 16) + 1, 17), (1 << 21, 21)])
def test_bits_hold_the_highest_id(words, bits):
    assert bits_of(words) == bits


def test_sentences_are_written_with_their_ends_empty_ones_too(tmp_path, monkeypatch):
    monkeypatch.setattr(ngram_words, "_CHARS_A_STEP", 2)
    monkeypatch.setattr(ngram_words, "_IDS_A_READ", 3)
    tokens = write_tokens(["a b", "", "a\nc", "\ud800\n"], Vocabulary(), tmp_path / "tokens")
    parts = list(read_tokens(tmp_path / "tokens"))
    assert np.concatenate(parts).tolist() == [3, 4, END, END, 3, 5, END, 6, END]
    assert (tokens, [len(part) for part in parts]) == (9, [3, 3, 3])


def test_no_sentence_gives_no_id(tmp_path):
    assert write_tokens([], Vocabulary(), tmp_path / "tokens") == 0
    assert list(read_tokens(tmp_path / "tokens")) == []
