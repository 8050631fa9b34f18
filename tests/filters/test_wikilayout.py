"""Lines become paragraphs, lists and headings."""

import pytest

from filters.wikilayout import BREAK, lay_out, restore


@pytest.mark.parametrize(
    "lines, text",
    [
        ("one\ntwo\n\nthree", "one two\n\nthree"),
        ("a" + BREAK + "b", "a\nb"),
        ("a " + BREAK + " b", "a\nb"),
        ("a" + BREAK + " " + BREAK + BREAK + "b", "a\n\nb"),
        (" pre\n formatted", "pre\nformatted"),
        (" if a:\n     b  = 1\n\n text", "if a:\n    b  = 1\n\ntext"),
        ("a    b", "a b"),
        ("----\ntext", "text"),
        ("| cell || cell\n|-\ntext\n{| class=x", "text"),
        ("one\n\x00\ntwo", "one\n\ntwo"),
        ("", ""),
        ("\n\n\n", ""),
        (". , ;", ""),
    ],
)
def test_lines_become_paragraphs(lines, text):
    assert lay_out(lines) == text


@pytest.mark.parametrize(
    "lines, text",
    [
        ("* a\n* b", "- a\n- b"),
        ("* a\n** b\n* c", "- a\n  - b\n- c"),
        ("# a\n# b\n## c\n# d\n## e", "1. a\n2. b\n  1. c\n3. d\n  1. e"),
        ("# a\n\n# b", "1. a\n\n1. b"),
        ("; term\n: definition", "term\ndefinition"),
        ("* a\n*\n* \n* b", "- a\n- b"),
        ("* , also published as vol 3", ""),
        ("* \x00 : a\n** b", "- a\n  - b"),
        ("intro:\n* a", "intro:\n\n- a"),
        ("#" * 40 + " deep", "  " * 9 + "1. deep"),
    ],
)
def test_lists_stay_readable(lines, text):
    assert lay_out(lines) == text


@pytest.mark.parametrize(
    "lines, text",
    [
        ("== A ==\ntext", "A\n\ntext"),
        ("== A ==\n== B ==\ntext", "B\n\ntext"),
        ("== A ==\n=== B ===\ntext", "A\n\nB\n\ntext"),
        ("== A ==\n=== B ===\n== C ==\ntext\n== D ==", "C\n\ntext"),
        ("=== A ===\n== B ==\ntext", "B\n\ntext"),
        ("== A = B ==\ntext", "A = B\n\ntext"),
        ("== A == \x00\ntext", "A\n\ntext"),
        ("== A ==\n* \n¹", ""),
        ("= = =", ""),
    ],
)
def test_headings_of_emptied_sections_go(lines, text):
    assert lay_out(lines) == text


@pytest.mark.parametrize(
    "text, verbatim, restored",
    [("a \x010\x02 b", ["$x$"], "a $x$ b"), ("\x011\x02\x010\x02", ["a", "b"], "ba"), (" plain ", [], "plain")],
)
def test_code_and_formulas_come_back(text, verbatim, restored):
    assert restore(text, verbatim) == restored
