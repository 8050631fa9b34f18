"""A trie answers as a dictionary of its strings would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenizer.trie as module
from tokenizer.trie import NONE, build, exact, longest

WORDS = st.binary(min_size=1, max_size=6) | st.text("abé\x00", min_size=1, max_size=5).map(str.encode)


def array(text):
    return np.frombuffer(text, np.uint8)


@given(st.sets(WORDS, max_size=20), st.lists(WORDS, max_size=10))
def test_each_string_has_its_id_and_no_other_has_one(strings, others):
    numbers = {string: 7 + index for index, string in enumerate(sorted(strings))}
    trie = build(list(numbers), list(numbers.values()))
    for word in [*strings, *others, b""]:
        assert exact(trie, array(word), 0, len(word)) == numbers.get(word, NONE)


@given(st.sets(WORDS, max_size=20), WORDS, st.integers(0, 3))
def test_the_longest_string_that_begins_at_a_place_is_found(strings, text, start):
    trie = build(sorted(strings), range(len(strings)))
    start = min(start, len(text))
    ends = [end for end in range(start + 1, len(text) + 1) if text[start:end] in strings]
    assert longest(trie, array(text), start, len(text)) == max(ends, default=start)


def test_what_lies_behind_the_end_is_not_read():
    trie = build([b"ab"], [0])
    assert longest(trie, array(b"ab"), 0, 1) == 0


def test_an_empty_trie_holds_nothing():
    assert longest(build([], []), array(b"abc"), 0, 3) == 0


def test_more_bytes_than_a_node_number_can_count_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    build([b"abc"], [0])
    with pytest.raises(ValueError, match="at most 3 bytes, got 4"):
        build([b"abc", b"d"], [0, 1])
