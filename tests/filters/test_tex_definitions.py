"""Tests of filters/tex_definitions.py."""

import pytest

from filters.tex_arguments import Macro, Parameter, UnclosedGroupError
from filters.tex_definitions import DEFINITION, Definition, read_definition


def macro(count, default, body):
    parameters = [Parameter() for _ in range(count)]
    if default is not None:
        parameters[0] = Parameter(default=default)
    return Macro(body, tuple(parameters))


def read(text):
    return read_definition(text, DEFINITION.match(text))


@pytest.mark.parametrize(
    "text, name, macro",
    [
        (r"\newcommand{\a}{x}", r"\a", macro(0, None, "x")),
        (r"\newcommand\a{x}", r"\a", macro(0, None, "x")),
        (r"\newcommand*{\a}[2]{#1#2}", r"\a", macro(2, None, "#1#2")),
        (r"\renewcommand{\a}[1][d]{#1}", r"\a", macro(1, "d", "#1")),
        (r"\renewcommand{\a}[1][{]}]{#1}", r"\a", macro(1, "{]}", "#1")),
        (r"\providecommand{\a}{x}", r"\a", macro(0, None, "x")),
        (r"\DeclareRobustCommand{\a}{x}", r"\a", macro(0, None, "x")),
        ("\\newcommand{\\a}\n  [1]\n  {x\n{#1}}", r"\a", macro(1, None, "x\n{#1}")),
        (r"\newcommand\a\b", r"\a", macro(0, None, r"\b")),
        (r"\newcommand{\<}{\langle}", r"\<", macro(0, None, r"\langle")),
    ],
)
def test_latex_definitions_are_read(text, name, macro):
    assert read(text) == Definition(name, macro, len(text))


@pytest.mark.parametrize(
    "text, name, macro",
    [
        (r"\def\a{x}", r"\a", macro(0, None, "x")),
        (r"\def\a#1#2{#2#1}", r"\a", macro(2, None, "#2#1")),
        (r"\long\def\a#1{x}", r"\a", macro(1, None, "x")),
        (r"\gdef\a{x{y}}", r"\a", macro(0, None, "x{y}")),
        (r"\DeclareMathOperator{\a}{arg}", r"\a", macro(0, None, r"\operatorname{arg}")),
        (r"\DeclareMathOperator*{\a}{arg}", r"\a", macro(0, None, r"\operatorname*{arg}")),
    ],
)
def test_tex_and_amsmath_definitions_are_read(text, name, macro):
    assert (read(text).name, read(text).macro, read(text).end) == (name, macro, len(text))


@pytest.mark.parametrize(
    "text",
    [
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


@pytest.mark.parametrize("text", [r"\newcommand", r"\newcommand{a}{b}", r"\newcommand{\a}", r"\def\a", r"\def x"])
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
    "command",
    [
        *(r"\newcommand \newcommand* \renewcommand \renewcommand* \providecommand \providecommand*".split()),
        *(r"\DeclareRobustCommand \DeclareRobustCommand* \def \edef \gdef \xdef".split()),
        *(r"\long\def \global\def \outer\def \protected\def \long\global\def".split()),
    ],
)
def test_every_way_to_define_a_macro_is_known(command):
    text = rf"{command}\a{{x}}"
    assert (read(text).macro, read(text).end) == (macro(0, None, "x"), len(text))


@pytest.mark.parametrize("text", [r"\let\a\b", r"\let \a = \b", r"\let\a=\b", r"\global\let\a\b", r"\let\a\,"])
def test_an_alias_stands_for_one_control_sequence(text):
    definition = read(text)
    assert (definition.macro, definition.alias) == (Macro(text[-2:], is_final=True), text[-2:])


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


@pytest.mark.parametrize(
    "body", [r"a \iff b", r"\theta", r"\theorem", r"\verbose", r"a@b", r"\newtheorem", r"al.\@", r"\@ b"]
)
def test_a_body_that_only_resembles_machinery_is_a_macro(body):
    assert read(rf"\def\a{{{body}}}").macro == macro(0, None, body)


@pytest.mark.parametrize(
    "name",
    [
        *(r"\part \chapter \section \subsection \subsubsection \paragraph \subparagraph \begin \end \title".split()),
        *(r"\newsec \subsec \beginsection \appendices \listrefs \Refs \bye".split()),
        *(r"\abstract \appendix \documentclass \documentstyle \usepackage \input \include \bibliography".split()),
        *(r"\bibitem \item \\ \{ \} \% \# \$ \& \_ \[ \] \( \) \newcommand \renewcommand \def \let \relax".split()),
    ],
)
def test_what_later_rules_find_their_way_by_is_never_a_macro(name):
    assert read(rf"\renewcommand{{{name}}}{{x}}").macro is None


@pytest.mark.parametrize("gap, known", [(200, False), (199, True)])
def test_a_body_begins_within_reach_of_its_name(gap, known):
    assert (read(r"\def\a" + "." * gap + "{x}") is not None) is known


@pytest.mark.parametrize(
    "text, parameters, prefix",
    [
        (r"\def\a#1|#2{x}", (Parameter(delimiter="|"), Parameter()), ""),
        (r"\def\a(#1,#2){x}", (Parameter(delimiter=","), Parameter(delimiter=")")), "("),
        (r"\def\a#1 #2{x}", (Parameter(delimiter=" "), Parameter()), ""),
        (r"\def\a #1\end{x}", (Parameter(delimiter=r"\end"),), ""),
        (r"\def\a {x}", (), ""),
    ],
)
def test_delimiters_of_plain_definitions_are_read(text, parameters, prefix):
    assert read(text).macro == Macro("x", parameters, prefix)


@pytest.mark.parametrize(
    "text", [r"\def\a#2#1{x}", r"\def\a#1#{x}", r"\def\a#0{x}", r"\edef\a{\a x}", r"\xdef\a{\a x}"]
)
def test_definitions_that_tex_alone_can_read_are_left_alone(text):
    assert read(text) == Definition(r"\a", None, len(text), is_global=text.startswith(r"\x"))


@pytest.mark.parametrize(
    "command, is_global",
    [
        (r"\def", False),
        (r"\edef", False),
        (r"\gdef", True),
        (r"\xdef", True),
        (r"\global\def", True),
        (r"\long\gdef", True),
    ],
)
def test_what_outlives_its_group_is_known(command, is_global):
    assert read(rf"{command}\a{{x}}").is_global is is_global


@pytest.mark.parametrize("text, is_global", [(r"\let\a\b", False), (r"\global\let\a\b", True)])
def test_an_alias_may_be_global_too(text, is_global):
    assert read(text).is_global is is_global


@pytest.mark.parametrize("text, alias", [(r"\let\a b", "b"), (r"\let\a=b", "b"), (r"\let\a = *", "*")])
def test_an_alias_may_stand_for_a_character(text, alias):
    assert (read(text).macro, read(text).alias) == (Macro(alias, is_final=True), alias)


@pytest.mark.parametrize("text", [r"\let\ifdraft\iffalse", r"\let\ifa\ifb", r"\let\a\my@b"])
def test_an_alias_of_machinery_is_none(text):
    assert read(text).macro is None


def test_equivalence_is_no_conditional():
    assert read(r"\let\iff\Leftrightarrow").macro == Macro(r"\Leftrightarrow", is_final=True)


@pytest.mark.parametrize("verb", ["New", "Renew", "Provide", "Declare", "NewExpandable", "DeclareExpandable"])
def test_document_commands_are_read(verb):
    text = rf"\{verb}DocumentCommand{{\a}}{{m O{{d}} +m}}{{#1#2#3}}"
    parameters = (Parameter(), Parameter(default="d"), Parameter())
    assert read(text) == Definition(r"\a", Macro("#1#2#3", parameters), len(text))


@pytest.mark.parametrize("kinds", ["s m", "o m", "r() m", "d<> m", "m v"])
def test_kinds_of_arguments_that_we_lack_are_left_alone(kinds):
    assert read(rf"\NewDocumentCommand\a{{{kinds}}}{{x}}").macro is None


@pytest.mark.parametrize("text", [r"\NewDocumentCommand\a", r"\NewDocumentCommand\a{m}", r"\NewDocumentCommand\a x{y}"])
def test_half_a_document_command_is_none(text):
    assert read(text) is None


@pytest.mark.parametrize(
    "body, read_as",
    [
        (r"\ifmmode x\else $x$\fi", r"\ensuremath{x}"),
        (r"\ifmmode{\rm x}\else${\rm x}$\fi\xspace", r"\ensuremath{{\rm x}}\xspace"),
        (r"\ifmmode \alpha\else\ensuremath{\alpha}\fi", r"\ensuremath{\alpha}"),
        (r"\relax\ifmmode x\else\(x\)\fi", r"\relax\ensuremath{x}"),
    ],
)
def test_what_is_the_same_in_text_and_maths_is_one(body, read_as):
    assert read(rf"\def\a{{{body}}}").macro == Macro(read_as)


@pytest.mark.parametrize("body", [r"\ifmmode x\else y\fi", r"\ifmmode x\fi", r"\ifmmode\ifx ab\fi\else\fi"])
def test_what_differs_in_text_and_maths_is_machinery(body):
    assert read(rf"\def\a{{{body}}}").macro is None


@pytest.mark.parametrize(
    "text, is_macro",
    [
        (r"\def\mysection#1{\bigskip{\bf #1}}", False),
        (r"\newcommand{\subsect}[1]{{\bf #1}}", True),
        (r"\newcommand{\sssubsection}[1]{\subsection{#1}}", True),
        (r"\newcommand{\bparagraph}[1]{\noindent{\bf #1}}", False),
        (r"\newcommand{\Npart}{N_{\rm part}}", True),
        (r"\newcommand{\crosssection}[1]{\sigma_{#1}}", True),
        (r"\newcommand{\xsection}{\sigma}", True),
        (r"\renewcommand{\thesection}[1]{#1}", True),
    ],
)
def test_a_heading_made_by_hand_keeps_its_name(text, is_macro):
    assert (read(text).macro is not None) is is_macro


@pytest.mark.parametrize(
    "body, read_as",
    [
        (r"{TODO: #1}\PackageWarning{TODO:}{#1!}", "{TODO: #1}"),
        (r"\ClassWarningNoLine{a} {b}x", "x"),
        (r"x\PackageInfo{a}{b}\typeout {#1}y", "xy"),
        (r"\typeout{{#1}}x", r"\typeout{{#1}}x"),
        (r"\typeouts{#1}x", r"\typeouts{#1}x"),
        (r"\PackageWarning{a}x", r"\PackageWarning{a}x"),
    ],
)
def test_what_a_macro_tells_the_console_is_no_text(body, read_as):
    assert read(rf"\newcommand{{\a}}[1]{{{body}}}").macro == macro(1, None, read_as)
