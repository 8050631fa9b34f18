"""Numbers, words and lines, as the loops read them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.arpa_lines import FAULTS, FORM, POSITIVE, TWICE, find_word, number_at, read_ngrams, word_table
from filters.backoff_model import empty_automaton

POWERS = np.array([float(f"1e{power}") for power in range(23)])
WORDS = {b"<unk>": 0, b"a": 1, b"ab": 2, b"\xe2\x96\x81a": 3, b"": 4}


def number(text):
    data = np.frombuffer(text.encode() or b"\t", np.uint8)
    return number_at(data, 0, len(text), POWERS)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_read_back_from_its_shortest_spelling(value):
    found, after = number(str(np.float32(value)))
    assert np.float32(found) == np.float32(value)
    assert after == len(str(np.float32(value)))


@given(st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?(e-?[0-9]{1,2})?", fullmatch=True))
def test_any_decimal_is_read_to_a_part_in_ten_to_the_fifteenth(text):
    found, after = number(text)
    exact = Fraction(text)
    assert after == len(text)
    assert abs(Fraction(found) - exact) <= abs(exact) / 10**15


@pytest.mark.parametrize(
    "text, value, after",
    [("-1.5\t", -1.5, 4), (".5", 0.5, 2), ("5.", 5.0, 2), ("-0 a", 0.0, 2), ("1e2x", 100.0, 3), ("1E+2", 100.0, 4)],
)
def test_a_number_ends_where_it_does(text, value, after):
    assert number(text) == (value, after)


@pytest.mark.parametrize(
    "text, value", [("1e-400", 0.0), ("1e999999999999", np.inf), ("0e99", 0.0), ("-1e400", -np.inf)]
)
def test_what_is_too_great_or_small_for_a_number_is_infinite_or_nothing(text, value):
    assert number(text)[0] == value


@pytest.mark.parametrize("text", ["", "-", ".", "-.", "x", "--1", "+1", "1e", "1e-", "nan", "inf", " 1"])
def test_what_is_no_number_has_no_place_after_it(text):
    assert number(text)[1] == -1


@given(st.lists(st.binary(max_size=12), unique=True, min_size=1, max_size=200), st.binary(max_size=12))
def test_a_word_is_found_by_its_bytes_alone(words, other):
    table = word_table({word: 7 * place for place, word in enumerate(words)})
    for word in (*words, other):
        data = np.frombuffer(b"x" + word + b"y", np.uint8)
        slot = table.slots[find_word(table, data, 1, 1 + len(word))]
        assert (table.numbers[slot - 1] if slot else None) == (7 * words.index(word) if word in words else None)


def read(text, *, order=2, state=6, left=9):
    """(where the reading stands, n-grams left, next state, fault)."""
    automaton = empty_automaton((5, 9, 9))
    return read_ngrams(np.frombuffer(text, np.uint8), 0, left, order, state, word_table(WORDS), automaton), automaton


def test_lines_become_contexts_one_after_the_other():
    text = b"-1\ta ab\t-0.5\n\n-2\t<unk> a\n \t\r\n-3\t\xe2\x96\x81a a\t-1\r\nrest"
    (at, left, state, fault), automaton = read(text, left=3)
    assert (text[at:], left, state, fault) == (b"rest", 0, 9, 0)
    assert automaton.backoff[6:9].tolist() == [-0.5, 0.0, -1.0]
    assert automaton.suffix[6:9].tolist() == [3, 2, 2]


def test_the_highest_order_is_no_context():
    (_, left, state, fault), automaton = read(b"-1\ta ab\n", state=0)
    assert (left, state, fault) == (8, 0, 0)
    assert not automaton.suffix.any()


@pytest.mark.parametrize(
    "line, fault",
    [
        (b"x\ta a", FORM),
        (b"-1 a", FORM),
        (b"-1a a", FORM),
        (b"-1\ta b", "a word is no unigram"),
        (b"-1\ta ab\t0 0", "more than a back-off behind the words"),
        (b"1\ta ab", POSITIVE),
        (b"-1\ta a", TWICE),
        (b"-1\ta a a", "more than a back-off behind the words"),
    ],
)
def test_a_faulty_line_is_where_the_reading_stands(line, fault):
    (at, left, state, found), _ = read(b"-1\ta a\n" + line + b"\n")
    assert (at, left, state) == (7, 8, 7)
    assert FAULTS[found] == (fault if isinstance(fault, str) else FAULTS[fault])
