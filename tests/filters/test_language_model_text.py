"""The loop over a whole array gives what the specification gives text by text."""

import gzip
import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.language_model_text import normalized_texts
from filters.normalize import CONTROL_CHARACTERS, PUNCTUATION, normalize_for_language_model

# Letters whose case, order or number changes, marks that move and that go, and neighbours of a sigma.
ODD = "ΣσςİıẞßÅÅΰﬁǅ가힣각\u1100\u1161\u11a8\u0301\u0345\u0323\u302e\u302f\u1b44\ua9c0\U0001d15e\U0001d165\U0001d16d"
ODD += "\u00ad.'’:·\u200b\u2028\u0085\u00a0\u3000 \t\n\r\x1c\0٣९𝟗\U000e0100\U0002f800\U00020000aBé" + "".join(
    PUNCTUATION
)
WHOLE_PLANES = [range(0xD800), range(0xE000, 0x30000), range(0xE0000, 0xE0200)]


def forms(*texts, **options):
    return normalized_texts(pa.array(texts, pa.large_string()), **options).to_pylist()


def specified(text, line_break=""):
    return normalize_for_language_model(text.replace("\n", line_break) if line_break else text)


@given(st.lists(st.one_of(st.text(alphabet=ODD), st.text())), st.sampled_from(["", " "]))
def test_every_text_has_its_specified_form(texts, line_break):
    assert forms(*texts, line_break=line_break) == [specified(text, line_break) for text in texts]


@pytest.mark.parametrize("codes", WHOLE_PLANES, ids=str)
def test_every_code_point_has_its_specified_form(codes):
    texts = [f"a{chr(code)}b" for code in codes] + [chr(code) for code in codes]
    assert forms(*texts) == list(map(normalize_for_language_model, texts))


def test_what_lies_above_the_mapped_planes_is_its_own_form():
    above = "".join(map(chr, [*range(0x30000, 0xE0000, 7), *range(0xE0200, sys.maxunicode + 1, 7)]))
    assert forms(above) == [above] == [normalize_for_language_model(above)]


@pytest.mark.parametrize(
    "text, form",
    [
        ("", ""),
        (" \n\u2028", ""),
        ("  The É, № 12… ", "the e, № 00..."),
        ("a\nb\tc", "abc"),
        ("ΟΔΟΣ", "οδος"),
        ("ΣΟΦΟΣ ΣΣ", "σοφος σς"),
        ("Σ", "σ"),
        ("ΑΣ.Α ΑΣ. ΑΣ", "ασ.α ας. ας"),
        ("A\u00adΣ\u00adA A\u00adΣ\u00ad", "a\u00adσ\u00ada a\u00adς\u00ad"),
        ("İI", "ii"),
        ("각", "\u1100\u1161\u11a8"),
        ("“x” — ‘y’", '"x"  -  ‘y\''),
    ],
)
def test_a_form_is_what_ccnet_makes_of_it(text, form):
    assert forms(text) == [form] == [normalize_for_language_model(text)]


@pytest.mark.parametrize("marks", ["\u302e\u1b44", "\u302e\u0301\u1b44", "\U0001d15e\U0001d16d", "\u302e\u302f\u1b44"])
def test_marks_that_change_places_are_asked_of_python(marks):
    text = f"ka{marks} ka"
    assert forms("before", text, "after") == ["before", specified(text), "after"]
    assert forms(f"a{marks[0]}x{marks[1:]}") == [specified(f"a{marks[0]}x{marks[1:]}")]


def test_the_tested_marks_do_change_places():
    assert unicodedata.normalize("NFD", "\u302e\u1b44") == "\u1b44\u302e"


def test_a_line_end_is_nothing_or_a_blank():
    assert forms("\nOne\nTwo\r\nthree\n") == ["onetwothree"]
    assert forms("\nOne\nTwo\r\nthree\n", line_break=" ") == ["one two three"]


def test_control_characters_go_and_only_they():
    assert forms("a" + "".join(CONTROL_CHARACTERS) + "b", "a\x20\x7e\xa0b") == ["ab", "a ~\xa0b"]


def test_a_slice_is_read_where_it_lies():
    texts = pa.array(["Ä", "B", "Ç"]).slice(1)
    assert normalized_texts(texts).to_pylist() == ["b", "c"]
    assert normalized_texts(pa.array([], pa.string())).to_pylist() == []


def test_another_line_break_is_refused():
    with pytest.raises(ValueError, match=r"line_break must be a blank or nothing, got '\\n'"):
        forms("a", line_break="\n")


@pytest.mark.real
def test_real_text_has_its_specified_form(real_data):
    with gzip.open(next((real_data / "commoncrawl/docs").glob("*.wet.gz")), "rt", encoding="utf-8") as file:
        texts = file.read(3_000_000).split("WARC/1.0")
    for line_break in ("", " "):
        assert forms(*texts, line_break=line_break) == [specified(text, line_break) for text in texts]
