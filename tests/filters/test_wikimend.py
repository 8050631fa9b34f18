"""A line is mended where something was dropped, and only there."""

import time

import pytest

from filters.wikimend import HOLE, mend_holes


@pytest.mark.parametrize(
    "text, mended",
    [
        ("Paris (\x00, \x00) is", "Paris is"),
        ("Paris (\x00; born 1 May) is", "Paris (born 1 May) is"),
        ("Paris (born 1 May, \x00) is", "Paris (born 1 May) is"),
        ("Berlino (AFI:\x00; in tedesco: Berlin) è", "Berlino (in tedesco: Berlin) è"),
        ("Paris (French: \x00) is", "Paris is"),
        ("word\x00.", "word."),
        ("word \x00, next", "word, next"),
        ("word \x00 next", "word next"),
        ("word\x00next", "wordnext"),
        ("a, \x00, b", "a, b"),
        ("\x00 starts", "starts"),
        ("ends \x00", "ends"),
        ("year (1990\x00) stays", "year (1990) stays"),
        ("（\x00）", ""),
        ("« \x00 mot", "« mot"),
        ("« \x00 » dit", "dit"),
        ("mot \x00, mot", "mot, mot"),
        ("mot\x00 : mot", "mot : mot"),
        ("mot \x00: mot", "mot: mot"),
        ("mot \x00 : mot", "mot: mot"),
        ("one [\x00] two", "one two"),
        ("A (\x00/\x00) b", "A b"),
        ("A (\x00 – 1990) b", "A (– 1990) b"),
        ("A (1 May; French: \x00; b) c", "A (1 May; b) c"),
        ("A (b, \x00, \x00) c", "A (b) c"),
        ("these are included: \x00", "these are included:"),
        ("A b, included: \x00, c", "A b, included: c"),
        ("\x00\x00\x00", ""),
        ("a, \x00.", "a."),
        ("end.\x00Next", "end. Next"),
        ("end?\x00Next", "end? Next"),
        ("3.\x00next", "3.next"),
        ("* \x00 : a", "* a"),
        ("* \x00 – a", "* a"),
        ("* \x00 -5 °C", "* -5 °C"),
        ("*\x00Rome", "* Rome"),
        ("\x00: a", "a"),
        ("texts: \x00, \x00", "texts:"),
        ("end.\x00. Next", "end. Next"),
        ("end.\x00.", "end."),
        ("end.\x00\x00. Next", "end. Next"),
        ("so\x00... and", "so... and"),
        ("so.\x00.. and", "so... and"),
        ("so..\x00. And", "so... And"),
        ("so.\x00. . .", "so.. . ."),
        ("Inc.\x00.NET", "Inc..NET"),
        ("* \x00. First of a series", "* First of a series"),
        ("\x00. First", "First"),
        ("* \x00.NET", "* .NET"),
        ("* \x00.", "* ."),
    ],
)
def test_hole_is_mended(text, mended):
    assert mend_holes(text) == mended


@pytest.mark.parametrize("text", ["call main() now", "a , b", "( , )", "two  blanks", ""])
def test_what_the_author_wrote_is_not_mended(text):
    assert mend_holes(text) == text


def test_mending_takes_linear_time():
    text = ("(" * 50 + " " * 50 + HOLE + ", " * 50) * 5_000 + " " * 200_000
    before = time.process_time()
    mend_holes(text)
    assert time.process_time() - before < 5
