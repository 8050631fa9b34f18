"""Tests of filters/tex_expander.py."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.tex_expander import Expanded, expand_macros


@pytest.mark.parametrize(
    "text, expanded",
    [
        ("", ""),
        ("no macros \\alpha", "no macros \\alpha"),
        (r"\newcommand{\a}{x}\a.", "x."),
        (r"\newcommand{\a}{x}\a\a", "xx"),
        (r"\newcommand{\a}{x}\a", "x"),
        (r"\def\abs#1{|#1|}\abs{\abs{y}}", "||y||"),
        (r"\newcommand\v[2][d]{#1:#2}\v{x} \v[y]{z}", "d:x y:z"),
        ("\\newcommand{\\l}\n[1]\n{a\n#1}\\l{b}", "a\nb"),
        (r"\let\e=\epsilon $\e_1$", r" $\epsilon_1$"),
        (r"\DeclareMathOperator*{\am}{arg\,max}\am_x", r"\operatorname*{arg\,max}_x"),
        (r"\a\def\a{x}", r"\a"),
    ],
)
def test_macros_are_expanded_where_they_are_used(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"\def\b{1}\def\a{\b\b}\a", "11"),
        (r"\def\a{\b}\def\b{1}\a\def\b{2}\a", "12"),
        (r"\def\a{x}\renewcommand{\a}{y}\a", "y"),
        (r"\def\a{x}\providecommand{\a}{y}\a", "x"),
        (r"\providecommand{\a}{y}\a", "y"),
        (r"\def\y#1{[#1]}\def\x{\y}\x{k}", "[k]"),
        (r"\def\d#1{\def\i##1{#1##1}}\d{q}\i{z}", "qz"),
        (r"\def\be{\begin{equation}}\be x", r"\begin{equation}x"),
    ],
)
def test_nested_and_changed_macros_follow_the_order_of_the_text(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"\def\a{x}\a y", "xy"),
        (r"\def\a{x}\a{} y", "x y"),
        (r"\def\a{x}\a{}^2", "x{}^2"),
        (r"\def\a{\alpha}\a{}b", r"\alpha b"),
        (r"\def\a{x}\a{}", "x"),
        (r"\newcommand{\c}{C\xspace}\c{}s \c s", "Cs C s"),
        (r"\newcommand{\d}{\c}\newcommand{\c}{C\xspace}\d{}s \d s", "Cs C s"),
        ("\\def\\a{x}\\a\ny", "x\ny"),
        (r"\def\a{\alpha}\a y", r"\alpha y"),
        (r"\def\a{word}\it\a", r"\it word"),
        (r"\def\a{b+c}\sqrt\a \frac\a2", r"\sqrt{b+c}\frac{b+c}2"),
        (r"\def\a{\pi}\sqrt\a", r"\sqrt\pi"),
        (r"\newcommand{\c}{C\xspace}\c is \c, \c; \c\ x", r"C is C, C; C\ x"),
        (r"\newcommand{\c}{C\xspace}\c (x) \c", "C (x) C"),
        (r"\def\<{\langle}\< x", r"\langle x"),
    ],
)
def test_blanks_stand_where_tex_would_see_them(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, left, unexpanded",
    [
        (r"\def\x#1|#2{..}\x ab", r"\x ab", 1),
        (r"\def\m{\ifmmode a\else b\fi}\m c\m", r"\def\m{\ifmmode a\else b\fi}\m c\m", 2),
        (r"\def\m{\@x}\def\n{\m}\n", r"\def\m{\@x}\n", 1),
        (r"\newcommand{\a}[1]{x}{\a}", r"{\a}", 1),
        (r"\newcommand{\a}[1]{x}\a{b", r"\a{b", 1),
        (r"\def\a{\a\a}\a b", r"\a b", 1),
        (r"\def\a{x\a}\a b", r"\a b", 1),
        (r"\def\a{\b}\def\b{\a}\a b", r"\a b", 1),
        (r"\renewcommand{\section}[1]{x}\section{y}", r"\renewcommand{\section}[1]{x}\section{y}", 0),
    ],
)
def test_calls_that_cannot_be_expanded_stand_and_are_counted(text, left, unexpanded):
    result = expand_macros(text)
    assert (result.text, result.unexpanded, result.expanded) == (left, unexpanded, 0)


def test_literal_passages_are_not_expanded():
    assert expand_macros(r"\def\a{x}\verb|\a| \a").text == r"\verb|\a| x"


def test_a_call_that_grows_too_far_is_taken_back_whole():
    text = r"\def\a{\b\b}" + "".join(
        rf"\def\{x}{{\{y}\{y}}}" for x, y in zip("bcdefghijklmno", "cdefghijklmnop", strict=True)
    )
    result = expand_macros(text + r"\def\p{0123456789} left \a right")
    assert result == Expanded(r" left \a right", 0, 1, 16)


@pytest.mark.parametrize("limit, unexpanded", [(1, 1), (100, 0)])
def test_growth_is_bounded_by_the_length_of_the_call(limit, unexpanded):
    text = r"\def\twice#1{#1#1}\def\four#1{\twice{#1}\twice{#1}}\four{" + "x" * 10_000 + "}"
    assert expand_macros(text, max_expansion=limit).unexpanded == unexpanded


@pytest.mark.parametrize(
    "text",
    [
        r"\def\a#1{x}" + r"\a{" * 20_000,
        r"\def\a#1{x#1}" + r"\a{" * 10_000 + "}" * 10_000,
        r"\newcommand{\a}{" * 20_000,
        r"\def\a{\b\b}\def\b{\a\a}" + r"\a" * 10_000,
        r"\def\a#1#2{#2#1#1}" + r"\a\a\a" * 10_000,
        r"\def\a#1{[#1]}" + "{" * 10_000 + r"\a" + "}" * 10_000,
    ],
    ids=["unclosed arguments", "deep arguments", "unclosed definitions", "mutual", "self-feeding", "deep braces"],
)
def test_hostile_macros_end_soon_and_small(text):
    started = time.process_time()
    result = expand_macros(text)
    assert time.process_time() - started < 10
    assert len(result.text) <= 10 * len(text) + 200_000


@given(st.text(alphabet="ab \\\n{}[]#$%1", max_size=80))
def test_text_without_definitions_is_untouched(text):
    assert expand_macros(text) == Expanded(text, 0, 0, 0)


@given(
    st.lists(
        st.sampled_from(["\\a", "\\b", "{", "}", "[", "]", "x", " ", "\n", "\\def", "\\newcommand", "#1", "\\let"]),
        max_size=25,
    )
)
def test_whatever_is_written_the_reading_ends(pieces):
    text = r"\def\a#1{<#1>}\newcommand{\b}[2][d]{\a{#1}#2}" + "".join(pieces)
    assert len(expand_macros(text, max_expansion=2).text) <= 2 * len(text) + 400_000


@given(st.integers(1, 8), st.text(alphabet="xyz", min_size=1, max_size=9))
def test_chain_of_macros_ends_with_its_last_body(length, body):
    names = [f"\\m{'i' * index}" for index in range(1, length + 1)]
    chain = "".join(rf"\def{name}{{{target}}}" for name, target in zip(names, [*names[1:], body], strict=True))
    assert expand_macros(chain + names[0] + "{}").text == body


def test_golden_preamble_of_an_astronomer():
    text = (
        r"\newcommand{\etal}{et\,al.\xspace}\newcommand{\Eq}[1]{Equation~(\ref{eq:#1})}\def\kms{km\,s$^{-1}$}"
        r"\newcommand{\bvec}[1]{\ensuremath{\boldsymbol{#1}}}\newcommand{\T}{\ensuremath{\mathrm{T}}}"
        "\nSmith \\etal (2003) moved at 5 \\kms, see \\Eq{move}: $\\bvec{v}^\\T$."
    )
    assert expand_macros(text).text == (
        "\nSmith et\\,al. (2003) moved at 5 km\\,s$^{-1}$, see Equation~(\\ref{eq:move}): "
        "$\\ensuremath{\\boldsymbol{v}}^\\ensuremath{\\mathrm{T}}$."
    )


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"\def\x#1|#2{<#1,#2>}\x a b|c", "<a b,c>"),
        (r"\def\at(#1,#2){#1-#2}\at(1,{2)}) x", "1-2) x"),
        (r"\NewDocumentCommand{\x}{O{d} m}{#1#2}\x{a}\x[b]{c}", "dabc"),
        (r"\let\eps=e\eps", "e"),
        (r"\newrobustcmd{\x}{y}\x", "y"),
    ],
)
def test_rarer_definitions_are_expanded_too(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"\def\a{1}\let\b\a\def\a{2}\b\a", "12"),
        (r"\let\old\emph\renewcommand{\emph}[1]{\old{#1}!}\emph{x}", r"\emph{x}!"),
        (r"\let\oldsection\section\oldsection{A}", r"\section{A}"),
        (r"\let\b\undefined\def\undefined{x}\b", r"\undefined"),
    ],
)
def test_an_alias_means_what_its_target_meant_then(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"\def\a{1}{\def\a{2}\a}\a", "{2}1"),
        (r"{\def\a{2}\a}\a", r"{2}\a"),
        (r"\def\a{1}{\gdef\a{2}\a}\a", "{2}2"),
        (r"\def\a{1}{\global\def\a{2}}\a", "{}2"),
        (r"\def\a{1}\begingroup\def\a{2}\a\endgroup\a", r"\begingroup2\endgroup1"),
        (r"\def\a{1}\begin{x}\def\a{2}\a\end{x}\a", r"\begin{x}2\end{x}1"),
        (r"\def\a{1}{\def\a{2}\def\a{3}\a}\a", "{3}1"),
        (r"\def\a{1}{\def\a{2}{\def\a{3}\a}\a}\a", "{{3}2}1"),
        (r"{\def\a{2}\begin{document}}\begin{document}\def\b{1}\a\b", r"{\begin{document}}\begin{document}21"),
    ],
)
def test_a_definition_holds_to_the_end_of_its_group(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text, expanded",
    [
        ("a\n\\def\\x{y}\nb", "a\nb"),
        ("a\n  \\def\\x{y}  \nb\\x", "a\nby"),
        ("a \\def\\x{y}\nb", "a \nb"),
        ("a\n\\def\\x{y} b", "a\n b"),
        ("\\def\\x{y}\n\nb", "\nb"),
    ],
)
def test_a_definition_alone_on_its_line_leaves_no_empty_line(text, expanded):
    assert expand_macros(text).text == expanded


@pytest.mark.parametrize(
    "text",
    [
        r"\def\b{" + "x" * 200_000 + r"\@z}\b" + r"\b" * 5_000,
        r"\def\a#1|{x}" + r"\a y" * 5_000,
        r"\newcommand{\a}[1][d]{#1}" + r"\a[" * 5_000,
        "".join(rf"\def\{'a' * (index % 50 + 1)}{{x}}" for index in range(5_000)),
        "".join("{" + rf"\def\{'a' * (index % 50 + 1)}{{x}}" for index in range(5_000)),
        r"\def\a{\b}" * 5_000 + r"\a" * 5_000,
        r"\newcommand{\a}{b" * 5_000,
    ],
    ids=["machinery", "delimiters", "options", "definitions", "scopes", "redefinitions", "unclosed"],
)
def test_adversarial_definitions_cost_linear_time(text):
    started = time.process_time()
    expand_macros(text)
    assert time.process_time() - started < 10


ONE_DOT = (
    r"\makeatletter\DeclareRobustCommand\onedot{\futurelet\@let@token\@onedot}"
    r"\def\@onedot{\ifx\@let@token.\else.\null\fi\xspace}\def\eg{\emph{e.g}\onedot} \def\etal{et al\onedot}\makeatother"
)


@pytest.mark.parametrize(
    "text, expanded",
    [
        (r"as \eg this", r"as \emph{e.g}. this"),
        (r"as \eg~this", r"as \emph{e.g}.~this"),
        (r"Smith \etal. So", "Smith et al. So"),
        (r"Smith \etal, so", "Smith et al., so"),
        (r"Smith \etal{}s", "Smith et al.s"),
        (r"Smith \etal", "Smith et al."),
    ],
)
def test_one_dot_of_computer_visions_templates_is_one(text, expanded):
    assert expand_macros(ONE_DOT + text).text.rpartition(r"\makeatother")[2] == expanded


def test_a_space_factor_is_no_machinery():
    assert expand_macros(r"\newcommand{\etal}{et~al.\@}Smith \etal\ (2003)").text == r"Smith et~al.\@\ (2003)"
