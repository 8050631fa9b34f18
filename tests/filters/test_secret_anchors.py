"""The compiled search for anchors finds what plain Python finds."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.secret_anchors import Anchors, anchor_masks

ANCHORS = Anchors.of({"ghp_": 0, "-begin": 1, "b.xy": 1}, named=("toke", "pwd="), named_bit=2, address_bit=3)
NAMED, ADDRESS = 4, 8


def masks(*texts):
    return anchor_masks(pa.array(texts, pa.large_string()), ANCHORS).tolist()


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("", 0),
        ("ghp", 0),
        ("ghp_", 1),
        ("GHP_x", 1),
        ("xghp_x", 1),
        ("-----BEGIN", 2),
        ("-----BEGI", 0),
        ("-begi\u00ee", 0),
        ("b.xy ghp_", 3),
        ("éghp_é", 1),
        ("g\nhp_", 0),
    ],
)
def test_four_letters_of_any_case_set_their_bit(text, mask):
    assert masks(text) == [mask]


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("token = 'abcdefghijklmno1'", True),
        ("token = 'abcdefghijklmn1'", False),
        ("token = 'abcdefghijklmnop'", False),
        ('"token": "abcdefghijklmno1"', True),
        ("my_token_2 := `abcdefghijklmno1`", True),
        ("TOKEN => 'abcdefghijklmno1'", True),
        ("config['token'] = 'abcdefghijklmno1'", True),
        ("token == 'abcdefghijklmno1'", True),
        ("token('abcdefghijklmno1')", False),
        ("token, x = 'abcdefghijklmno1'", False),
        ("token = abcdefghijklmno1", False),
        ("token = 'abcdefgh ijklmno1'", False),
        ("token = 'abcdefghijklmno1", False),
        ("token = ", False),
        ("token", False),
        ("token" + "x" * 40 + "='abcdefghijklmno1'", False),
    ],
)
def test_a_name_counts_with_a_quoted_value_that_has_a_digit(text, is_named):
    assert masks(text) == [NAMED * is_named]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("https://me:secret@host/", True),
        ("redis://:secret@host", False),
        ("https://host/a:b@c", False),
        ("https://me@host:80/", False),
        ("https://host:80/", False),
        ("see https://me: you@host", False),
        ("://a:b@", True),
        ("//a:b@", False),
        ("https://me:" + "x" * 250 + "@host", False),
        ("https://me:secret", False),
    ],
)
def test_an_address_counts_with_a_name_and_a_password(text, holds):
    assert masks(text) == [ADDRESS * holds]


@pytest.mark.parametrize("mark", "/\"'<>`\n")
def test_an_address_ends_at_a_mark_that_none_has(mark):
    assert masks(f"https://me:se{mark}cret@host") == [0]


@given(st.lists(st.text(st.sampled_from("ghpGHP_-beBEgin.xyé语 "), max_size=20), max_size=5))
def test_any_texts_letters_are_found_as_by_a_pattern(texts):
    first, second = re.compile("ghp[_\x7f]", re.I | re.A), re.compile("[-\r]begin|b[.\x0e]xy", re.I | re.A)
    assert masks(*texts) == [bool(first.search(text)) | 2 * bool(second.search(text)) for text in texts]


def test_a_slice_looks_at_its_own_texts_alone():
    texts = pa.array(["xxgh", "p_", "ghp_"], pa.large_string())
    assert anchor_masks(texts.slice(1, 1), ANCHORS).tolist() == [0]
    assert anchor_masks(texts, ANCHORS).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("letters", "says"),
    [
        ({"abc": 0}, "4 letters"),
        ({"abcé": 0}, "4 letters"),
        ({"abcde": 0, "abcdf": 1}, "different"),
        ({"abcd": 0, "ABCD": 1}, "different"),
    ],
)
def test_anchors_are_four_different_letters(letters, says):
    with pytest.raises(ValueError, match=says):
        Anchors.of(letters, named=(), named_bit=2, address_bit=3)


def test_ten_megabytes_of_names_take_no_time():
    assert masks("token_" * 1_700_000) == [0]
    assert masks("://" * 3_000_000) == [0]
