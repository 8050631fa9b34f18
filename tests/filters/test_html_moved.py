import numpy as np
import pytest

from filters.html_moved import move
from filters.html_tags import tables

RAISED, LOWERED = 0, 1


def moved(before: str, text: str, form: int) -> str:
    line = np.zeros(200, np.uint8)
    encoded = (before + text).encode()
    line[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return bytes(line[: move(line, len(before.encode()), len(encoded), tables(), form)]).decode()[len(before) :]


@pytest.mark.parametrize(
    ("text", "raised", "lowered"),
    [
        ("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"),
        ("+-−n", "⁺⁻⁻ⁿ", "₊₋₋ₙ"),
        ("−", "⁻", "₋"),
        ("", "", ""),
    ],
)
@pytest.mark.parametrize("before", ["", "x", "x ", "é", "("])
def test_what_has_forms_of_its_own_takes_them_wherever_it_stands(before, text, raised, lowered):
    assert (moved(before, text, RAISED), moved(before, text, LOWERED)) == (raised, lowered)


@pytest.mark.parametrize(
    ("before", "text", "raised"),
    [
        ("n", "k", "^k"),
        ("2", "x", "^x"),
        ("(a+b)", "m", "^m"),
        ("so.", "k", " k"),
        ("1", "e", "e"),
        ("2", "nd", "nd"),
        ("M", "mes", "mes"),
        ("word", "wiki", " wiki"),
        ("2014", "PDF", " PDF"),
        ("n", "k-1", "^(k-1)"),
        ("e", "2x", "^(2x)"),
        ("e", "123456789+xy", "^(123456789+xy)"),
        ("e", "123456789+xyz", " 123456789+xyz"),
        ("e", "a + b", " a + b"),
        ("so.", "[1]", "[1]"),
        ("so", "(a)", "(a)"),
        ("so", "*", "*"),
        ("so", "é", " é"),
    ],
)
def test_what_has_no_raised_form_is_kept_apart(before, text, raised):
    assert moved(before, text, RAISED) == raised


@pytest.mark.parametrize(
    ("before", "text", "lowered"),
    [
        ("a", "i", "_i"),
        ("x", "max", "_max"),
        ("x", "i1", "_i1"),
        ("a", "i+1", "_(i+1)"),
        ("a", "2k", "_(2k)"),
        ("so", "a b", " a b"),
        ("so", "é", " é"),
        ("so", "(a)", " (a)"),
    ],
)
def test_what_has_no_lowered_form_is_kept_apart(before, text, lowered):
    assert moved(before, text, LOWERED) == lowered


@pytest.mark.parametrize("before", ["", "so ", "so\u00a0", "(", "[", "{"])
@pytest.mark.parametrize("text", ["k", "wiki", "k-1", "é"])
def test_what_stands_apart_is_left_as_it_is(before, text):
    assert moved(before, text, RAISED) == moved(before, text, LOWERED) == text


def test_a_letter_that_ends_like_a_no_break_space_is_none():
    assert moved("à", "i", LOWERED) == "_i"
