"""Digits keep their height, words stay words."""

import pytest

from filters.superscript import subscript, superscript


@pytest.mark.parametrize(
    ("text", "raised", "lowered"),
    [
        ("", "", ""),
        ("9", "⁹", "₉"),
        ("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"),
        ("2+", "²⁺", "₂₊"),
        ("-1", "⁻¹", "₋₁"),
        ("−1", "⁻¹", "₋₁"),
        ("n", "ⁿ", "ₙ"),
        ("nd", "nd", "nd"),
        ("[1]", "[1]", "[1]"),
        ("1 2", "1 2", "1 2"),
    ],
)
def test_only_what_has_a_form_in_whole_is_moved(text, raised, lowered):
    assert superscript(text) == raised
    assert subscript(text) == lowered
