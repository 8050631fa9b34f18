"""Tests of filters/tex_arguments.py."""

import pytest

from filters.tex_arguments import Macro, Parameter, UnclosedGroupError, after_gap, fill_in, read_arguments, separator


def macro(count, default, body):
    parameters = [Parameter() for _ in range(count)]
    if default is not None:
        parameters[0] = Parameter(default=default)
    return Macro(body, tuple(parameters))


@pytest.mark.parametrize(
    "text, macro, arguments, end",
    [
        ("{a}{b}c", macro(2, None, ""), ["a", "b"], 6),
        (" {a} {b}", macro(2, None, ""), ["a", "b"], 8),
        ("ab", macro(2, None, ""), ["a", "b"], 2),
        (r"\alpha b", macro(1, None, ""), [r"\alpha"], 6),
        ("[o]{a}", macro(2, "d", ""), ["o", "a"], 6),
        ("{a}", macro(2, "d", ""), ["d", "a"], 3),
        ("rest", macro(0, None, ""), [], 0),
    ],
)
def test_arguments_are_read(text, macro, arguments, end):
    assert read_arguments(text, 0, macro) == (arguments, end)


@pytest.mark.parametrize("text", ["", "}", "{a}", "{a}}", "{a}\n\n{b}"])
def test_missing_argument_is_none(text):
    assert read_arguments(text, 0, macro(2, None, "")) is None


def test_argument_without_its_end_raises():
    with pytest.raises(UnclosedGroupError):
        read_arguments("{a", 0, macro(1, None, ""))


@pytest.mark.parametrize(
    "body, arguments, text",
    [
        ("#1+#2", ["a", "b"], "a+b"),
        ("#2#1", ["a", "b"], "ba"),
        (r"\alpha#1", ["b"], r"\alpha b"),
        (r"\alpha#1", ["{b}"], r"\alpha{b}"),
        (r"#1x", [r"\alpha"], r"\alpha x"),
        (r"#1#2", [r"\alpha", "b"], r"\alpha b"),
        ("##1", [], "#1"),
        ("#9", ["a"], "#9"),
        ("", [], ""),
    ],
)
def test_arguments_take_their_places(body, arguments, text):
    assert fill_in(macro(len(arguments), None, body), arguments) == text


@pytest.mark.parametrize(
    "last, following, gap",
    [(r"\a", "b", " "), (r"\a", "1", ""), (r"\a", "é", ""), ("a", "b", ""), (r"\,", "b", ""), (r"\a", "", "")],
)
def test_words_are_kept_apart(last, following, gap):
    assert separator([last], following) == gap


@pytest.mark.parametrize(
    "last, following", [(r"\a", "a"), (r"\a", "z"), (r"\a", "A"), (r"\a", "Z"), (r"x\a", "b"), (r"\@a", "b")]
)
def test_every_letter_would_lengthen_a_name(last, following):
    assert separator([last], following) == " "
    assert separator([last, ""], following) == " "
    assert separator([], following) == ""


@pytest.mark.parametrize(
    "text, macro, arguments, end",
    [
        ("\n{a}", macro(1, None, ""), ["a"], 4),
        ("[never closed {a}", macro(1, "d", ""), ["d"], 0),
        (r"\,b", macro(2, None, ""), [r"\,", "b"], 3),
        ("[{]}]{a}", macro(2, "d", ""), ["{]}", "a"], 8),
        ("[o]{a}", macro(2, None, ""), ["[", "o"], 2),
    ],
)
def test_arguments_stand_in_several_forms(text, macro, arguments, end):
    assert read_arguments(text, 0, macro) == (arguments, end)


def delimited(*delimiters, prefix=""):
    return Macro("", tuple(Parameter(delimiter=delimiter) for delimiter in delimiters), prefix)


@pytest.mark.parametrize(
    "text, called, arguments, end",
    [
        ("a|bc", delimited("|", ""), ["a", "b"], 3),
        ("a {|} b|c", delimited("|"), ["a {|} b"], 8),
        ("{a b}|c", delimited("|"), ["a b"], 6),
        ("{a}{b}|", delimited("|"), ["{a}{b}"], 7),
        (r"a\|b|", delimited("|"), [r"a\|b"], 5),
        ("(a,b)c", delimited(",", ")", prefix="("), ["a", "b"], 5),
        (" (a)", delimited(")", prefix="("), ["a"], 4),
        ("a b", delimited(" "), ["a"], 2),
        (" a|", delimited("|"), ["a"], 3),
        ("a\n  b", delimited(" "), ["a"], 4),
        (r"a\ends b\end c", delimited(r"\end"), [r"a\ends b"], 12),
        ("|b", delimited("|"), [""], 1),
        ("x to y.", delimited(" to ", "."), ["x", "y"], 7),
    ],
)
def test_delimited_arguments_end_where_tex_ends_them(text, called, arguments, end):
    assert read_arguments(text, 0, called) == (arguments, end)


@pytest.mark.parametrize("text", ["ab", "a}|", "a\n\nb|", "{a|", "x" * 5000 + "|"])
def test_an_argument_without_its_delimiter_is_none(text):
    assert read_arguments(text, 0, delimited("|")) is None


def test_a_call_without_its_prefix_is_none():
    assert read_arguments("[a)", 0, delimited(")", prefix="(")) is None


@pytest.mark.parametrize(
    "called, searches",
    [(macro(2, None, ""), False), (macro(1, "d", ""), True), (delimited("|"), True), (Macro("", prefix="("), True)],
)
def test_calls_that_may_look_far_are_known(called, searches):
    assert called.searches is searches


@pytest.mark.parametrize("text, place", [("a", 0), (" \t\n a", 4), ("\n\na", 1), ("", 0)])
def test_a_gap_holds_one_line_end(text, place):
    assert after_gap(text, 0) == place
