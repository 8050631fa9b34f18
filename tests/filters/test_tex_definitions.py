"""Tests of filters/tex_definitions.py."""

import pytest

from filters.tex_definitions import (
    DEFINITION,
    Definition,
    Macro,
    UnclosedGroupError,
    fill_in,
    read_arguments,
    read_definition,
    separator,
)


def read(text):
    return read_definition(text, DEFINITION.match(text))


@pytest.mark.parametrize(
    "text, name, macro",
    [
        (r"\newcommand{\a}{x}", r"\a", Macro(0, None, "x")),
        (r"\newcommand\a{x}", r"\a", Macro(0, None, "x")),
        (r"\newcommand*{\a}[2]{#1#2}", r"\a", Macro(2, None, "#1#2")),
        (r"\renewcommand{\a}[1][d]{#1}", r"\a", Macro(1, "d", "#1")),
        (r"\renewcommand{\a}[1][{]}]{#1}", r"\a", Macro(1, "{]}", "#1")),
        (r"\providecommand{\a}{x}", r"\a", Macro(0, None, "x")),
        (r"\DeclareRobustCommand{\a}{x}", r"\a", Macro(0, None, "x")),
        ("\\newcommand{\\a}\n  [1]\n  {x\n{#1}}", r"\a", Macro(1, None, "x\n{#1}")),
        (r"\newcommand\a\b", r"\a", Macro(0, None, r"\b")),
        (r"\newcommand{\<}{\langle}", r"\<", Macro(0, None, r"\langle")),
    ],
)
def test_latex_definitions_are_read(text, name, macro):
    assert read(text) == Definition(name, macro, len(text))


@pytest.mark.parametrize(
    "text, name, macro",
    [
        (r"\def\a{x}", r"\a", Macro(0, None, "x")),
        (r"\def\a#1#2{#2#1}", r"\a", Macro(2, None, "#2#1")),
        (r"\long\def\a#1{x}", r"\a", Macro(1, None, "x")),
        (r"\gdef\a{x{y}}", r"\a", Macro(0, None, "x{y}")),
        (r"\let\a=\alpha", r"\a", Macro(0, None, r"\alpha")),
        (r"\let\a\alpha", r"\a", Macro(0, None, r"\alpha")),
        (r"\DeclareMathOperator{\a}{arg}", r"\a", Macro(0, None, r"\operatorname{arg}")),
        (r"\DeclareMathOperator*{\a}{arg}", r"\a", Macro(0, None, r"\operatorname*{arg}")),
    ],
)
def test_tex_and_amsmath_definitions_are_read(text, name, macro):
    assert read(text) == Definition(name, macro, len(text))


@pytest.mark.parametrize(
    "text",
    [
        r"\def\a#1|#2{x}",
        r"\def\a{\@ifnextchar*{b}{c}}",
        r"\def\a{\ifmmode x\else y\fi}",
        r"\def\a{\csname x\endcsname}",
        r"\newcommand{\section}{x}",
        r"\def\my@a{x}",
        r"\let\ifdraft\iffalse",
    ],
)
def test_machinery_is_recognised_and_left_alone(text):
    definition = read(text)
    assert definition.macro is None
    assert definition.end == len(text)


@pytest.mark.parametrize(
    "text", [r"\newcommand", r"\newcommand{a}{b}", r"\newcommand{\a}", r"\def\a", r"\let\a b", r"\def x"]
)
def test_half_a_definition_is_none(text):
    assert read(text) is None


@pytest.mark.parametrize("text", [r"\newcommand{\a}{x", r"\def\a{{x}", r"\newcommand{\a}[1]{#1"])
def test_definition_without_its_end_says_what_the_search_cost(text):
    with pytest.raises(UnclosedGroupError) as caught:
        read(text)
    assert caught.value.searched_chars == len(text) - text.index("{", 13 if "new" in text else 0)


@pytest.mark.parametrize("text", [r"\newcommands{\a}{x}", r"\defx\a{x}", r"\letter\a\b", r"\mydef\a{x}"])
def test_longer_names_define_nothing(text):
    assert DEFINITION.match(text) is None


@pytest.mark.parametrize(
    "text, macro, arguments, end",
    [
        ("{a}{b}c", Macro(2, None, ""), ["a", "b"], 6),
        (" {a} {b}", Macro(2, None, ""), ["a", "b"], 8),
        ("ab", Macro(2, None, ""), ["a", "b"], 2),
        (r"\alpha b", Macro(1, None, ""), [r"\alpha"], 6),
        ("[o]{a}", Macro(2, "d", ""), ["o", "a"], 6),
        ("{a}", Macro(2, "d", ""), ["d", "a"], 3),
        ("rest", Macro(0, None, ""), [], 0),
    ],
)
def test_arguments_are_read(text, macro, arguments, end):
    assert read_arguments(text, 0, macro) == (arguments, end)


@pytest.mark.parametrize("text", ["", "}", "{a}", "{a}}", "{a}\n\n{b}"])
def test_missing_argument_is_none(text):
    assert read_arguments(text, 0, Macro(2, None, "")) is None


def test_argument_without_its_end_raises():
    with pytest.raises(UnclosedGroupError):
        read_arguments("{a", 0, Macro(1, None, ""))


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
    assert fill_in(Macro(len(arguments), None, body), arguments) == text


@pytest.mark.parametrize(
    "last, following, gap",
    [(r"\a", "b", " "), (r"\a", "1", ""), (r"\a", "é", ""), ("a", "b", ""), (r"\,", "b", ""), (r"\a", "", "")],
)
def test_words_are_kept_apart(last, following, gap):
    assert separator([last], following) == gap


@pytest.mark.parametrize(
    "command",
    [
        *(r"\newcommand \newcommand* \renewcommand \renewcommand* \providecommand \providecommand*".split()),
        *(r"\DeclareRobustCommand \DeclareRobustCommand* \def \edef \gdef \xdef".split()),
        *(r"\long\def \global\def \outer\def \protected\def \long\global\def".split()),
    ],
)
def test_every_way_to_define_a_macro_is_known(command):
    text = rf"{command}\a{{x}}"
    assert read(text) == Definition(r"\a", Macro(0, None, "x"), len(text))


@pytest.mark.parametrize("text", [r"\let\a\b", r"\let \a = \b", r"\let\a=\b", r"\global\let\a\b", r"\let\a\,"])
def test_an_alias_stands_for_one_control_sequence(text):
    assert read(text).macro == Macro(0, None, text[-2:])


@pytest.mark.parametrize(
    "body",
    [
        r"\@a",
        r"\my@a",
        r"\ifx ab\fi",
        r"\if ab\fi",
        r"\ifdraft a\fi",
        r"\expandafter\b",
        r"\csname b\endcsname",
        r"\catcode`\%=12",
        r"\futurelet\b\c",
        r"\noexpand\b",
        r"\the\count",
        r"\ProcessOptions",
        r"\NewDocumentCommand\b{m}{x}",
        r"\verb|x|",
        r"\newenvironment{b}{c}{d}",
        r"\renewenvironment{b}{c}{d}",
    ],
)
def test_a_body_of_tex_machinery_is_no_macro(body):
    text = rf"\def\a{{{body}}}"
    assert read(text) == Definition(r"\a", None, len(text))


@pytest.mark.parametrize("body", [r"a \iff b", r"\theta", r"\theorem", r"\verbose", r"a@b", r"\newtheorem"])
def test_a_body_that_only_resembles_machinery_is_a_macro(body):
    assert read(rf"\def\a{{{body}}}").macro == Macro(0, None, body)


@pytest.mark.parametrize(
    "name",
    [
        *(r"\part \chapter \section \subsection \subsubsection \paragraph \subparagraph \begin \end \title".split()),
        *(r"\abstract \appendix \documentclass \documentstyle \usepackage \input \include \bibliography".split()),
        *(r"\bibitem \item \\ \{ \} \% \# \$ \& \_ \[ \] \( \) \newcommand \renewcommand \def \let \relax".split()),
    ],
)
def test_what_later_rules_find_their_way_by_is_never_a_macro(name):
    assert read(rf"\renewcommand{{{name}}}{{x}}").macro is None


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
        ("\n{a}", Macro(1, None, ""), ["a"], 4),
        ("[never closed {a}", Macro(1, "d", ""), ["d"], 0),
        (r"\,b", Macro(2, None, ""), [r"\,", "b"], 3),
        ("[{]}]{a}", Macro(2, "d", ""), ["{]}", "a"], 8),
        ("[o]{a}", Macro(2, None, ""), ["[", "o"], 2),
    ],
)
def test_arguments_stand_in_several_forms(text, macro, arguments, end):
    assert read_arguments(text, 0, macro) == (arguments, end)


@pytest.mark.parametrize("gap, known", [(200, False), (199, True)])
def test_a_body_begins_within_reach_of_its_name(gap, known):
    assert (read(r"\def\a" + "." * gap + "{x}") is not None) is known
